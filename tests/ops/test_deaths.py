"""Killed or cancelled at any line of its journal, an operation leaves the old or the new, and nothing else, once somebody recovered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.model.event import Outcome
from pvdify.ops.perform import accepted
from pvdify.ops.recover import recover_all
from tests.ops.configured import given, shown
from tests.ops.deaths import LINES, after, cancelled_at_every_line, kill
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = (
    *("v3", "rollback", "scale", "restart", "stop", "change", "recount", "close"),
    *("set", "keep", "rollback-keep-config"),
)


@pytest.fixture
async def begun(tmp_path: Path) -> World:
    """v3 is live with c2, and v2 warm with c1."""
    world = World(tmp_path / "begun")
    await world.begin("v1")
    await world.set({"KEY": "one"})
    await world.set({"KEY": "two"})
    return world


@pytest.mark.parametrize("what", CHANGES)
async def test_killed_at_any_line_it_is_the_old_or_the_new(what: str, begun: World, tmp_path: Path) -> None:
    old, new = await after(what, begun)
    lines = 0
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die(what, at=number, is_after=bool(number % 2), act=kill):
            break
        lines = number
        if number % 3 == 0:
            await world.do("v1")  # whatever is typed next recovers first
            assert [] == world.problems(), f"line {number}"
            continue
        if number % 3 == 1:
            world.fake.boot()
        assert await recover_all(world.process(), print)

        assert [] == world.problems(), f"line {number}"
        assert world.seen() in {old, new}, f"line {number}"
    assert lines > 5, "the operation has more lines than that"


@pytest.mark.parametrize("what", [one for one in CHANGES if one not in {"stop", "rollback-keep-config"}])
async def test_cancelled_before_the_switch_everything_is_undone(what: str, begun: World, tmp_path: Path) -> None:
    await cancelled_at_every_line(what, begun, tmp_path)


@pytest.mark.parametrize("what", ["set", "keep"])
async def test_config_that_was_cut_off_at_any_line_is_set_by_the_second_try(
    what: str, begun: World, tmp_path: Path
) -> None:
    is_set = set()
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die(what, at=number, is_after=bool(number % 2), act=kill):
            break

        changed = await world.do(what)

        is_set.add(changed.outcome)
        row = world.process().state.current().apps[APP]
        live = row.live or 0
        assert {"set": "new", "keep": "kept"}[what] == (await shown(world)).vars["KEY"], f"line {number}"
        assert {"set": "new", "keep": "two"}[what] == given(world, live)["KEY"], f"line {number}"
        assert what == "keep" or row.config == world.process().state.release(APP, live).config, f"line {number}"
        assert {"KEY": "one"} == (await shown(world, 1)).vars
        assert {"KEY": "two"} == (await shown(world, 2)).vars
        assert [] == world.problems(), f"line {number}"
    assert {Outcome.DONE, Outcome.UNCHANGED} == is_set


async def test_config_that_was_in_force_and_not_told_is_told_by_recovery(begun: World, tmp_path: Path) -> None:
    outcomes = {}
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die("keep", at=number, is_after=False, act=kill):
            break

        await recover_all(world.process(), print)

        for record in world.process().state.records(APP)[:1]:
            row = world.process().state.current().apps[APP]
            outcomes[number] = (row.config.version if row.config else 0, record.outcome)
    found = set(outcomes.values())
    assert (
        {(3, Outcome.DONE), (2, Outcome.UNDONE), (2, Outcome.DONE)} >= found >= {(3, Outcome.DONE), (2, Outcome.UNDONE)}
    )


async def test_a_destroyed_app_is_there_whole_or_gone_whole(begun: World, tmp_path: Path) -> None:
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die("destroy", at=number, is_after=True, act=kill):
            break

        assert await recover_all(world.process(), print)

        assert [] == world.problems(), f"line {number}"
        is_there = APP in world.process().state.current().apps
        assert is_there == world.settings.slot(APP).exists(), f"line {number}"


async def test_a_server_that_was_stopped_and_not_yet_forgotten_is_forgotten_by_recovery(begun: World) -> None:
    """Between two lines of the journal the old instance is stopped first, and the router told of it next."""
    assert await begun.die("v3", at=14, is_after=True, act=kill)
    begun.fake.router.backends["blog"].ports["v77-web-1"] = 29_999

    assert await recover_all(begun.process(), print)

    assert set(begun.fake.router.serving("blog")) == set(begun.fake.router.backends["blog"].ports)


async def test_one_recovery_that_fails_does_not_stop_the_others(begun: World) -> None:
    world = begun
    await world.die("v3", at=8, is_after=True, act=kill)
    world.fake.router.refusal = "no"
    said: list[str] = []

    assert not await recover_all(world.process(), said.append)

    assert "no" in said[0]
    world.fake.router.refusal = ""
    assert await recover_all(world.process(), said.append)
    assert [] == world.problems()


async def test_an_operation_on_the_whole_host_that_died_is_ended(begun: World) -> None:
    with accepted(begun.process(), "apply", app="", actor="ada") as running:
        running.journal.close()

    assert ["unfinished apply"] == begun.problems()
    assert await recover_all(begun.process(), print)

    assert [] == begun.problems()
