"""A host in memory with a real state directory, and operations on it that can be cut off at any line of their journal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import PvdifyError
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.edge_requests import AddDomains, RemoveDomain, SetEdge
from pvdify.model.image import Image
from pvdify.model.patch import ProcessPatch
from pvdify.model.place import Place
from pvdify.model.requests import (
    Apply,
    ChangeApp,
    CreateApp,
    Deploy,
    DestroyApp,
    ForApp,
    Init,
    Restart,
    Rollback,
    Scale,
    SetConfig,
)
from pvdify.ops.apply import apply
from pvdify.ops.change import change_app
from pvdify.ops.config import set_config
from pvdify.ops.create import create_app
from pvdify.ops.deploy import deploy
from pvdify.ops.destroy import destroy_app
from pvdify.ops.domains import add_domains, remove_domain
from pvdify.ops.edge_settings import set_edge
from pvdify.ops.host import Host
from pvdify.ops.init import init
from pvdify.ops.maintenance import turn_off, turn_on
from pvdify.ops.perform import accepted, perform, performed
from pvdify.ops.restart import restart
from pvdify.ops.rollback import rollback
from pvdify.ops.scale import scale
from pvdify.ops.stop import start_app, stop_app
from pvdify.render.edge import names_of
from pvdify.render.router import mark_of
from pvdify.render.tree import ROUTER
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.fakes import FakeHost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.ops.running import Running
    from pvdify.store.journal import Journal

Run = Callable[[Host, "Running"], Awaitable["Changed"]]
APP = "blog"


class Killed(BaseException):
    """The process died here."""


@dataclass(slots=True)
class Cut:
    """A journal that dies with its process before or after its line number *at*, or cancels there."""

    journal: Journal
    at: int
    is_after: bool
    act: Callable[[], None]
    written: int = 0
    is_dead: bool = False

    def write(self, *args: object, **fields: object) -> Event:
        """Write a line, unless this is where it ends; the dead write nothing, whatever they still try."""
        if self.is_dead:
            raise Killed
        self.written += 1
        if self.written == self.at and not self.is_after:
            self._end()
        event = self.journal.write(*args, **fields)  # type: ignore[arg-type]  # handed through
        if self.written == self.at and self.is_after:
            self._end()
        return event

    def _end(self) -> None:
        try:
            self.act()
        except Killed:
            self.is_dead = True
            raise


@dataclass(slots=True)
class World:
    """The host, and what an operator does to it."""

    directory: Path
    here: Path = Path()
    """Leads to the directory of whichever of several forks had the last process."""
    fake: FakeHost = field(init=False)
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(self.directory / "state", self.directory / "run")
        self.settings.run.mkdir(parents=True)
        self.here = self.here if self.here.name else self.directory / "here"
        self.fake = FakeHost(self.settings.current)
        for number, tag in enumerate(("v1", "v2", "v3"), start=1):
            self.fake.podman.registry[f"ghcr.io/org/blog:{tag}"] = Image(
                id=str(number) * 64, digest=f"sha256:{str(number) * 64}", architecture="amd64", ports=(8080,)
            )

    def process(self) -> Host:
        """A new process of pvdify: nothing that the one before held is held any more. A fork renders the same bytes, so it has the same paths."""
        self._come_here()
        place = Place(state=str(self.here / self.settings.state.name), run=str(self.here / self.settings.run.name))
        return Host(ports=self.fake.ports, state=State(self.settings), place=place)

    async def begin(self, *releases: str) -> None:
        """Initialise, and have *releases* live one after the other."""
        await init(self.process(), Init())
        await self.do("create")
        for release in releases:
            await self.do(release)

    def fork(self, directory: Path) -> World:
        """The same host once more, in *directory*: what is done to one of them the other does not see."""
        other = World(directory, here=self.here)
        other.settings.run.rmdir()
        shutil.copytree(self.settings.state, other.settings.state, symlinks=True, copy_function=_copied)
        shutil.copytree(self.settings.run, other.settings.run, symlinks=True)
        other.fake = deepcopy(self.fake)
        other.fake.systemd.current = other.fake.router.current = other.settings.current
        for edge in other.fake.edges.values():
            edge.current = other.settings.current
        other._come_here()
        return other

    def _come_here(self) -> None:
        if not self.here.is_symlink() or self.here.readlink() != self.directory:
            self.here.unlink(missing_ok=True)
            self.here.symlink_to(self.directory)

    async def do(self, what: str) -> Changed:
        """One operation, to its end."""
        name, run = OPERATIONS[what]
        return await perform(self.process(), name, app=APP, actor="ada", run=run)

    async def change(self, **fields: object) -> Changed:
        """Change what is declared."""
        request = msgspec.convert({"app": APP, **fields}, ChangeApp)
        return await perform(
            self.process(), "apps.change", app=APP, actor="ada", run=lambda host, one: change_app(host, one, request)
        )

    async def set(
        self,
        variables: Mapping[str, str | None] | None = None,
        files: Mapping[str, bytes | None] | None = None,
        *,
        deploys: bool = True,
        base: int | None = None,
    ) -> Changed:
        """Set config."""
        request = SetConfig(app=APP, vars=dict(variables or {}), files=dict(files or {}), deploy=deploys, base=base)
        return await perform(
            self.process(), "config.set", app=APP, actor="ada", run=lambda host, one: set_config(host, one, request)
        )

    async def set_edge(
        self, kind: EdgeKind = EdgeKind.CADDY, *, credentials: str | None = None, **fields: object
    ) -> Changed:
        """Have another edge."""
        edge = msgspec.convert({"kind": kind, **fields}, EdgeSettings)
        request = SetEdge(edge=edge, credentials=credentials)
        return await perform(
            self.process(), "edge.set", app="", actor="ada", run=lambda host, one: set_edge(host, one, request)
        )

    async def add(self, *names: str, app: str = APP) -> Changed:
        """Give an app names."""
        return await perform(self.process(), "domains.add", app=app, actor="ada", run=_add(*names, app=app))

    async def remove(self, name: str, app: str = APP) -> Changed:
        """Take a name from an app."""
        return await perform(self.process(), "domains.remove", app=app, actor="ada", run=_remove(name, app=app))

    async def die(self, what: str, *, at: int, is_after: bool, act: Callable[[], None]) -> bool:
        """One operation that is cut off at a line of its journal; whether it got so far."""
        name, run = OPERATIONS[what]
        host = self.process()
        with accepted(host, name, app=APP, actor="ada") as running:
            cut = Cut(running.journal, at, is_after, act)
            running.journal = cut  # type: ignore[assignment]  # the same, but mortal
            try:
                await performed(host, running, run)
            except BaseException:
                if not cut.is_dead:
                    raise
                cut.journal.close()
                return True
        return cut.written >= at

    def seen(self) -> tuple[object, ...]:
        """What a visitor and an operator see: the live release, its units, the router's servers, what is lent, the config to come, maintenance."""
        row = State(self.settings).current().apps.get(APP)
        backend = self.fake.router.backends.get(APP)
        return (
            row.live if row else None,
            tuple(sorted(one.instance(APP).unit for one in row.live_instances())) if row else (),
            tuple(sorted(unit for unit in self.fake.systemd.running() if unit.startswith(f"pvdify-{APP}-v"))),
            self.fake.router.serving(APP) if backend else (),
            tuple(sorted(self.fake.systemd.lent_units)),
            *(tuple(sorted(edge.names.items())) for edge in self.fake.edges.values()),
            row.config.version if row and row.config else None,
            row.in_maintenance if row else None,
        )

    def problems(self) -> list[str]:
        """Whatever does not fit together when nothing runs."""
        state = State(self.settings)
        row = state.current().apps.get(APP)
        live = sorted(one.instance(APP).unit for one in row.live_instances()) if row else []
        up = sorted(
            unit for unit in self.fake.systemd.running() if unit.startswith(f"pvdify-{APP}-v") and ".service" in unit
        )
        found = [] if live == up else [f"live {live}, up {up}"]
        if row is not None:
            wanted = sorted(one.instance(APP).server for one in row.servers())
            serving = sorted(self.fake.router.serving(APP))
            found += [] if wanted == serving else [f"servers {serving}, wanted {wanted}"]
            found += ["slot.toml is not what is in force"] if state.is_edited(row) else []
            needed = {one.release for one in row.instances} <= {row.live, row.warm}
            found += [] if needed else [f"units of {sorted({one.release for one in row.instances})}"]
            found += _unreadable(state, row)
            found += ["names are declared that are not in force"] if names_differ(state, row) else []
        if mark_of((self.settings.current / ROUTER).read_text()) != self.fake.router.read:
            found += ["the router has not read its file"]
        for kind, edge in self.fake.edges.items():
            served = _names(state.current()) if kind is state.current().edge.kind else {}
            found += [f"{kind.value} serves {edge.names}, wanted {served}"] if edge.names != served else []
        found += [f"held {path.name}" for path in self.settings.held.glob("*")]
        found += [f"lent {unit}" for unit in self.fake.systemd.lent_units]
        found += [f"stray {name}" for name in self.fake.podman.stray]
        found += [f"half made {path.name}" for path in self.settings.generations.glob(".tmp-*")]
        found += [f"left over {path.name}" for path in self.settings.app(APP).glob(".slot*")]
        found += [f"unfinished {record.name}" for record in state.records(unfinished_only=True)]
        return found


def _copied(source: str, target: str) -> None:
    """Copy a file, but for those of the reserve, which hold nothing and are only ever removed."""
    if Path(source).parent.name == "reserve":
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _unreadable(state: State, row: AppRow) -> list[str]:
    """Config that is named and not there."""
    found = []
    for pin in (row.config, *(state.release(row.name, one).config for one in (row.live, row.warm) if one)):
        if pin is None:
            continue
        try:
            state.configs.check_sealed(row.name, state.configs.pinned(row.name, pin))
        except PvdifyError as error:
            found.append(error.message)
    return found


def names_differ(state: State, row: AppRow) -> bool:
    """Whether the slot of *row* declares other names than it has."""
    return set(state.slot(row.name).domains) != set(row.domains)


def _names(manifest: Manifest) -> dict[str, int]:
    return {name: row.front for row in manifest.apps.values() for name in names_of(row, manifest.edge)}


def _add(*names: str, app: str = APP) -> Run:
    return lambda host, one: add_domains(host, one, AddDomains(app=app, domains=names))


def _remove(name: str, app: str = APP) -> Run:
    return lambda host, one: remove_domain(host, one, RemoveDomain(app=app, domain=name))


def _change(request: ChangeApp) -> Run:
    return lambda host, one: change_app(host, one, request)


def _set(request: SetConfig) -> Run:
    return lambda host, one: set_config(host, one, request)


def _deploy(tag: str) -> Run:
    return lambda host, one: deploy(host, one, Deploy(app=APP, image=f"ghcr.io/org/blog:{tag}"))


OPERATIONS: dict[str, tuple[str, Run]] = {
    "create": ("apps.create", lambda host, one: create_app(host, one, CreateApp(name=APP))),
    **{tag: ("releases.create", _deploy(tag)) for tag in ("v1", "v2", "v3")},
    "rollback": ("releases.rollback", lambda host, one: rollback(host, one, Rollback(app=APP))),
    "apply": ("apply", lambda host, one: apply(host, one, Apply())),
    "change": ("apps.change", _change(ChangeApp(app=APP, env={"LEVEL": "debug"}))),
    "recount": ("apps.change", _change(ChangeApp(app=APP, processes={"web": ProcessPatch(count=2)}))),
    "set": ("config.set", _set(SetConfig(app=APP, vars={"KEY": "new"}, files={"tls.key": b"new"}))),
    "keep": ("config.set", _set(SetConfig(app=APP, vars={"KEY": "kept"}, deploy=False))),
    "rollback-keep-config": (
        "releases.rollback",
        lambda host, one: rollback(host, one, Rollback(app=APP, keep_config=True)),
    ),
    "scale": ("ps.scale", lambda host, one: scale(host, one, Scale(app=APP, processes={"web": 3}))),
    "restart": ("ps.restart", lambda host, one: restart(host, one, Restart(app=APP))),
    "stop": ("ps.stop", lambda host, one: stop_app(host, one, ForApp(app=APP))),
    "start": ("ps.start", lambda host, one: start_app(host, one, ForApp(app=APP))),
    "name": ("domains.add", _add("blog.example.org", "*.blog.example.org")),
    "unname": ("domains.remove", _remove("old.example.org")),
    "rename": ("apps.change", _change(ChangeApp(app=APP, domains=("new.example.org",), env={"LEVEL": "debug"}))),
    "close": ("maintenance.on", lambda host, one: turn_on(host, one, ForApp(app=APP))),
    "open": ("maintenance.off", lambda host, one: turn_off(host, one, ForApp(app=APP))),
    "destroy": ("apps.destroy", lambda host, one: destroy_app(host, one, DestroyApp(app=APP))),
}
