"""Answers that are no JSON object over HTTP: texts, and streams that somebody follows or leaves; and a patch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiohttp import ClientPayloadError

import pvdify
from pvdify.api.streams import READERS_OF_ONE
from pvdify.operations.wire import PREFIX
from pvdify.ports import Output
from tests.api.asking import Asking, Got, holder, operator
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.api.services import Services

Ask = Callable[[Asking], Awaitable[Any]]
RUN = {"command": ["bin/migrate"]}


@dataclass(frozen=True, slots=True)
class World:
    """An app that runs, on a host whose services run, and a token for all of it."""

    shell: Shell
    services: Services
    token: str

    def asked(self, ask: Ask, *, by_token: bool = False) -> Any:
        """What *ask* answers, asked by an operator of the host, or from the network through both services."""

        async def once() -> Any:
            who = holder(self.services, self.token) if by_token else operator(self.services)
            async with who as asking:
                found = await ask(asking)
            await asyncio.sleep(0.1)  # TLS says goodbye in its own time
            return found

        return asyncio.run(asyncio.wait_for(once(), 30))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    assert 0 == shell.type("deploy blog ghcr.io/org/blog:v1").status
    token = str(shell.answer("tokens:create ci --scope admin")["token"])
    with served(tmp_path, shell.settings, shell.fake) as services:
        yield World(shell, services, token)


def events(text: bytes) -> list[dict[str, Any]]:
    """The data of server-sent events."""
    return [msgspec.json.decode(line[6:]) for line in text.split(b"\n") if line.startswith(b"data: ")]


async def first_event(ask: Asking, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
    """The first event of a stream, which is left then."""
    async with ask.session.request(method, f"{ask.base}{PREFIX}{path}", json=body, headers=headers) as answer:
        async for line in answer.content:
            if line.startswith(b"data: "):
                found: dict[str, Any] = msgspec.json.decode(line[6:])
                answer.close()
                return found
    raise AssertionError


@pytest.mark.parametrize("by_token", [False, True])
def test_a_command_says_what_it_writes_and_how_it_ended(world: World, *, by_token: bool) -> None:
    world.shell.fake.console.says = (Output(data=b"one\n"), Output(data=b"oh\n", is_error=True))
    world.shell.fake.console.status = 3

    async def ask(ask: Asking) -> Got:
        return await ask("POST", "/apps/blog/run", RUN)

    got = world.asked(ask, by_token=by_token)

    assert (200, "text/event-stream; charset=utf-8") == (got.status, got.headers["Content-Type"])
    assert [
        {"stream": "stdout", "text": "one\n"},
        {"stream": "stderr", "text": "oh\n"},
        {"status": 3},
    ] == events(got.body)


@pytest.mark.parametrize("by_token", [False, True])
def test_a_command_whose_reader_leaves_is_ended(world: World, *, by_token: bool) -> None:
    console = world.shell.fake.console
    console.says, console.hangs = (Output(data=b"one\n"),), True

    async def ask(ask: Asking) -> None:
        assert {"stream": "stdout", "text": "one\n"} == await first_event(ask, "POST", "/apps/blog/run", RUN)
        while not console.killed:  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0.01)

    world.asked(ask, by_token=by_token)

    assert [argv for argv, _ in console.ran] == console.killed
    outcomes = [one.outcome for one in world.services.host().state.audit_entries(limit=2)]
    assert ["cancelled", "accepted"] == outcomes


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"command": ["sh"], "interactive": True}, "spec-invalid", "/interactive"),
        ({"command": []}, "spec-invalid", "/command"),
        ({"command": ["sh"], "timeout": 86_401}, "spec-invalid", "/timeout"),
    ],
)
def test_a_command_that_cannot_be_run_from_afar_is_a_problem(
    world: World, body: dict[str, object], code: str, pointer: str
) -> None:
    async def ask(ask: Asking) -> Got:
        return await ask("POST", "/apps/blog/run", body)

    got = world.asked(ask)

    assert 422 == got.status
    assert (code, pointer) == (got.json["code"], got.json["errors"][0]["pointer"])
    assert [] == world.shell.fake.console.ran


def test_the_log_of_a_release_is_plain_text_at_the_place_that_the_release_names(world: World) -> None:
    async def ask(ask: Asking) -> Got:
        info = await ask("GET", "/apps/blog/releases/1")
        return await ask("GET", info.json["deploy_log"].removeprefix(PREFIX))

    got = world.asked(ask)

    assert (200, "text/plain; charset=utf-8") == (got.status, got.headers["Content-Type"])
    assert b"done: v1 of blog is live" in got.body


def test_numbers_are_what_prometheus_reads(world: World) -> None:
    async def ask(ask: Asking) -> Got:
        for _ in range(3):
            await ask("GET", "/apps")
        await ask("GET", "/apps/nobody")
        return await ask("GET", "/metrics")

    got = world.asked(ask)

    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (got.status, got.headers["Content-Type"])
    assert b'\npvdify_apps{status="running"} 1\n' in got.body
    assert b'\npvdify_api_requests_total{operation="apps.list",status="200"} 3\n' in got.body
    assert b'\npvdify_api_requests_total{operation="apps.info",status="404"} 1\n' in got.body
    assert b'\npvdify_api_request_seconds_count{operation="apps.list"} 3\n' in got.body


@pytest.mark.parametrize("by_token", [False, True])
def test_a_follower_of_the_host_sees_what_others_do_and_comes_back_where_it_was(
    world: World, *, by_token: bool
) -> None:
    async def ask(ask: Asking) -> tuple[dict[str, Any], dict[str, Any]]:
        following = asyncio.create_task(first_event(ask, "GET", "/events"))
        await asyncio.sleep(1)  # it begins to follow now
        assert 202 == (await ask("POST", "/apps/blog/ps/restart", {})).status
        first = await following
        return first, await first_event(ask, "GET", "/events", **{"Last-Event-ID": first["cursor"]})

    first, second = world.asked(ask, by_token=by_token)

    assert ("ps.restart", "blog", "accepted", 0) == (
        *(first["name"], first["app"]),
        *(first["event"]["kind"], first["event"]["seq"]),
    )
    assert (first["operation"], 1) == (second["operation"], second["event"]["seq"])


@pytest.mark.parametrize("cursor", ["7", "20260131-090000-123~x", "a" * 5000])
def test_a_cursor_that_is_none_is_a_problem(world: World, cursor: str) -> None:
    async def ask(ask: Asking) -> Got:
        return await ask("GET", "/events", **{"Last-Event-ID": cursor})

    assert 422 == world.asked(ask).status


def test_a_patch_changes_what_it_names_and_nothing_else(world: World) -> None:
    async def ask(ask: Asking) -> tuple[Got, Got]:
        tag = (await ask("GET", "/apps/blog")).headers["ETag"]
        got = await ask("PATCH", "/apps/blog", {"env": {"LEVEL": "debug"}, "image": None}, If_Match=tag)
        await ask("GET", f"{got.headers['Location'].removeprefix(PREFIX)}/events")
        return got, await ask("GET", "/apps/blog")

    accepted, app = world.asked(ask)

    assert (202, "apps.change", None) == (accepted.status, accepted.json["name"], accepted.json["image"])
    assert ({"LEVEL": "debug"}, 2, "30s") == (app.json["env"], app.json["release"], app.json["drain"])


def test_a_patch_of_what_was_changed_meanwhile_is_refused(world: World) -> None:
    async def ask(ask: Asking) -> Got:
        tag = (await ask("GET", "/apps/blog")).headers["ETag"]
        scaled = await ask("POST", "/apps/blog/ps/scale", {"processes": {"web": 2}})
        await ask("GET", f"{scaled.headers['Location'].removeprefix(PREFIX)}/events")
        return await ask("PATCH", "/apps/blog", {"drain": "5s"}, If_Match=tag)

    assert 412 == world.asked(ask).status


def test_a_stream_ends_with_the_token_that_it_was_asked_for_with(world: World) -> None:
    id_ = world.shell.answer("tokens")["tokens"][0]["id"]

    async def ask(ask: Asking) -> int:
        async with ask.session.get(f"{ask.base}{PREFIX}/events") as answer:
            assert 200 == answer.status
            await asyncio.to_thread(world.shell.type, f"tokens:revoke {id_}")
            with pytest.raises(ClientPayloadError):  # it is cut, and whoever comes back is told why
                await asyncio.wait_for(answer.content.read(), 5)
        return (await ask("GET", "/events")).status

    assert 401 == world.asked(ask, by_token=True)


@pytest.mark.parametrize("path", ["/events", "/apps/blog/logs?follow=true"])
def test_one_token_reads_so_many_streams_at_a_time_and_others_can_read_theirs(world: World, path: str) -> None:
    other = str(world.shell.answer("tokens:create other --scope admin")["token"])

    async def ask(ask: Asking) -> tuple[Got, int, int]:
        async with AsyncExitStack() as streams:
            for _ in range(READERS_OF_ONE):
                await streams.enter_async_context(ask.session.get(f"{ask.base}{PREFIX}{path}"))
            refused = await ask("GET", path)
            headers = {"Authorization": f"Bearer {other}"}
            async with ask.session.get(f"{ask.base}{PREFIX}{path}", headers=headers) as theirs:
                there = theirs.status
        await asyncio.sleep(1)
        async with ask.session.get(f"{ask.base}{PREFIX}{path}") as again:
            return refused, there, again.status

    refused, there, again = world.asked(ask, by_token=True)

    assert (503, "unavailable", "1") == (refused.status, refused.json["code"], refused.headers["Retry-After"])
    assert (200, 200) == (there, again)


def test_the_wheel_comes_whole_and_without_a_token(world: World) -> None:
    name = f"pvdify-{pvdify.__version__}-py3-none-any.whl"
    wheel = bytes(range(256)) * 1500
    (world.services.directory / name).write_bytes(wheel)

    async def ask(ask: Asking) -> tuple[int, str, bytes]:
        async with ask.session.get(f"{ask.base}/install/{name}", headers={"Authorization": ""}) as answer:
            return answer.status, answer.headers["Content-Type"], await answer.read()

    assert (200, "application/zip", wheel) == world.asked(ask, by_token=True)
