"""The way in: takes connections from inherited sockets, bears no more of them than it can, and loses none when the process goes.

It stands in the place of aiohttp's sites. What it cannot know, the outermost handler tells: `serving` while a request is worked on, `send` for
its answer, `read_body` for its body.
"""

from __future__ import annotations

import asyncio
import errno
from collections import OrderedDict
from contextlib import contextmanager, nullcontext, suppress
from ipaddress import IPv6Address, ip_address, ip_network
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_USER_TIMEOUT
from typing import TYPE_CHECKING, Final, assert_never

from aiohttp import web

from pvdify.api.connection import Bodies, Connection, Door, Limits, Stage
from pvdify.errors import PvdifyError, TooLargeError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from socket import socket

LIMITS: Final = Limits()
_BATCH: Final = 8
"""How many are accepted, and how many begin, in one turn of the loop: a TLS handshake keeps all others waiting for half a millisecond."""
_BREATH: Final = 0.1
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_FIRST: Final = 64 * 1024
_TURNS: Final = 3
_INET: Final = frozenset({AF_INET, AF_INET6})
_UNASKED: Final = frozenset({Stage.SILENT, Stage.HEAD})


class TooSlowError(PvdifyError):
    """The request took too long to arrive."""

    code = "too-slow"


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body of *request*; raise `TooLargeError` or `TooSlowError`, and 400 for one that breaks off or is no HTTP.

    Its first 64 KiB have a fixed time; it gets more only as more of it comes.
    """
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    connection = _connection(request)
    limits = LIMITS if connection is None else connection.limits
    deadline = asyncio.get_running_loop().time() + limits.body
    body = bytearray()
    try:
        with nullcontext() if connection is None else connection.body():
            async with asyncio.timeout_at(deadline) as patience:
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        raise _too_large(limit)
                    if connection is not None:
                        connection.bodies.grow(connection, len(chunk))
                    patience.reschedule(deadline + max(0, len(body) - _FIRST) / limits.rate)
    except TimeoutError:
        raise TooSlowError("cannot read the request: its body takes too long to arrive") from None
    except (ConnectionError, web.RequestPayloadError) as error:
        # its frames know the request, which keeps the error: in a flood, a cycle for each body
        raise web.HTTPBadRequest(reason="its body breaks off") from error.with_traceback(None)
    return bytes(body)


def counted_as(address: str) -> str | None:
    """The peer whose connections are counted together, by its *address*: an IPv6 network of /64 is one peer, this machine is none.

    >>> counted_as("203.0.113.7"), counted_as("::ffff:203.0.113.7"), counted_as("2001:db8::1:2:3:4")
    ('203.0.113.7', '203.0.113.7', '2001:db8::/64')
    >>> counted_as("127.0.0.1"), counted_as("::1"), counted_as("fe80::1%eth0")
    (None, None, 'fe80::/64')
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.is_loopback:
        return None
    return str(ip_network((ip, 64), strict=False)) if isinstance(ip, IPv6Address) else str(ip)


class Gate:
    """Who is in, who waits, and whether anybody may come.

    At the limit the oldest connection that is idle, or whose request is not whole, makes room for a new one; where every request is being
    served, newcomers wait in the socket's backlog. A peer that has its share drops such a connection of its own, or gets no new one.
    """

    def __init__(self, limits: Limits = LIMITS, *, peer: Callable[[str], str | None] = counted_as) -> None:
        self.closing = asyncio.Event()
        """Set when the process is to go: whoever writes a stream ends it."""
        self._limits = limits
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._doors: list[Door] = []
        self._inside: set[Connection] = set()
        self._unfinished: OrderedDict[Connection, None] = OrderedDict()
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._peers: dict[str | None, dict[Connection, None]] = {}
        self._serving = 0
        self._served = self._loop.time()
        self._eager: OrderedDict[Connection, None] = OrderedDict()
        self._bodies = Bodies(limits.bodies)
        self._moved = asyncio.Event()
        self._is_open = self._is_watching = self._is_exhausted = False

    @property
    def quiet(self) -> float:
        """Seconds since the last request was served; 0 while one is."""
        return 0.0 if self._serving else self._loop.time() - self._served

    def listen(
        self, socket: socket, server: Callable[[], asyncio.Protocol], *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Take the connections of *socket* for *server*, an `aiohttp.web.Server`, once the gate is open; *socket* stays its owner's."""
        socket.setblocking(False)
        if socket.family in _INET:
            socket.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, int(self._limits.stall * 1000))  # a peer that vanished
        self._doors.append(Door(socket, server, tls))

    def open(self) -> None:
        """Let connections in, or in again after a `close`."""
        self.closing.clear()
        self._is_open = True
        self._watch()

    def close(self) -> None:
        """Let nobody in any more, from this moment on; who comes now waits in the backlog for the next process."""
        self.closing.set()
        self._is_open = False
        self._watch()

    async def close_if_empty(self) -> bool:
        """Close if nobody inside has still to ask or to be answered; else stay open. Whoever comes meanwhile waits in the backlog."""
        self._is_open = False
        self._watch()
        await self._read_on()
        if self._serving or self._unasked():
            self.open()
            return False
        self.close()
        return True

    async def finished(self, *, grace: float = 2.0, patience: float = 30.0) -> bool:
        """Close, and wait until everybody who is in has an answer and is gone; say whether that was so within *patience*.

        Who did not ask yet has *grace* to do so. Nobody is cut off before all that has arrived already was read.
        """
        self.close()
        await self._read_on()
        for connection in tuple(self._idle):
            connection.part()
        await self._until(lambda: not self._unasked(), grace)
        for connection in self._unasked():
            connection.drop()
        is_finished = await self._until(lambda: not (self._inside or self._serving), patience)
        for connection in tuple(self._inside):
            connection.drop()
        await asyncio.sleep(0)
        return is_finished

    @contextmanager
    def serving(self, request: web.BaseRequest) -> Iterator[None]:
        """Tell that *request* is worked on: its connection is busy, and the process is not idle."""
        connection = _connection(request)
        self._serving += 1
        if connection is not None:
            connection.serve()
        try:
            yield
        finally:
            self._serving -= 1
            self._served = self._loop.time()
            self._moved.set()
            if connection is not None:
                connection.answered(is_read=request.content.is_eof())
                if self.closing.is_set():
                    self._loop.call_soon(_part_if_idle, connection)  # an answer that is not sent yet is, before that

    async def send(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Send all of *response* before its connection counts as idle. A client that left is no error.

        It is told to come back over a new connection if this one cannot be kept.
        """
        if not response.prepared and (self.closing.is_set() or not request.content.is_eof()):
            response.force_close()
        with suppress(ConnectionError):
            await response.prepare(request)
            await response.write_eof()

    @property
    def _has_room(self) -> bool:
        return len(self._inside) < self._limits.connections or bool(self._unfinished or self._idle)

    def _watch(self) -> None:
        """Take newcomers, or leave them in the backlog."""
        is_wanted = self._is_open and self._has_room and not self._is_exhausted
        if is_wanted is self._is_watching:
            return
        self._is_watching = is_wanted
        for door in self._doors:
            if is_wanted:
                self._loop.add_reader(door.socket, self._accept, door)
            else:
                self._loop.remove_reader(door.socket)

    def _accept(self, door: Door) -> None:
        for _ in range(_BATCH):
            if not self._is_watching:
                return
            try:
                socket, address = door.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._rest()
                return
            socket.setblocking(False)
            peer = self._peer(address[0]) if door.socket.family in _INET else None
            if self._makes_room(peer):
                connection = Connection(
                    socket,
                    door,
                    limits=self._limits,
                    bodies=self._bodies,
                    peer=peer,
                    heard=self._heard,
                    changed=self._changed,
                )
                self._inside.add(connection)
                self._peers.setdefault(peer, {})[connection] = None
                self._changed(connection)
            else:
                socket.close()

    def _makes_room(self, peer: str | None) -> bool:
        """Whether one more of *peer* may be in, after what had to be dropped for it."""
        others = self._peers.get(peer, {})
        if peer is not None and len(others) >= self._limits.per_peer:
            oldest = next((one for one in others if one.stage is not Stage.SERVED), None)
            if oldest is None:
                return False
            oldest.drop()
        if len(self._inside) >= self._limits.connections:
            self._drop_oldest()
        return True

    def _drop_oldest(self) -> None:
        """Drop the oldest idle or the oldest unfinished connection, of which there are more: a flood of the one kind spares the other."""
        for connection in max(self._unfinished, self._idle, key=len):
            connection.drop()
            return

    def _rest(self) -> None:
        """Descriptors or memory are used up: give one back, and take nobody for a moment."""
        self._is_exhausted = True
        self._watch()
        self._drop_oldest()
        self._loop.call_later(_BREATH, self._rested)

    def _rested(self) -> None:
        self._is_exhausted = False
        self._watch()

    def _heard(self, connection: Connection) -> None:
        if not self._eager:
            self._loop.call_soon(self._begin)
        self._eager[connection] = None

    def _begin(self) -> None:
        """Begin with the newest: in a flood, they are the likeliest to be still there and to mean it."""
        for _ in range(min(_BATCH, len(self._eager))):
            self._eager.popitem()[0].begin()
        if self._eager:
            self._loop.call_soon(self._begin)

    def _changed(self, connection: Connection) -> None:
        self._unfinished.pop(connection, None)
        self._idle.pop(connection, None)
        match connection.stage:
            case Stage.GONE:
                self._inside.discard(connection)
                self._eager.pop(connection, None)
                others = self._peers.get(connection.peer, {})
                others.pop(connection, None)
                if not others:
                    self._peers.pop(connection.peer, None)
            case Stage.IDLE:
                self._idle[connection] = None
            case Stage.SILENT | Stage.HEAD | Stage.BODY | Stage.PARTING:
                self._unfinished[connection] = None
            case Stage.SERVED:
                pass
            case _:
                assert_never(connection.stage)
        self._moved.set()
        self._watch()

    def _unasked(self) -> list[Connection]:
        """Who did not ask yet, and may still do so."""
        return [one for one in self._unfinished if one.stage in _UNASKED]

    async def _read_on(self) -> None:
        """Let the loop read all that has arrived."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _until(self, is_so: Callable[[], bool], patience: float) -> bool:
        """Wait until *is_so*, at most *patience* seconds; say whether it came to be."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not is_so():
                    self._moved.clear()
                    await self._moved.wait()
        return is_so()


def _connection(request: web.BaseRequest) -> Connection | None:
    """The connection that *request* came by; none if it is gone, or came through no gate."""
    protocol = request.transport.get_protocol() if request.transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


def _part_if_idle(connection: Connection) -> None:
    if connection.stage is Stage.IDLE:
        connection.part()


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"cannot read the request: its body is larger than {limit // 1024} KiB")
