"""Listings of apps: from the generation in force, and what systemd says is up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import HostError
from pvdify.model.names import Instance
from pvdify.model.release import AppStatus
from pvdify.model.requests import ForApp, Nothing
from pvdify.ops.apps import app_info, list_apps
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    import trio.testing

UNIT = Instance(APP, 1, "web", 1).unit


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v1 is live."""
    world = World(tmp_path / "world")
    await world.begin("v1")
    return world


async def statuses(world: World) -> set[AppStatus]:
    """How the one app is, in the list and alone."""
    (listed,) = (await list_apps(world.process(), Nothing())).apps
    return {listed.status, (await app_info(world.process(), ForApp(app=APP))).status}


async def test_an_app_is_running_while_its_instances_are_up_and_failed_when_one_is_not(world: World) -> None:
    assert {AppStatus.RUNNING} == await statuses(world)

    world.fake.systemd.states[UNIT] = replace(world.fake.systemd.states[UNIT], active="activating")

    assert {AppStatus.FAILED} == await statuses(world)


async def test_an_app_tells_the_config_that_serves_and_not_the_one_that_waits(world: World) -> None:
    before = await app_info(world.process(), ForApp(app=APP))
    await world.set({"KEY": "one"})
    await world.set({"KEY": "two"}, deploys=False)

    after = await app_info(world.process(), ForApp(app=APP))

    assert (None, 1) == (before.config_version, after.config_version)


async def test_systemd_that_does_not_answer_is_an_error_after_some_seconds(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    world.fake.systemd.is_silent = True

    with pytest.raises(HostError, match="no answer in 20 s"):
        await list_apps(world.process(), Nothing())
