"""Killed or cancelled at any line, what changes names leaves the old or the new ones: declared, in force and served alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import PvdifyError
from pvdify.ops.recover import recover_all
from tests.ops.deaths import LINES, after, cancelled_at_every_line, kill
from tests.ops.named import applied
from tests.ops.world import World

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = ("name", "unname", "rename")


@pytest.fixture
async def begun(tmp_path: Path) -> World:
    """v1 is live behind Caddy, by the name that every app has and by another one."""
    world = World(tmp_path / "begun")
    await world.begin("v1")
    await world.set_edge(internal_ca=True, domain="apps.example.org")
    await world.add("old.example.org")
    return world


@pytest.mark.parametrize("what", CHANGES)
async def test_killed_at_any_line_the_names_are_the_old_or_the_new(what: str, begun: World, tmp_path: Path) -> None:
    old, new = await after(what, begun)
    seen = set()
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die(what, at=number, is_after=bool(number % 2), act=kill):
            break
        if number % 3 == 1:
            world.fake.boot()
        if number % 3 == 0:
            await world.do("v2")  # whatever is typed next recovers first
            assert [] == world.problems(), f"line {number}"
            continue
        assert await recover_all(world.process(), print)

        assert [] == world.problems(), f"line {number}"
        assert world.seen() in {old, new}, f"line {number}"
        seen.add(world.seen())
    assert {old, new} == seen


@pytest.mark.parametrize("what", CHANGES)
async def test_killed_at_any_line_apply_puts_in_force_what_is_declared_then(
    what: str, begun: World, tmp_path: Path
) -> None:
    old, new = await after(what, begun)
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die(what, at=number, is_after=bool(number % 2), act=kill):
            break

        await applied(world)

        assert [] == world.problems(), f"line {number}"
        assert world.seen() in {old, new}, f"line {number}"


@pytest.mark.parametrize("what", CHANGES)
async def test_cancelled_at_any_line_the_names_are_the_old_or_the_new(what: str, begun: World, tmp_path: Path) -> None:
    await cancelled_at_every_line(what, begun, tmp_path)


@pytest.mark.parametrize("what", CHANGES)
async def test_killed_while_it_is_undone_the_names_are_the_old_ones_or_the_new(
    what: str, begun: World, tmp_path: Path
) -> None:
    old, new = await after(what, begun)
    begun.fake.edges[begun.process().state.current().edge.kind].refusal = "no"
    lines = 0
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        try:
            if not await world.die(what, at=number, is_after=True, act=kill):
                break
        except PvdifyError:
            break  # it was undone before that line
        lines = number
        for edge in world.fake.edges.values():
            edge.refusal = ""
        assert await recover_all(world.process(), print)

        assert [] == world.problems(), f"line {number}"
        assert world.seen() in {old, new}, f"line {number}"
    assert lines > 8, "the operation has more lines than that"


async def test_an_edge_that_takes_a_change_and_never_says_so_is_brought_back(begun: World) -> None:
    before = begun.seen()
    (caddy, _) = begun.fake.edges.values()
    caddy.is_stuck = True
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(begun.do, "name")
            while "blog.example.org" not in caddy.names:
                await anyio.lowlevel.checkpoint()
            caddy.is_stuck = False
            scope.cancel()

    assert before == begun.seen()
    assert [] == begun.problems()


@pytest.mark.parametrize("what", ["create", "destroy"])
async def test_an_app_that_comes_or_goes_has_its_name_or_not_wherever_it_was_killed(
    what: str, begun: World, tmp_path: Path
) -> None:
    if what == "create":
        await begun.do("destroy")
    for number in range(1, LINES):
        world = begun.fork(tmp_path / str(number))
        if not await world.die(what, at=number, is_after=True, act=kill):
            break

        assert await recover_all(world.process(), print)

        assert [] == world.problems(), f"line {number}"
