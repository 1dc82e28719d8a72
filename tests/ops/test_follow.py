"""Following an operation: from anywhere on, and never beyond its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from pvdify.model.answers import Changed
from pvdify.model.event import Event, EventKind, Outcome
from pvdify.model.requests import Follow
from pvdify.ops.journal import follow
from pvdify.ops.perform import perform
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.ops.running import Running


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """One operation is over."""
    world = World(tmp_path / "world")
    await world.begin()
    return world


async def followed(world: World, after: int) -> list[int]:
    """The numbers of the events behind *after*."""
    host = world.process()
    (record,) = host.state.records(APP)
    with trio.fail_after(5):
        return [event.seq async for event in follow(host, Follow(id=record.id, after=after))]


async def test_a_follower_comes_back_where_it_was(world: World) -> None:
    every = await followed(world, -1)

    assert list(range(len(every))) == every
    assert every[3:] == await followed(world, 2)


@pytest.mark.parametrize("beyond", [0, 1, 1000])
async def test_whoever_has_seen_the_end_gets_nothing_more_and_at_once(world: World, beyond: int) -> None:
    last = (await followed(world, -1))[-1]

    assert [] == await followed(world, last + beyond)


async def test_whoever_names_an_event_that_is_still_to_come_gets_what_comes_next(world: World) -> None:
    host = world.process()
    events: list[Event] = []

    async def read() -> None:
        (record,) = host.state.records(APP, unfinished_only=True)
        events.extend([event async for event in follow(host, Follow(id=record.id, after=1000))])

    async def run(_: object, running: Running) -> Changed:
        nursery.start_soon(read)
        await trio.sleep(0.1)
        running.note("on its way")
        return Changed(operation=running.id, outcome=Outcome.DONE, text="done")

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            await perform(host, "ps.stop", app=APP, actor="ada", run=run)

    assert [EventKind.NOTE, EventKind.END] == [event.kind for event in events]
