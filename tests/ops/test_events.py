"""Whoever follows a host is told of everything that happens on it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from pvdify.model.event import EventKind
from pvdify.model.requests import FollowEvents, Init
from pvdify.ops.events import follow_events
from pvdify.ops.init import init
from tests.ops.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from pvdify.model.answers import HostEvent


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await init(world.process(), Init())
    return world


async def until_the_end(world: World, *, after: str | None, ends: int) -> list[HostEvent]:
    """What is told until *ends* operations are over."""
    found: list[HostEvent] = []
    news = cast("AsyncGenerator[HostEvent, None]", follow_events(world.process(), FollowEvents(after=after)))
    with anyio.fail_after(20):
        async with aclosing(news):
            async for one in news:
                found.append(one)
                ends -= one.event.kind is EventKind.END
                if not ends:
                    return found
    return found


async def test_a_follower_sees_operations_as_they_come(world: World) -> None:
    seen: list[HostEvent] = []

    async def follow() -> None:
        seen.extend(await until_the_end(world, after=None, ends=2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(follow)
        await anyio.sleep(0.3)
        await world.do("create")
        await world.do("v1")

    assert ["apps.create", "releases.create"] == list(dict.fromkeys(one.name for one in seen))
    assert {("blog", "ada")} == {(one.app, one.actor) for one in seen}
    assert EventKind.PROGRESS not in {one.event.kind for one in seen}


async def test_a_follower_who_comes_back_goes_on_behind_the_cursor(world: World) -> None:
    await world.do("create")
    await world.do("v1")
    whole = await until_the_end(world, after="20000101-000000-000", ends=2)

    rest = await until_the_end(world, after=whole[4].cursor, ends=2 if whole[4].name == "apps.create" else 1)

    def known(events: list[HostEvent]) -> list[tuple[str, int]]:
        return [(one.operation, one.event.seq) for one in events]

    assert known(whole)[5:] == known(rest)


async def test_a_long_absence_is_made_up_for_in_pieces(world: World) -> None:
    await world.do("create")
    for number in range(20):
        await world.do("scale" if number % 2 else "stop")

    whole = await until_the_end(world, after="20000101-000000-000", ends=21)

    told = {id_: [one.event for one in whole if one.operation == id_] for id_ in {one.operation for one in whole}}
    assert 21 == len(told)
    for id_, events in told.items():
        assert events == [one for one in world.process().state.tail(id_, -1) if one.kind is not EventKind.PROGRESS]
