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
NO_NAMES = (
    "example.org:80",
    "example.org/x",
    "https://example.org",
    "a.*.example.org",
    "**.example.org",
    f"{'a' * 62}." * 4 + "example.org",
    "ex\u202eample.org",
    "exa\0mple.org",
    "127.0.0.1",
    "::1",
    "localhost",
    "a b.example.org",
    "\u05d0\u202d.example.org",
    "a\u05d0.example.org",
    "xn--a.example.org",
    "-a.example.org",
    "example.org\n",
    f"{'a' * 64}.example.org",
    f"*.{'a.' * 125}org",
    "ada@example.org",
    "[2001:db8::1]",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "\uff0a.example.org",
)
"""What is no domain, in as many ways as there are."""


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
