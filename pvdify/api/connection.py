"""One connection to the API: it knows how far its client is, and ends when its client took too long.

aiohttp's own protocol reads the requests; this one stands before it, because aiohttp closes no connection whose request never comes.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from socket import socket

_UNSENT: Final = 64 * 1024
_HURRY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process bears. Times are in seconds, sizes in bytes.

    A request head has *head* seconds, from the accept or from its first byte on; a TLS handshake is part of that. A request body has *body*
    seconds, and more only if it comes at *rate* per second; all bodies that are being read may hold *bodies* together. A client that reads
    nothing for *stall* seconds is dropped. *linger* is how long a client may take to notice that its connection was closed.
    """

    connections: int = 1024
    per_peer: int = 64
    head: float = 10.0
    head_size: int = 32 * 1024
    keep_alive: float = 75.0
    body: float = 10.0
    rate: int = 32 * 1024
    bodies: int = 32 * 1024 * 1024
    stall: float = 30.0
    linger: float = 1.0


class Stage(Enum):
    """How far a connection is. Only one that is served is never dropped to make room."""

    SILENT = auto()
    HEAD = auto()
    SERVED = auto()
    BODY = auto()
    IDLE = auto()
    PARTING = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket, what makes a protocol for each of its connections, and the TLS that it speaks, if any."""

    socket: socket
    server: Callable[[], asyncio.Protocol]
    tls: ssl.SSLContext | None = None


class Bodies:
    """The bodies that are being read. Together they hold *limit* bytes: then the one that began first is dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[Connection, int] = {}
        self._sum = 0

    def grow(self, connection: Connection, size: int) -> None:
        """The body on *connection* has *size* bytes more."""
        self._held[connection] = self._held.get(connection, 0) + size
        self._sum += size
        while self._sum > self._limit:
            oldest = next(iter(self._held))
            oldest.drop()
            self.end(oldest)

    def end(self, connection: Connection) -> None:
        """The body on *connection* is read, or never will be."""
        self._sum -= self._held.pop(connection, 0)


class Connection(asyncio.Protocol):
    """An accepted connection; *heard* is called at its first byte, *changed* whenever its stage changed.

    Until `begin` it costs a descriptor and a timer: no protocol, no task, no TLS.
    """

    def __init__(
        self,
        socket: socket,
        door: Door,
        *,
        limits: Limits,
        bodies: Bodies,
        peer: str | None,
        heard: Callable[[Connection], None],
        changed: Callable[[Connection], None],
    ) -> None:
        self.stage = Stage.SILENT
        self.limits = limits
        self.bodies = bodies
        self.peer = peer
        self._socket = socket
        self._door = door
        self._heard = heard
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._making: asyncio.Task[object] | None = None
        self._inner: asyncio.Protocol | None = None
        self._wire: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._head_size = 0
        self._stall: asyncio.TimerHandle | None = None
        self._timer = self._loop.call_later(limits.head, self._expire)
        self._loop.add_reader(socket.fileno(), self._hear)  # not the socket: its repr costs more than all the rest

    def begin(self) -> None:
        """Take its request."""
        self.stage = Stage.HEAD
        protocol = self if self._door.tls is None else _Tls(self, self._door.tls, self.limits)
        self._making = self._loop.create_task(self._loop.connect_accepted_socket(lambda: protocol, self._socket))

    def serve(self) -> None:
        """A whole request head is there."""
        self._enter(Stage.SERVED, within=None)

    @contextmanager
    def body(self) -> Iterator[None]:
        """The body is waited for, by somebody who knows how long."""
        self._enter(Stage.BODY, within=None)
        try:
            yield
        finally:
            self.bodies.end(self)
            self._enter(Stage.SERVED, within=None)

    def answered(self, *, is_read: bool) -> None:
        """Wait for the next request; what is left of a body that nobody wanted (not *is_read*) has a moment to come to its end."""
        if not is_read:
            self._enter(Stage.PARTING, within=self.limits.linger)
        else:
            self._enter(Stage.IDLE, within=self.limits.stall if self._has_unsent else self.limits.keep_alive)

    def part(self) -> None:
        """Close it as a client expects it: what was answered still goes out."""
        if self._transport is not None:
            self._enter(Stage.PARTING, within=self.limits.linger)
            self._transport.close()

    def drop(self) -> None:
        """End it now."""
        if self.stage is Stage.SILENT:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        elif self._wire is not None:
            self._wire.abort()
        self._enter(Stage.GONE, within=None)  # a wire that is only being made ends in `made`

    def made(self, wire: asyncio.Transport) -> None:
        """The socket has its transport."""
        self._wire = wire
        self._making = None
        if self.stage is Stage.GONE:
            wire.abort()

    def lost(self) -> None:
        """The transport is gone, and the socket with it."""
        self._enter(Stage.GONE, within=None)
        self._wire = self._transport = None  # no cycle that would wait for the garbage collector

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # asyncio types all transports alike
        if self._wire is None:
            self.made(self._transport)
        self._transport.set_write_buffer_limits(high=_UNSENT)  # 512 KiB under TLS, were it not said
        self._protocol.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
        self.lost()

    def data_received(self, data: bytes) -> None:
        if self.stage is Stage.IDLE:
            self._head_size = 0
            self._enter(Stage.HEAD, within=self.limits.head)
        if self.stage is Stage.HEAD:
            self._head_size += len(data)
            if self._head_size > self.limits.head_size:  # or a body is with it: then it is served at once
                self._enter(Stage.HEAD, within=min(_HURRY, self._timer.when() - self._loop.time()))
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        self._stall = self._loop.call_later(self.limits.stall, self.drop)
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
        self._protocol.resume_writing()

    @property
    def _protocol(self) -> asyncio.Protocol:
        if self._inner is None:
            self._inner = self._door.server()
        return self._inner

    @property
    def _has_unsent(self) -> bool:
        return self._wire is not None and self._wire.get_write_buffer_size() > 0

    def _hear(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._heard(self)

    def _enter(self, stage: Stage, *, within: float | None) -> None:
        if self.stage is Stage.GONE:
            return
        has_changed = self.stage is not stage
        self.stage = stage
        self._timer.cancel()
        if within is not None:
            self._timer = self._loop.call_later(within, self._expire)
        if stage is Stage.GONE and self._stall is not None:
            self._stall.cancel()
        if has_changed:
            self._changed(self)

    def _expire(self) -> None:
        if self.stage is Stage.IDLE and not self._has_unsent:
            self.part()
        else:
            self.drop()


class _Tls(SSLProtocol):
    """asyncio's TLS, with a buffer for one record; its own of 256 KiB would be a quarter of a gigabyte for 1,024 clients."""

    max_size = 16 * 1024

    def __init__(self, connection: Connection, context: ssl.SSLContext, limits: Limits) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            connection,
            context,
            None,  # type: ignore[arg-type]  # nobody waits for the handshake; asyncio itself allows it
            server_side=True,
            ssl_handshake_timeout=limits.head,  # type: ignore[arg-type]  # it takes a float
            ssl_shutdown_timeout=limits.linger,
        )
        self._connection = connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connection.made(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._connection.lost()  # of a handshake that failed the connection itself hears nothing
