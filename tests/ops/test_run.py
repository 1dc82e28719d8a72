"""One-off commands for somebody far away."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from pvdify.errors import AppNotFoundError, NotSealedError, RefusedError, SpecError
from pvdify.model.answers import RunOutput, RunStream
from pvdify.model.requests import RunOnce, SetConfig
from pvdify.ops.config import set_config
from pvdify.ops.perform import perform
from pvdify.ops.run import run_once, run_piped
from pvdify.ports import Output
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1")
    return world


def piped(world: World, request: RunOnce) -> AsyncGenerator[RunOutput, None]:
    return cast("AsyncGenerator[RunOutput, None]", run_piped(world.process(), request))


async def configure(world: World) -> None:
    request = SetConfig(app=APP, vars={"TOKEN": "canary"}, files={"cert": b"canary"})
    await perform(
        world.process(), "config.set", app=APP, actor="ada", run=lambda host, one: set_config(host, one, request)
    )


async def written(world: World, *command: str) -> list[RunOutput]:
    return [one async for one in piped(world, RunOnce(app=APP, command=command))]


async def test_what_a_command_writes_is_handed_on_and_then_its_status(world: World) -> None:
    world.fake.console.says = (Output(data=b"one\ntw"), Output(data=b"oh\n", is_error=True), Output(data=b"o\n"))
    world.fake.console.status = 3

    found = await written(world, "bin/migrate", "--all")

    assert [
        RunOutput(stream=RunStream.STDOUT, text="one\ntw"),
        RunOutput(stream=RunStream.STDERR, text="oh\n"),
        RunOutput(stream=RunStream.STDOUT, text="o\n"),
        RunOutput(status=3),
    ] == found
    ((argv, _),) = world.fake.console.ran
    assert ("bin/migrate", "--all") == argv[-2:]
    assert [] == world.fake.console.killed


async def test_letters_that_come_in_two_pieces_are_whole_and_other_bytes_are_replaced(world: World) -> None:
    world.fake.console.says = (
        Output(data="é".encode()[:1]),
        Output(data=b"\xff", is_error=True),
        Output(data="é".encode()[1:]),
        Output(data=b"\xe2\x82"),
    )

    found = await written(world, "ls")

    assert [("stderr", "\ufffd"), ("stdout", "é"), ("stdout", "\ufffd")] == [
        (one.stream, one.text) for one in found[:-1]
    ]


async def test_it_runs_as_a_service_in_the_slice_of_its_app(world: World) -> None:
    await written(world, "ls")

    ((argv, _),) = world.fake.console.ran
    assert "--scope" not in argv
    assert "--tty" not in argv
    assert {"--pipe", "--wait", "--slice=pvdify-blog.slice", "--property=RuntimeMaxSec=3605"} <= set(argv)


async def test_when_nobody_reads_any_more_it_is_ended(world: World) -> None:
    world.fake.console.says = (Output(data=b"one\n"),)
    world.fake.console.hangs = True

    async with aclosing(piped(world, RunOnce(app=APP, command=("sleep", "1000")))) as output:
        assert "one\n" == (await anext(output)).text

    assert_ended(world)


async def test_when_whoever_asked_is_cancelled_it_is_ended(world: World) -> None:
    world.fake.console.hangs = True

    with anyio.move_on_after(0.05):
        await written(world, "sleep", "1000")

    assert_ended(world)


async def test_when_its_time_is_over_it_is_ended_and_says_so(world: World, autojump_clock: object) -> None:
    world.fake.console.says = (Output(data=b"one\n"),)
    world.fake.console.hangs = True

    found = [one async for one in piped(world, RunOnce(app=APP, command=("sleep", "1000"), timeout=20))]

    assert ["one\n", "pvdify: ended after 20 s\n"] == [one.text for one in found[:-1]]
    assert RunOutput(status=124) == found[-1]
    assert_ended(world)


async def test_it_needs_an_app_a_release_and_no_terminal(world: World, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="interactive") as caught:
        await anext(piped(world, RunOnce(app=APP, command=("sh",), interactive=True)))
    assert "/interactive" == caught.value.pointer
    with pytest.raises(AppNotFoundError):
        await anext(piped(world, RunOnce(app="shop", command=("sh",))))
    other = World(tmp_path / "other")
    await other.begin()
    with pytest.raises(RefusedError, match="no release"):
        await anext(piped(other, RunOnce(app=APP, command=("sh",))))

    assert [] == world.fake.console.ran


async def test_it_is_given_the_config_of_the_live_release_and_what_that_holds_is_no_argument(world: World) -> None:
    await configure(world)

    await run_once(world.process(), RunOnce(app=APP, command=("ls",)))
    await written(world, "ls")

    for argv, _ in world.fake.console.ran:
        assert 2 == sum("/run/credentials/pvdify-blog-run-" in word and "/blog.c1." in word for word in argv)
        assert "canary" not in " ".join(argv)


@pytest.mark.parametrize("part", ["env", "cert"])
@pytest.mark.parametrize("text", [None, b"host:other\n"], ids=["missing", "tampered"])
async def test_nothing_of_it_runs_where_the_sealed_config_is_not_whole(
    world: World, part: str, text: bytes | None
) -> None:
    await configure(world)
    sealed = world.settings.sealed(APP, 1, part)
    sealed.unlink()
    if text is not None:
        sealed.write_bytes(text)

    with pytest.raises(NotSealedError, match=f"cannot use c1 of blog: .*{part}.cred") as caught:
        await run_once(world.process(), RunOnce(app=APP, command=("ls",)))
    with pytest.raises(NotSealedError):
        await written(world, "ls")

    assert "pvdify secrets:reseal" in caught.value.hint
    assert [] == world.fake.console.ran


async def test_nothing_of_it_runs_where_the_host_has_lost_its_key(world: World) -> None:
    await configure(world)
    world.fake.seal.key = "another"

    with pytest.raises(NotSealedError, match="this host cannot open it") as caught:
        await run_once(world.process(), RunOnce(app=APP, command=("ls",)))

    assert "pvdify secrets:reseal" in caught.value.hint
    assert [] == world.fake.console.ran


def assert_ended(world: World) -> None:
    ((argv, _),) = world.fake.console.ran
    (unit,) = (one.removeprefix("--unit=") for one in argv if one.startswith("--unit="))
    assert [argv] == world.fake.console.killed
    assert f"stop {unit}" in world.fake.systemd.actions
