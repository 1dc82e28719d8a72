"""The doctor looks at the API by what is there all the time: its sockets, and how its services ended last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.model.names import UnitName
from pvdify.model.requests import Nothing
from pvdify.ops.doctor import doctor
from pvdify.ports import UnitStatus
from tests.ops.world import World

if TYPE_CHECKING:
    from pathlib import Path

SOCKETS = ("pvdifyd.socket", "pvdify-host.socket", "pvdify-admin.socket")


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1")
    for name in SOCKETS:
        put(world, name, active="active")
    for name in ("pvdifyd.service", "pvdify-host.service"):
        put(world, name, active="inactive")
    return world


def put(world: World, name: str, *, active: str, result: str = "success") -> None:
    unit = UnitName(name)
    world.fake.systemd.states[unit] = UnitStatus(unit=unit, load="loaded", active=active, result=result)


async def api_of(world: World) -> list[tuple[str, str]]:
    found = await doctor(world.process(), Nothing())
    return [(one.status.value, one.detail) for one in found.checks if one.name == "api"]


async def test_open_sockets_and_services_that_nobody_needs_are_well(world: World) -> None:
    assert [("ok", "its sockets are open")] == await api_of(world)


async def test_a_service_that_cannot_start_is_told_with_its_reason(world: World) -> None:
    put(world, "pvdifyd.service", active="activating", result="exit-code")

    assert ("fail", "pvdifyd.service cannot start (exit-code)") in await api_of(world)


async def test_a_socket_that_is_shut_is_told(world: World) -> None:
    put(world, "pvdify-admin.socket", active="inactive")

    assert [("warn", "pvdify-admin.socket is inactive")] == await api_of(world)


async def test_a_host_without_the_api_is_no_trouble(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.begin("v1")

    assert [] == await api_of(world)
