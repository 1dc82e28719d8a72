"""Operations carried out elsewhere: asked for over HTTP, and waited for over connections that may break.

The only module that knows httpx, and so a long one: whatever httpx says or raises ends here.
"""

from __future__ import annotations

import secrets
import socket
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import httpx
import msgspec

import pvdify
from pvdify.client import sse, trust
from pvdify.client.outcome import end_of
from pvdify.errors import AppBusyError, PastTheSwitchError, PvdifyError, UnreachableError, class_of
from pvdify.model.answers import Pending
from pvdify.model.event import EventKind
from pvdify.model.requests import Follow, ForOperation
from pvdify.operations import journal
from pvdify.operations.problem import MEDIA, PROTOCOL, Problem, error_of
from pvdify.operations.table import Kind
from pvdify.operations.wire import parts_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from pvdify.client.address import RemoteHost
    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.operations.table import A, Change, Operation, Q

T = TypeVar("T")
Pauses = tuple[float, ...]

PAUSES: Final[Pauses] = (0.1, 0.2, 0.5, 1, 2, 3, 3)
"""Seconds before a request whose connection broke is sent again."""
LONG_PAUSES: Final[Pauses] = (*PAUSES, 5, 5, 5, 5, 10, 10, 10)
"""The same for a stream: whoever follows one has time."""
_TIMEOUT: Final = httpx.Timeout(connect=10, read=300, write=60, pool=None)
_SILENCE: Final = 60.0
"""Seconds without even a sign of life, after which a stream counts as lost; the API gives one every 15 s."""
_WAIT: Final = 0.5
_KEEP_ALIVE: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)  # not every system of a client has each
    ),
)
_PASSING: Final = frozenset({"unavailable", UnreachableError.code})
_LAST: Final = frozenset({EventKind.END, EventKind.FAILED})


class _LostError(Exception):
    """There is no answer; *error* is for whoever gives up, and *may_return* says whether there is a point in asking again."""

    def __init__(self, error: PvdifyError, *, may_return: bool = True) -> None:
        super().__init__(error.message)
        self.error = error
        self.may_return = may_return


@asynccontextmanager
async def remote(
    host: RemoteHost, *, pauses: Pauses = PAUSES, long_pauses: Pauses = LONG_PAUSES
) -> AsyncIterator[Remote]:
    """A client for *host*; what it began goes on when the block is left."""
    if host.socket:
        base, transport = "http://localhost", httpx.AsyncHTTPTransport(uds=host.socket, verify=False)
    else:
        context = trust.context(host)
        base, transport = host.url, httpx.AsyncHTTPTransport(verify=context, socket_options=_KEEP_ALIVE)
    headers = {"User-Agent": f"pvdify/{pvdify.__version__}"}
    if host.token:
        headers["Authorization"] = f"Bearer {host.token}"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers, timeout=_TIMEOUT) as http:
        yield Remote(host, http, pauses, long_pauses)


@dataclass(slots=True)
class Remote:
    """The client of a host elsewhere. A connection that breaks is made again where that can have no second effect."""

    host: RemoteHost
    http: httpx.AsyncClient
    pauses: Pauses
    long_pauses: Pauses
    has_answered: bool = False

    @property
    def is_remote(self) -> bool:
        return True

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        response = await self._answered(operation, request)
        if operation.answer is str:
            return self._text(response, operation.answer)
        return self._decoded(response.content, operation.answer)

    async def stream(self, operation: Operation[Q, A], request: Q) -> AsyncGenerator[A, None]:
        """The answers as they come; one with a cursor goes on behind the last answer when its connection was lost."""
        request = operation.parsed(request)
        pauses = iter(self.long_pauses)
        while True:
            began = anyio.current_time()
            try:
                async with aclosing(self._streamed(operation, request)) as answers:
                    async for answer in answers:
                        pauses = iter(self.long_pauses)
                        request = _behind(operation, request, answer)
                        yield answer
                        if _is_last(operation, answer):
                            return
                if not operation.cursor or not getattr(request, "follow", True):
                    return
                lost = _LostError(self._unreachable("it ended the stream"))
            except _LostError as error:
                if not operation.cursor:  # asked again, it would begin again
                    raise error.error from error.__cause__
                lost = error
            if anyio.current_time() - began > _SILENCE:
                pauses = iter(self.long_pauses)
            await _slept(pauses, lost)

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        while True:
            try:
                response = await self._answered(operation, request)
            except AppBusyError:
                if not waits:
                    raise
            else:
                return self._decoded(response.content, Pending).operation
            await anyio.sleep(_WAIT)

    async def events(self, id_: str, *, after: int = -1) -> AsyncGenerator[Event, None]:
        async with aclosing(self.stream(journal.EVENTS, Follow(id=id_, after=after))) as events:
            async for event in events:
                yield event

    async def ended(self, id_: str) -> Changed:
        try:
            return await end_of(self, id_)
        except UnreachableError as error:
            error.hint = f"the operation goes on without you; follow it with `pvdify operations:follow {id_}`"
            raise

    async def cancel(self, id_: str) -> bool:
        try:
            await self.ask(journal.CANCEL, ForOperation(id=id_))
        except PastTheSwitchError:
            return False
        return True

    async def _answered(self, operation: Operation[Q, A], request: Q) -> httpx.Response:
        """The answer to *request*, asked again where it is safe: a GET, or a POST that its key makes one."""
        sent = self._request(operation, request)
        may_repeat = sent.method == "GET" or "Idempotency-Key" in sent.headers
        pauses = iter(self.pauses if may_repeat else ())
        while True:
            try:
                return await self._once(sent)
            except _LostError as lost:
                if operation.kind is Kind.CHANGE and lost.may_return:
                    lost.error.hint = "it may have been accepted: look with `pvdify operations APP`"
                await _slept(pauses, lost)

    async def _once(self, sent: httpx.Request) -> httpx.Response:
        try:
            response = await self.http.send(sent)
        except httpx.TransportError as error:
            raise self._lost(error, is_stream=False) from error
        return self._checked(response)

    async def _streamed(self, operation: Operation[Q, A], request: Q) -> AsyncGenerator[A, None]:
        """The answers that come over one connection."""
        sent = self._request(operation, request)
        sent.headers["Accept"] = sse.MEDIA
        sent.extensions["timeout"] = {**_TIMEOUT.as_dict(), "read": _SILENCE}
        messages = sse.Messages()
        try:
            with anyio.CancelScope(shield=True):  # httpcore forgets a connection that is given up in its TLS handshake
                response = await self.http.send(sent, stream=True)
            async with aclosing(response):
                if not response.is_success:
                    await response.aread()
                self._checked(response)
                async with _read(response) as pieces:
                    async for piece in pieces:
                        for message in messages.feed(piece):
                            if message.event == "error":
                                raise self._told(self._decoded(message.data, Problem))
                            yield self._decoded(message.data, operation.answer)
        except httpx.TransportError as error:
            raise self._lost(error, is_stream=True) from error

    def _request(self, operation: Operation[Q, A], request: Q) -> httpx.Request:
        parts = parts_of(operation, operation.parsed(request))
        media = operation.route.media if operation.route is not None else None
        headers = {"Accept": media or "application/json", "X-Request-Id": secrets.token_hex(8), **parts.headers}
        if parts.body:
            headers["Content-Type"] = "application/json"
        if operation.kind is Kind.CHANGE:
            headers["Prefer"] = "respond-async"
            if parts.method == "POST":
                headers["Idempotency-Key"] = secrets.token_urlsafe(24)
        query = parts.query or None
        return self.http.build_request(parts.method, parts.path, params=query, headers=headers, content=parts.body)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """*response*, if it is an answer; raise the problem that it is, or `_LostError` where it says that the service is about to go."""
        self.has_answered = True
        if response.is_success:
            return response
        if response.headers.get("Content-Type", "").partition(";")[0] != MEDIA:
            said = f"{response.status_code} {response.reason_phrase}".rstrip()
            raise self._unreachable(f"it answers {said}, not as pvdify does")
        raise self._told(self._decoded(response.content, Problem))

    def _told(self, problem: Problem) -> Exception:
        """What to raise for *problem*."""
        error = error_of(problem)
        if problem.code in {code for code, _ in PROTOCOL.values()} and type(error) is class_of(""):
            hint = problem.hint or "the pvdify there may be another version than this one"
            error = UnreachableError(f"{problem.detail} ({self.host.url})", hint=hint)
        return _LostError(error) if problem.code in _PASSING else error

    def _lost(self, error: httpx.TransportError, *, is_stream: bool) -> _LostError:
        """*error* in our words. A host that never answered is not asked again, nor one that shows another certificate."""
        is_slow, is_distrusted = isinstance(error, httpx.TimeoutException), trust.is_distrust(error)
        told = self._unreachable("it does not answer in time" if is_slow else trust.reason(error))
        if is_distrusted:
            told.hint = f"look at it with `pvdify login {self.host.url}`"
        is_new = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not self.has_answered
        return _LostError(told, may_return=not is_new and not is_distrusted and (is_stream or not is_slow))

    def _unreachable(self, why: str) -> UnreachableError:
        hint = "check the address, and on the host `systemctl status pvdifyd.socket`"
        if self.host.socket:
            hint = "`systemctl status pvdify-admin.socket`; only root and the group pvdify-admin may open it"
        return UnreachableError(f"cannot reach {self.host.url}: {why}", hint=hint)

    def _decoded(self, text: bytes, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._unreachable(f"it answers what this pvdify does not understand ({error})") from error

    def _text(self, response: httpx.Response, type_: type[T]) -> T:
        return msgspec.convert(response.text, type_)


@asynccontextmanager
async def _read(response: httpx.Response) -> AsyncIterator[AsyncIterator[bytes]]:
    """The body of *response* in pieces. Who leaves before its end leaves nothing half read: httpx has generators within generators."""
    pieces = response.aiter_bytes()
    try:
        yield pieces
    finally:
        with anyio.CancelScope() as leaving, suppress(httpx.TransportError):
            leaving.cancel()
            async for _ in pieces:
                pass


async def _slept(pauses: Iterator[float], lost: _LostError) -> None:
    """Wait a while before the next try; raise what *lost* is about where there shall be none."""
    pause = next(pauses, None) if lost.may_return else None
    if pause is None:
        raise lost.error from lost.__cause__
    await anyio.sleep(pause)


def _behind(operation: Operation[Q, A], request: Q, answer: A) -> Q:
    """*request*, to go on behind *answer*."""
    cursor = getattr(answer, operation.cursor) if operation.cursor else ""
    return msgspec.structs.replace(request, after=cursor) if cursor != "" else request


def _is_last(operation: Operation[Q, A], answer: A) -> bool:
    """Whether nothing comes behind *answer*."""
    return operation.name == journal.EVENTS.name and getattr(answer, "kind", None) in _LAST
