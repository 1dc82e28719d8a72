"""Streams over connections that break."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from pvdify.errors import (
    AppNotFoundError,
    ForbiddenError,
    StateError,
    UnreachableError,
)
from pvdify.model.answers import LogEntry
from pvdify.model.event import EventKind
from pvdify.model.requests import ReadLogs
from pvdify.operations import logs
from pvdify.operations.problem import problem_of
from tests.client.asking import AT, BACKENDS, BEGIN, END, EVENTS, ID, PULL, on
from tests.client.canned import CannedHost, breaks, refuses, streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pvdify.client.address import RemoteHost
    from pvdify.client.remote import Remote


def lines(request: ReadLogs) -> Callable[[Remote], Awaitable[list[str]]]:
    async def read(client: Remote) -> list[str]:
        return [line.text async for line in client.stream(logs.READ, request)]

    return read


def line(number: int) -> LogEntry:
    return LogEntry(at=AT, instance="web-1", release=1, text=f"line {number}", is_error=False, cursor=f"s={number}")


@BACKENDS
def test_a_stream_comes_to_its_end(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(":\n\n", line(1), "retry: 3\n: alive\n", line(2)))

    assert ["line 1", "line 2"] == on(there, lines(ReadLogs(app="blog", lines=2)), backend=backend)
    assert ("text/event-stream", {"lines": "2"}) == (canned.seen[0].headers["Accept"], canned.seen[0].query)


@BACKENDS
def test_a_stream_goes_on_behind_the_last_line_that_came(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on(
        "GET /apps/blog/logs",
        streams(line(1), line(2), then_breaks=True),
        breaks,
        streams(line(3)),
        refuses(AppNotFoundError("blog")),
    )

    async def read(client: Remote) -> list[str]:
        found: list[str] = []
        with suppress(AppNotFoundError):
            async for one in client.stream(logs.READ, ReadLogs(app="blog", follow=True)):
                found += [one.text]
            found += ["an end"]
        return found

    assert ["line 1", "line 2", "line 3"] == on(there, read, backend=backend)
    assert [None, "s=2", "s=2", "s=3"] == [one.headers.get("Last-Event-ID") for one in canned.seen]


def test_a_stream_that_brings_nothing_is_given_up(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(line(1), then_breaks=True), streams())

    with pytest.raises(UnreachableError, match="it ended the stream"):
        on(there, lines(ReadLogs(app="blog", follow=True)))

    assert 4 == len(canned.seen)


def test_a_problem_within_a_stream_is_raised(canned: CannedHost, there: RemoteHost) -> None:
    problem = msgspec.json.encode(problem_of(StateError("cannot read the journal"))).decode()
    canned.on("GET /apps/blog/logs", streams(line(1), f"event: error\ndata: {problem}\n\n"))

    with pytest.raises(StateError, match="cannot read the journal"):
        on(there, lines(ReadLogs(app="blog", follow=True)))


def test_a_stream_that_is_refused_is_not_tried_again(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", refuses(ForbiddenError("cannot read logs", scope="logs")))

    with pytest.raises(ForbiddenError):
        on(there, lines(ReadLogs(app="blog", follow=True)))

    assert 1 == len(canned.seen)


@BACKENDS
def test_a_reader_may_leave_a_stream(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(line(1), then_hangs=True))

    async def first(client: Remote) -> list[str]:
        found: list[str] = []
        with anyio.move_on_after(0.2):
            async for one in client.stream(logs.READ, ReadLogs(app="blog", follow=True)):
                found += [one.text]
        return found

    assert ["line 1"] == on(there, first, backend=backend)


def test_a_stream_that_would_begin_again_is_asked_for_once(canned: CannedHost, there: RemoteHost) -> None:
    without_cursor = dataclasses.replace(logs.READ, cursor="")
    canned.on("GET /apps/blog/logs", streams(line(1)), streams(line(1), then_breaks=True))

    async def read(client: Remote) -> list[str]:
        return [one.text async for one in client.stream(without_cursor, ReadLogs(app="blog", follow=True))]

    assert ["line 1"] == on(there, read)
    with pytest.raises(UnreachableError):
        on(there, read)
    assert 2 == len(canned.seen)


async def seen_of(client: Remote) -> list[int]:
    return [event.seq async for event in client.events(ID)]


@BACKENDS
@pytest.mark.parametrize("last", [EventKind.END, EventKind.FAILED])
def test_events_end_with_the_operation_and_not_with_a_connection(
    last: EventKind, backend: str, canned: CannedHost, there: RemoteHost
) -> None:
    end = msgspec.structs.replace(END, kind=last)
    canned.on(EVENTS, streams(BEGIN), streams(PULL, then_breaks=True), streams(end, then_hangs=True))

    assert [0, 1, 2] == on(there, seen_of, backend=backend)
    assert [None, "0", "1"] == [one.headers.get("Last-Event-ID") for one in canned.seen]
