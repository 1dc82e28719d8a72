"""What tests of config look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.names import Instance
from pvdify.model.requests import ShowConfig
from pvdify.ops.config import show_config
from tests.ops.world import APP

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.config_answers import Config
    from tests.ops.world import World

CANARY = "canary-51c9"


def given(world: World, version: int) -> dict[str, str]:
    """The variables that the youngest web process of a release got from its config, and its secret files, at its last start."""
    found: dict[str, str] = {}
    units = sorted(unit for unit in world.fake.systemd.given if unit.startswith(f"pvdify-{APP}-v{version}-web-"))
    for name, data in world.fake.systemd.given[units[-1]].items():
        part = name.split(".", 3)[3]
        lines = data.decode().splitlines() if part == "env" else [f"/run/secrets/{part}={data.decode()}"]
        found |= {key: value for key, _, value in (line.partition("=") for line in lines)}
    return found


def declared(world: World, version: int) -> dict[str, str]:
    """The variables that its unit says itself, but for pvdify's own."""
    text = (world.settings.current / Instance(APP, version, "web", 1).quadlet).read_text()
    lines = (line.removeprefix("Environment=") for line in text.splitlines() if line.startswith("Environment="))
    found = {key: value for key, _, value in (line.partition("=") for line in lines)}
    return {key: value for key, value in found.items() if key != "PORT" and not key.startswith("PVDIFY_")}


async def shown(world: World, version: int | None = None) -> Config:
    """The config with all that it holds."""
    return await show_config(world.process(), ShowConfig(app=APP, version=version, reveal=True))


def numbers(world: World) -> tuple[int | None, int | None, tuple[int, ...], tuple[int, ...]]:
    """The config that the next release gets, the live release, all config versions, and all releases."""
    state = world.process().state
    row = state.current().apps[APP]
    return row.config.version if row.config else None, row.live, state.configs.versions(APP), state.releases(APP)


def everything(directory: Path) -> dict[Path, bytes]:
    """Every file below *directory*."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and not path.is_symlink()}
