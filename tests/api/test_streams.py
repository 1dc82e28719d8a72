"""Streams: in the form that the reader accepts, resumed where it left, and no faster than it reads."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pvdify.errors import HostError
from pvdify.model.answers import LogEntry
from pvdify.operations.door import Door
from pvdify.operations.wire import PREFIX
from tests.api.asking import operator
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from tests.api.services import Services

LINE = "x" * 10_000


class Endless(Door):
    """Logs that never end; *told* is how many lines were asked of them, *ended* whether somebody ended them."""

    told = 0
    ended = threading.Event()

    async def stream(self, *_: object) -> AsyncGenerator[Any, None]:
        try:
            while True:
                type(self).told += 1
                yield LogEntry(at="", instance="web-1", release=1, text=LINE, is_error=False, cursor=str(self.told))
                await asyncio.sleep(0)
        finally:
            self.ended.set()


class Broken(Door):
    """Logs that end in the middle, once somebody has their beginning."""

    begun = threading.Event()

    async def stream(self, *_: object) -> AsyncGenerator[Any, None]:
        yield LogEntry(at="", instance="web-1", release=1, text="one", is_error=False, cursor="c1")
        await asyncio.to_thread(self.begun.wait, 10)
        raise HostError("cannot read the journal: it is gone")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    assert 0 == shell.type("deploy blog ghcr.io/org/blog:v1").status
    for number in range(3):
        shell.fake.logs.write("pvdify-blog-v1-web-1.service", f"line {number}")
    return shell


def asked(services: Services, path: str, **headers: str) -> tuple[str, bytes]:
    """The media type and the whole of a stream that ends."""

    async def once() -> tuple[str, bytes]:
        async with operator(services) as ask:
            got = await ask("GET", path, **headers)
            return got.headers["Content-Type"], got.body

    return asyncio.run(asyncio.wait_for(once(), 20))


@pytest.mark.parametrize(
    ("accept", "media", "line"),
    [
        ("*/*", "text/plain", b"2026-01-01T00:00:01.000Z v1 web-1 | line 1\n"),
        ("text/plain", "text/plain", b" | line 1\n"),
        ("application/json", "application/x-ndjson", b'"text":"line 1"'),
        ("application/x-ndjson", "application/x-ndjson", b'"text":"line 1"'),
        ("text/event-stream", "text/event-stream", b"id: 1\ndata: {"),
    ],
)
def test_logs_come_in_the_form_that_is_accepted(
    shell: Shell, tmp_path: Path, accept: str, media: str, line: bytes
) -> None:
    with served(tmp_path, shell.settings, shell.fake) as services:
        found, body = asked(services, "/apps/blog/logs", Accept=accept)

    assert f"{media}; charset=utf-8" == found
    assert line in body


def test_whoever_comes_back_gets_what_follows_and_nothing_twice(shell: Shell, tmp_path: Path) -> None:
    with served(tmp_path, shell.settings, shell.fake) as services:
        _, whole = asked(services, "/apps/blog/logs", Accept="text/event-stream")
        cursors = [line[4:] for line in whole.decode().splitlines() if line.startswith("id: ")]
        _, rest = asked(services, "/apps/blog/logs", Accept="text/event-stream", Last_Event_ID=cursors[0])

    assert [*cursors[1:]] == [line[4:] for line in rest.decode().splitlines() if line.startswith("id: ")]


def test_an_operation_is_resumed_behind_the_event_that_was_seen_last(shell: Shell, tmp_path: Path) -> None:
    id_ = shell.answer("operations blog")["operations"][0]["id"]
    with served(tmp_path, shell.settings, shell.fake) as services:
        _, whole = asked(services, f"/operations/{id_}/events", Accept="application/x-ndjson")
        _, rest = asked(services, f"/operations/{id_}/events", Accept="application/x-ndjson", Last_Event_ID="4")

    assert whole.splitlines()[5:] == rest.splitlines()
    assert "end" == msgspec.json.decode(rest.splitlines()[-1])["kind"]


def test_a_reader_that_does_not_read_holds_up_the_source_and_ends_it_when_it_leaves(
    shell: Shell, tmp_path: Path
) -> None:
    Endless.told = 0
    Endless.ended.clear()

    async def once(services: Services) -> int:
        async with (
            operator(services) as ask,
            ask.session.get(f"{ask.base}{PREFIX}/apps/blog/logs?follow=true") as answer,
        ):
            assert 200 == answer.status
            before = -1
            while before != Endless.told:  # until nothing more is asked of it
                before = Endless.told
                await asyncio.sleep(0.3)
            held = Endless.told
            answer.close()
        assert await asyncio.to_thread(Endless.ended.wait, 10)
        return held

    with served(tmp_path, shell.settings, shell.fake, door=Endless) as services:
        held = asyncio.run(once(services))

    assert 0 < held < 2000, "more than the buffers of two sockets, and some lines ahead"
    assert [] == [one for one in services.journal if one.get("PRIORITY") == 3]


def test_what_breaks_in_the_middle_is_the_last_thing_that_is_told(shell: Shell, tmp_path: Path) -> None:
    async def once(accept: str) -> bytes:
        Broken.begun.clear()
        url, headers = f"{PREFIX}/apps/blog/logs", {"Accept": accept}
        async with operator(services) as ask, ask.session.get(f"{ask.base}{url}", headers=headers) as answer:
            Broken.begun.set()
            return await answer.read()

    with served(tmp_path, shell.settings, shell.fake, door=Broken) as services:
        events = asyncio.run(once("text/event-stream"))
        lines = asyncio.run(once("application/x-ndjson"))

    assert b"event: error\ndata: {" in events
    problem = msgspec.json.decode(lines.splitlines()[-1])
    assert ("host-failed", 502) == (problem["code"], problem["status"])
    assert "one" == msgspec.json.decode(lines.splitlines()[0])["text"]


def test_a_form_that_there_is_not_is_refused(shell: Shell, tmp_path: Path) -> None:
    async def once() -> int:
        async with operator(services) as ask:
            return (await ask("GET", "/apps/blog/logs", Accept="image/png")).status

    with served(tmp_path, shell.settings, shell.fake) as services:
        assert 406 == asyncio.run(once())
