"""A scenario: apps as an operator declares them, and which of their instances have units."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.model.config import ConfigMeta
from pvdify.model.edge import EdgeSettings
from pvdify.model.image import Image, image_ref
from pvdify.model.manifest import IDS_COUNT, IDS_FIRST, AppRow, InstanceRow
from pvdify.model.page import Page
from pvdify.model.parse import from_toml
from pvdify.model.place import Place
from pvdify.model.slot import Slot
from pvdify.plan.release import formation_of, release_of
from pvdify.plan.swap import router_of
from pvdify.render.edge import edge_artefacts
from pvdify.render.tree import (
    Artefact,
    app_artefacts,
    host_artefacts,
    page_artefact,
    release_command_artefact,
)

if TYPE_CHECKING:
    from pvdify.model.release import Release

SCENARIOS: Final = tuple(sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml")))
PLACE: Final = Place(version="0.0.0")
_UNIT: Final = re.compile(
    r"v(?P<release>\d+)-(?P<process>[a-z0-9]+)-(?P<ordinal>\d+)(?: on (?P<port>\d+))?(?P<live>, live)?"
)


class _Release(msgspec.Struct, forbid_unknown_fields=True):
    image: str
    version: int = 0
    exposes: tuple[int, ...] = ()
    config: int = 0


class _Config(msgspec.Struct, forbid_unknown_fields=True):
    keys: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class _App(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    slot: Slot
    front: int
    block: int = 0
    live: int | None = None
    warm: int | None = None
    stopped: bool = False
    units: tuple[str, ...] = ()
    releases: tuple[_Release, ...] = ()
    configs: tuple[_Config, ...] = ()
    config: int = 0
    release_command: int | None = None
    maintenance: bool = False
    pages: dict[Page, str] = {}


class _Scenario(msgspec.Struct, forbid_unknown_fields=True):
    apps: tuple[_App, ...] = ()
    edge: EdgeSettings = EdgeSettings()


@dataclass(frozen=True, slots=True)
class World:
    """Rows and releases of a whole host; *running* are the versions whose release command runs, *pages* what operators wrote."""

    rows: dict[str, AppRow]
    releases: dict[str, dict[int, Release]]
    running: dict[str, int]
    pages: dict[str, dict[Page, bytes]]
    edge: EdgeSettings


def load(scenario: Path) -> World:
    read = from_toml(scenario.read_bytes(), _Scenario, what=scenario.name)
    apps = read.apps
    releases = {app.slot.name: _releases(app) for app in apps}
    rows = {app.slot.name: _row(app, releases[app.slot.name]) for app in apps}
    running = {app.slot.name: app.release_command for app in apps if app.release_command}
    pages = {app.slot.name: _pages(app) for app in apps}
    return World(rows, releases, running, pages, read.edge)


def tree(world: World, place: Place = PLACE) -> tuple[Artefact, ...]:
    """Render every file of the world's generation."""
    files = [file for name, row in world.rows.items() for file in app_artefacts(row, world.releases[name], place)]
    files += host_artefacts(world.rows, world.edge, place)
    files += edge_artefacts(world.rows, world.edge, place)
    files += [page_artefact(name, page, html) for name, pages in world.pages.items() for page, html in pages.items()]
    files += [
        release_command_artefact(world.releases[name][version], world.rows[name], place)
        for name, version in world.running.items()
    ]
    return tuple(sorted(files))


def rows_text(world: World) -> str:
    """Write the rows as a manifest has them."""
    return msgspec.json.format(msgspec.json.encode(world.rows), indent=2).decode() + "\n"


def _releases(app: _App) -> dict[int, Release]:
    made: dict[int, Release] = {}
    for number, one in enumerate(app.releases, start=1):
        digest = f"sha256:{hashlib.sha256(one.image.encode()).hexdigest()}"
        image = Image(id=digest, digest=digest, architecture="amd64", ports=one.exposes)
        pinned = image_ref(one.image).pinned(digest)
        version = one.version or number
        config = _config(app, one.config) if one.config else None
        made[version] = release_of(app.slot, image, pinned=pinned, source=one.image, version=version, config=config)
    return made


def _config(app: _App, version: int) -> ConfigMeta:
    one = app.configs[version - 1]
    return ConfigMeta(
        version=version,
        sha256=hashlib.sha256(f"{app.slot.name} c{version}".encode()).hexdigest(),
        keys=one.keys,
        files=dict.fromkeys(one.files, 1),
    )


def _row(app: _App, releases: dict[int, Release]) -> AppRow:
    row = AppRow(
        name=app.slot.name,
        environment=app.slot.environment,
        front=app.front,
        ids=IDS_FIRST + app.block * IDS_COUNT,
        created_at="2024-11-23T10:00:00.000Z",
        image=releases[app.live].image if app.live else "",
        live=app.live,
        warm=app.warm,
        is_stopped=app.stopped,
        formation=formation_of(app.slot),
        instances=tuple(_instance(text) for text in app.units),
        config=_config(app, app.config).pin() if app.config else None,
        domains=app.slot.domains,
        in_maintenance=app.maintenance,
        pages={page: hashlib.sha256(html).hexdigest() for page, html in _pages(app).items()},
    )
    return msgspec.structs.replace(row, router=router_of(row, releases[app.live])) if app.live else row


def _pages(app: _App) -> dict[Page, bytes]:
    return {page: html.encode() for page, html in app.pages.items()}


def _instance(text: str) -> InstanceRow:
    match = _UNIT.fullmatch(text)
    if not match:
        raise ValueError(text)
    return InstanceRow(
        release=int(match["release"]),
        process=match["process"],
        ordinal=int(match["ordinal"]),
        port=int(match["port"] or 0),
        is_live=bool(match["live"]),
    )
