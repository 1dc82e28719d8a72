"""Streams: as server-sent events, as lines of JSON, or as plain text, by what the reader accepts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
from aiohttp import web

from pvdify.api.exchange import REQUEST_ID, prepared
from pvdify.model.answers import LogEntry
from pvdify.operations.problem import problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from anyio.abc import ObjectReceiveStream, ObjectSendStream

    from pvdify.api.gate import Gate
    from pvdify.model.caller import Caller
    from pvdify.operations.table import Operation

HEARTBEAT: Final = 15.0
_END: Final = object()
_NOTHING_YET: Final = object()
_LOOK: Final = 0.25
_AHEAD: Final = 256
"""Answers that may wait for a slow reader; the source waits meanwhile."""
_FIRST_LOOK: Final = 0.5
"""Seconds in which a stream that cannot begin says so, before the status is sent."""
READERS: Final = 96
"""Streams that are read at a time: fewer than the watches on files that the kernel gives a user by itself, 128."""
READERS_OF_ONE: Final = 32


class Form(StrEnum):
    """How a stream is written."""

    EVENTS = "text/event-stream"
    LINES = "application/x-ndjson"
    TEXT = "text/plain"


def form_of(operation: Operation[Any, Any], accept: str) -> Form:
    """What the reader who sent *accept* gets: logs are text and all else events, unless they say otherwise; raise 406 for what there is not."""
    forms = (Form.TEXT, Form.EVENTS, Form.LINES) if operation.answer is LogEntry else (Form.EVENTS, Form.LINES)
    if not accept.strip():
        return forms[0]
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media == "application/json":
            return Form.LINES
        for form in forms:
            if media in {form.value, "*/*", f"{form.value.partition('/')[0]}/*"}:
                return form
    raise web.HTTPNotAcceptable


class Readers:
    """Who reads streams now: each takes a descriptor, a place at the gate, and of logs one of the few watches that the kernel gives root."""

    def __init__(self, *, each: int = READERS_OF_ONE, all_: int = READERS) -> None:
        self._each = each
        self._all = all_
        self._reading: Counter[str] = Counter()

    @contextmanager
    def one_more(self, caller: Caller) -> Iterator[None]:
        """Around a stream of *caller*; raise 503 where they, or all together, read as many as they may."""
        who = caller.token or f"{caller.via.value}:{caller.name}"
        if self._reading[who] >= self._each or self._reading.total() >= self._all:
            raise web.HTTPServiceUnavailable
        self._reading[who] += 1
        try:
            yield
        finally:
            self._reading[who] -= 1
            self._reading += Counter()  # forgets who reads nothing


async def streamed(
    request: web.Request,
    operation: Operation[Any, Any],
    answers: AsyncIterator[Any],
    *,
    gate: Gate,
    may: Callable[[], bool],
) -> web.StreamResponse:
    """Send *answers* as they come, until they end, the reader leaves or *may* not read on, or the service stops.

    A reader that does not read is dropped by the gate; one that leaves is no error. An error before the first answer is
    raised, a later one is the last thing that is sent.
    """
    form = form_of(operation, request.headers.get("Accept", ""))
    response = web.StreamResponse(headers={"Content-Type": f"{form.value}; charset=utf-8"})
    send, receive = anyio.create_memory_object_stream[object](_AHEAD)
    async with anyio.create_task_group() as tasks, receive:
        tasks.start_soon(_read, answers, send)
        first: object = _NOTHING_YET
        with anyio.move_on_after(_FIRST_LOOK):
            first = await _next(receive)
        if not isinstance(first, Exception):
            await prepared(request, response).prepare(request)
            async with while_read(request, gate, may=may):
                await _write(_Writer(request, response, operation, form), first, receive)
            cut_short(request, response)
        tasks.cancel_scope.cancel()
    if isinstance(first, Exception):
        raise first
    return response


def cut_short(request: web.Request, response: web.StreamResponse) -> None:
    """Break the connection of a stream that has not come to its end: an end in good order would look like its last word."""
    transport = request.transport
    if transport is not None and not response._eof_sent:  # noqa: SLF001 - aiohttp tells it nowhere else
        transport.close()


async def _write(writer: _Writer, first: object, receive: ObjectReceiveStream[object]) -> None:
    """Send *first* and what follows it; a reader that left, or did not read, ends it without a word."""
    with suppress(ConnectionError):
        await writer.write(first)
        while first is not _END:
            first = _NOTHING_YET
            with anyio.move_on_after(HEARTBEAT):
                first = await _next(receive)
            await writer.write(first)
        await writer.response.write_eof()


@asynccontextmanager
async def ended(answers: AsyncIterator[Any]) -> AsyncIterator[None]:
    """End *answers* with the block, also where it is left in their middle."""
    try:
        yield
    finally:
        if isinstance(answers, AsyncGenerator):
            await answers.aclose()


@asynccontextmanager
async def while_read(
    request: web.Request, gate: Gate, *, may: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    """Leave the block when it is done, the reader leaves or *may* not stay, or the service stops: then whoever read comes back to the next one.

    A reader that leaves while there is nothing to write shows by nothing else, and what was begun for it would go on.
    """
    async with anyio.create_task_group() as tasks:

        async def stopped() -> None:
            await gate.closing.wait()
            tasks.cancel_scope.cancel()

        async def left() -> None:
            while request.transport is not None and may():  # noqa: ASYNC110 - aiohttp tells nobody
                await anyio.sleep(_LOOK)
            tasks.cancel_scope.cancel()

        tasks.start_soon(stopped)
        tasks.start_soon(left)
        yield
        tasks.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class _Writer:
    """One reader of one stream."""

    request: web.Request
    response: web.StreamResponse
    operation: Operation[Any, Any]
    form: Form

    async def write(self, item: object) -> None:
        """Send one answer, the problem that ends the stream, or a sign of life."""
        if item is _END:
            return
        if item is _NOTHING_YET:
            if self.request.transport is None:
                raise ConnectionResetError
            if self.form is Form.EVENTS:
                await self._send(b":\n\n")
        elif isinstance(item, Exception):
            problem = msgspec.json.encode(problem_of(item, request_id=self.request[REQUEST_ID]))
            await self._send(b"event: error\ndata: %b\n\n" % problem if self.form is Form.EVENTS else problem + b"\n")
        else:
            await self._send(self._text(item))

    def _text(self, item: object) -> bytes:
        if self.form is Form.TEXT and isinstance(item, LogEntry):
            release = f" v{item.release}" if item.release is not None else ""
            return f"{item.at}{release} {item.instance} | {item.text}\n".encode(errors="replace")
        data = msgspec.json.encode(item)
        if self.form is Form.LINES:
            return data + b"\n"
        cursor = str(getattr(item, self.operation.cursor)) if self.operation.cursor else ""
        return (f"id: {cursor}\n".encode() if cursor else b"") + b"data: %b\n\n" % data

    async def _send(self, data: bytes) -> None:
        await self.response.write(data)


async def _read(answers: AsyncIterator[Any], send: ObjectSendStream[object]) -> None:
    """Hand on what *answers* has, and last what it raised, or that it is over."""
    last: object = _END
    async with send:
        try:
            async with ended(answers):
                async for answer in answers:
                    await send.send(answer)
        except Exception as error:  # noqa: BLE001 - whoever reads the stream is told of it
            last = error
        await send.send(last)


async def _next(receive: ObjectReceiveStream[object]) -> object:
    try:
        return await receive.receive()
    except anyio.EndOfStream:
        return _END
