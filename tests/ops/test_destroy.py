"""What goes with an app, and what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.model.manifest import Retained
from pvdify.model.requests import CreateApp, DestroyApp
from pvdify.ops.create import create_app
from pvdify.ops.destroy import destroy_app
from pvdify.ops.perform import perform
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "blog-pr-7"
GONE = "blog-old"


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """`blog` has a volume, and so has another app whose name begins like its name, and one that is gone."""
    world = World(tmp_path)
    await world.begin("v1")
    for app in (OTHER, GONE):
        await created(world, app)
    world.fake.podman.volume_names = {f"pvdify-{app}-data" for app in (APP, OTHER, GONE)}
    await destroyed(world, GONE, volumes=False)
    return world


async def created(world: World, app: str) -> None:
    request = CreateApp(name=app)
    await perform(world.process(), "apps.create", app=app, actor="ada", run=lambda h, r: create_app(h, r, request))


async def destroyed(world: World, app: str, *, volumes: bool) -> str:
    request = DestroyApp(app=app, volumes=volumes)
    run = await perform(
        world.process(), "apps.destroy", app=app, actor="ada", run=lambda h, r: destroy_app(h, r, request)
    )
    return run.text


async def test_its_volumes_go_and_those_of_an_app_with_a_longer_name_stay(world: World) -> None:
    await destroyed(world, APP, volumes=True)

    assert {f"pvdify-{OTHER}-data", f"pvdify-{GONE}-data"} == world.fake.podman.volume_names


async def test_its_ids_stay_its_own_as_long_as_it_has_volumes_and_those_of_others_do_not_count(world: World) -> None:
    ids = world.process().row(OTHER).ids
    world.fake.podman.volume_names.discard(f"pvdify-{APP}-data")

    text = await destroyed(world, APP, volumes=False)

    assert "volumes kept" not in text
    assert [GONE] == [one.app for one in world.process().state.current().retained]
    assert f"volumes kept: pvdify-{OTHER}-data" in await destroyed(world, OTHER, volumes=False)
    assert Retained(app=OTHER, ids=ids) in world.process().state.current().retained
