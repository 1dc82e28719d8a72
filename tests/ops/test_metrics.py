"""What is counted of a host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import OperationFailedError
from pvdify.model.names import UnitName
from pvdify.model.requests import Nothing
from pvdify.ops.metrics import metrics
from pvdify.ops.perform import accepted
from pvdify.ports import UnitStatus
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

SLICE = UnitName("pvdify-blog.slice")


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v2 is live in three instances."""
    world = World(tmp_path)
    await world.begin("v1", "v2")
    await world.do("scale")
    return world


async def told(world: World) -> dict[str, float]:
    lines = (await metrics(world.process(), Nothing())).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


async def test_what_runs_is_counted(world: World) -> None:
    world.fake.systemd.states[SLICE] = UnitStatus(unit=SLICE, active="active", memory=2**20, cpu_seconds=1.25)

    found = await told(world)

    assert 3 == found['pvdify_instances{app="blog",process="web",state="active"}']
    assert 1 == found['pvdify_apps{status="running"}']
    assert 2**20 == found['pvdify_app_memory_bytes{app="blog"}']
    assert 1.25 == found['pvdify_app_cpu_seconds_total{app="blog"}']
    assert world.process().state.current().number == found["pvdify_generation"]
    assert found["pvdify_disk_free_bytes"] > 0
    assert found["pvdify_audit_lines"] > 0


async def test_an_instance_that_is_down_is_counted_by_its_state(world: World) -> None:
    unit = UnitName("pvdify-blog-v2-web-2.service")
    world.fake.systemd.states[unit] = UnitStatus(unit=unit, active="failed", result="exit-code")

    found = await told(world)

    assert 1 == found['pvdify_instances{app="blog",process="web",state="failed"}']
    assert 2 == found['pvdify_instances{app="blog",process="web",state="active"}']
    assert 1 == found['pvdify_apps{status="failed"}']


async def test_numbers_that_the_kernel_does_not_count_are_left_out(world: World) -> None:
    found = await told(world)

    assert not [name for name in found if name.startswith(("pvdify_app_memory", "pvdify_app_cpu"))]


async def test_operations_are_counted_by_their_end_and_steps_by_their_time(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}
    with pytest.raises(OperationFailedError):
        await world.do("v3")
    with accepted(world.process(), "ps.restart", app=APP, actor="ada") as running:
        found = await told(world)
        running.journal.close()
    after = await told(world)

    assert 2 == found['pvdify_operations{name="releases.create",outcome="done"}']
    assert 1 == found['pvdify_operations{name="releases.create",outcome="failed"}']
    assert 1 == found['pvdify_operations{name="ps.restart",outcome="running"}']
    assert 1 == after['pvdify_operations{name="ps.restart",outcome="dead"}']
    assert 3 == found['pvdify_step_seconds_count{step="switch"}']
    assert found['pvdify_step_seconds_sum{step="switch"}'] > 0


async def test_every_number_is_explained_once(world: World) -> None:
    text = await metrics(world.process(), Nothing())

    named = re.findall(r"^# HELP (\S+) \S", text, flags=re.MULTILINE)
    used = {re.sub(r"_(sum|count)$", "", name) for name in re.findall(r"^(pvdify_\w+)", text, flags=re.MULTILINE)}
    assert len(named) == len(set(named))
    assert used == set(named)


async def test_an_empty_host_can_be_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.begin()
    await world.do("destroy")

    found = await told(world)

    assert "pvdify_generation" in found
    assert not [name for name in found if "app=" in name]
