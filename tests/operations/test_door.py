"""Whatever changes something is written down before it is done, and when it is over; what only looks is not."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import RefusedError, SpecError
from pvdify.model.caller import Caller, Via
from pvdify.model.requests import Apply, ForApp, Login, Nothing, ReadLogs, RunOnce, Scale
from pvdify.model.slot import Slot
from pvdify.operations import apps, declared, host, logs, ps, registry
from pvdify.operations.conductor import Conductor
from pvdify.operations.door import Door
from pvdify.ports import Output
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

CI = Caller(name="ci", via=Via.API, token="tk3v5q7mz")  # noqa: S106 - an id
COMMAND = RunOnce(app=APP, command=("bin/migrate", "to the top"))


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1")
    return world


def door(world: World) -> Door:
    process = world.process()
    return Door(process, Conductor(process))


def audit(world: World, action: str) -> list[tuple[str, str]]:
    entries = world.process().state.audit_entries(limit=100)
    return [(one.outcome, one.code) for one in reversed(entries) if one.action == action]


async def test_a_command_from_afar_is_written_down_with_who_asked(world: World) -> None:
    world.fake.console.status = 3

    [one async for one in door(world).stream(ps.RUN_PIPED, COMMAND, CI)]

    (*_, before, after) = reversed(world.process().state.audit_entries(limit=100))
    assert ("accepted", "done") == (before.outcome, after.outcome)
    assert ("ps.run", APP, "ci", "api", CI.token) == (before.action, before.app, before.actor, before.via, before.token)
    assert "bin/migrate 'to the top'" == before.detail["command"]


async def test_one_that_nobody_reads_to_its_end_is_written_down_as_cancelled(world: World) -> None:
    world.fake.console.says = (Output(data=b"one\n"),)
    world.fake.console.hangs = True

    async with aclosing(door(world).stream(ps.RUN_PIPED, COMMAND, CI)) as output:
        await anext(output)
    with anyio.move_on_after(0.05):
        [one async for one in door(world).stream(ps.RUN_PIPED, COMMAND, CI)]

    assert [("accepted", ""), ("cancelled", "")] * 2 == audit(world, "ps.run")


async def test_one_that_is_refused_is_written_down_with_its_code(world: World) -> None:
    await world.do("destroy")
    await world.do("create")

    with pytest.raises(RefusedError):
        await anext(door(world).stream(ps.RUN_PIPED, COMMAND, CI))

    assert [("accepted", ""), ("failed", "refused")] == audit(world, "ps.run")


async def test_what_was_done_is_answered_also_where_its_end_cannot_be_written_down(world: World) -> None:
    world.fake.console.says = (Output(data=b"one\n"),)

    async with aclosing(door(world).stream(ps.RUN_PIPED, COMMAND, CI)) as output:
        said = [await anext(output)]
        world.settings.audit.write_text("no audit")
        said += [one async for one in output]

    assert ["one\n", ""] == [one.text for one in said]


async def test_what_only_looks_is_not_written_down(world: World) -> None:
    before = len(world.process().state.audit_entries(limit=100))

    await door(world).ask(apps.INFO, ForApp(app=APP), CI)
    [one async for one in door(world).stream(logs.READ, ReadLogs(app=APP), CI)]
    await door(world).ask(host.METRICS, Nothing(), CI)

    assert before == len(world.process().state.audit_entries(limit=100))


async def test_what_is_asked_of_a_stream_is_checked_again(world: World) -> None:
    with pytest.raises(SpecError):
        await anext(door(world).stream(ps.RUN_PIPED, RunOnce(app="../x", command=("ls",)), CI))

    assert [] == audit(world, "ps.run")


def test_the_audit_is_told_words_and_numbers_and_no_secret() -> None:
    told = registry.LOGIN.told(Login(registry="ghcr.io", user="ada", password="s3cret"))  # noqa: S106 - of nobody

    assert {"registry": "ghcr.io", "user": "ada"} == told
    assert {"app": APP, "command": "bin/migrate 'to the top'"} == ps.RUN_PIPED.told(COMMAND)
    assert {"app": APP, "processes.web": 2} == ps.SCALE.told(Scale(app=APP, processes={"web": 2}))
    slots = (Slot(name="blog", env={"KEY": "s3cret"}), Slot(name="shop"))
    assert {"slots": "blog, shop", "deploy": True} == declared.APPLY.told(Apply(slots=slots, deploy=True))
    assert 200 == len(str(ps.RUN_PIPED.told(RunOnce(app=APP, command=("x" * 500,)))["command"]))
