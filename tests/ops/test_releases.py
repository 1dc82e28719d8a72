"""The log of a release is the journal of the operation that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import NotFoundError, OperationFailedError, ReleaseNotFoundError
from pvdify.model.requests import ForRelease
from pvdify.operations import releases
from pvdify.operations.wire import parts_of
from pvdify.ops.releases import release_info, release_log
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1")
    return world


async def test_a_release_says_where_its_log_is(world: World) -> None:
    request = ForRelease(app=APP, version=1)

    info = await release_info(world.process(), request)

    assert parts_of(releases.LOG, request).path == info.deploy_log


async def test_the_log_of_a_release_tells_its_steps(world: World) -> None:
    log = await release_log(world.process(), ForRelease(app=APP, version=1))

    assert "releases.create of blog by ada" in log
    assert "done: v1 of blog is live" in log
    for step in ("pull", "prepare", "start", "probe", "switch", "route"):
        assert f"  {step} " in log


async def test_the_log_of_a_release_that_failed_tells_why(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v2-*": 3}
    world.fake.logs.write("pvdify-blog-v2-web-1.service", "cannot reach the database")
    with pytest.raises(OperationFailedError):
        await world.do("v2")

    log = await release_log(world.process(), ForRelease(app=APP, version=2))

    assert "exited with status 3" in log
    assert "v1 still serves" in log


async def test_a_release_that_a_change_made_has_its_log_too(world: World) -> None:
    await world.change(env={"LEVEL": "debug"})

    log = await release_log(world.process(), ForRelease(app=APP, version=2))

    assert "apps.change of blog by ada" in log


async def test_there_is_no_log_of_what_there_is_not(world: World) -> None:
    with pytest.raises(ReleaseNotFoundError):
        await release_log(world.process(), ForRelease(app=APP, version=2))
    for path in world.settings.operations.iterdir():
        path.unlink()
    with pytest.raises(NotFoundError, match="not kept any more"):
        await release_log(world.process(), ForRelease(app=APP, version=1))
