"""Two apps behind an edge, and what an operator does to their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.requests import Apply, CreateApp
from pvdify.ops.apply import apply
from pvdify.ops.create import create_app
from pvdify.ops.perform import perform
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed

NAME = "blog.example.org"


async def behind_caddy(directory: Path) -> World:
    """Two apps, of which one serves, behind Caddy."""
    world = World(directory)
    await world.begin("v1")
    await create(world, "shop")
    await world.set_edge(internal_ca=True)
    return world


async def create(world: World, app: str) -> Changed:
    request = CreateApp(name=app)
    return await perform(
        world.process(), "apps.create", app=app, actor="ada", run=lambda host, one: create_app(host, one, request)
    )


async def applied(world: World, request: Apply | None = None) -> Changed:
    wanted = request or Apply()
    return await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, wanted))


def slot_of(world: World, app: str = APP) -> Path:
    return world.settings.slot(app)


def edit(world: World, names: str) -> None:
    """What an operator does with an editor."""
    text = [line for line in slot_of(world).read_text().splitlines() if not line.startswith("domains")]
    slot_of(world).write_text("\n".join([f"domains = {names}", *text, ""]))
