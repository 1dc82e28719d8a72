"""Publish a generation: the host as it is, and one app's change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import ProgramTooOldError
from pvdify.model.manifest import AppRow, Manifest, Retained
from pvdify.model.names import UnitName, instance_of
from pvdify.ops.edge import forget, remember
from pvdify.ops.locking import held
from pvdify.ops.validate import validate
from pvdify.render.edge import EDGES, edge_artefacts
from pvdify.render.environment import prepare
from pvdify.render.pages import owner_of
from pvdify.render.tree import Artefact, app_artefacts, host_artefacts, made_of, page_artefact

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.page import Page
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Change = Callable[[Manifest], Awaitable[AppRow | None]]
SYSTEMD_FLOOR: Final = 254
PODMAN_FLOOR: Final = (5, 3, 0)
NEWER: Final = "use Debian 13, Ubuntu 26.04, Fedora 41, RHEL 10, NixOS 25.05 or newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publish did."""

    manifest: Manifest
    parent: Manifest
    units: Mapping[UnitName, bytes]
    is_new: bool

    def row(self, app: str) -> AppRow:
        """The row of *app* in the new generation."""
        return self.manifest.apps[app]


async def publish(
    host: Host,
    running: Running,
    *,
    app: str,
    change: Change,
    reason: str,
    extra: Callable[[AppRow], tuple[Artefact, ...]] | None = None,
    retained: Callable[[Manifest], tuple[Retained, ...]] | None = None,
    edge: EdgeSettings | None = None,
) -> Published:
    """Put what *change* makes of the row of *app* in force, durably; None for a row removes the app. *edge* is another edge of the host.

    Held: the host lock, for as long as it takes to read, render, validate and flip. Nothing is reloaded and nothing started.
    A refusal by a validator leaves the generation in force as it was.
    """
    async with held(host.state.try_host_lock):
        parent = host.state.current()
        row = await change(parent)
        apps = {name: one for name, one in parent.apps.items() if name != app}
        if row is not None:
            apps[app] = row
        kept = retained(parent) if retained else parent.retained
        edge = edge or parent.edge
        if row == parent.apps.get(app) and extra is None and kept == parent.retained and edge == parent.edge:
            return Published(manifest=parent, parent=parent, units={}, is_new=False)
        before = parent.apps.get(app)
        is_own_same = extra is None and row is not None and before is not None and made_of(row) == made_of(before)
        artefacts = _artefacts(host, None if is_own_same else row, apps, edge, extra)
        files = {one.path: one.text.encode() for one in artefacts}
        changed = {path: text for path, text in files.items() if parent.files.get(path) != sha256(text).hexdigest()}
        gone = () if is_own_same else tuple(path for path in parent.files if _owner(path) == app)
        removed = frozenset(path for path in gone if path not in files)
        removed |= frozenset(path for path in parent.files if path in EDGES.values() and path not in files)
        removed |= frozenset(path for path in parent.files if _is_given_up(path, apps))
        # what no unit is changed by does not ask again which programs read them
        versions = await programs(host) if any(map(_is_unit, {*changed, *removed})) else parent.programs
        staged = await anyio.to_thread.run_sync(
            lambda: host.state.stage(
                parent=parent,
                files=changed,
                removed=removed,
                apps=dict(sorted(apps.items())),
                retained=kept,
                actor=running.actor,
                operation=running.id,
                reason=reason,
                at=host.now(),
                programs=versions,
                edge=edge,
                heal=lambda path: healed(host, parent, path),
            )
        )
        try:
            everything = tuple(staged.manifest.files) if versions != parent.programs else tuple(changed)
            units = await validate(host, staged.path, everything, dropped=_instances(removed))
        except BaseException:
            host.state.discard(staged)
            raise
        with anyio.CancelScope(shield=True):
            is_edge_new = not {*changed, *removed}.isdisjoint(EDGES.values())
            # killed from here on, a boot may start the edge with names that recovery takes back
            noted = forget(host) if is_edge_new else None
            manifest = await anyio.to_thread.run_sync(host.state.commit, staged)
            if is_edge_new:
                remember(host, manifest, noted)
        running.generation = manifest.number
        running.note(f"generation {manifest.number}", data={"generation": manifest.number})
        new = {
            unit: text
            for unit, text in units.items()
            if f"quadlet/{unit.removesuffix('.service')}.container" in changed
        }
        return Published(manifest=manifest, parent=parent, units=new, is_new=True)


async def programs(host: Host) -> dict[str, str]:
    """The versions of the programs that read what is rendered; a change of one means that all of it is validated again.

    Raise `ProgramTooOldError` for a host that pvdify cannot drive.
    """
    podman, systemd = await host.quadlet.version(), await host.systemd.version()
    text = ".".join(str(part) for part in podman)
    if podman < PODMAN_FLOOR:
        raise ProgramTooOldError(f"cannot drive Podman {text}: 5.3 or newer is needed", hint=NEWER)
    if systemd < SYSTEMD_FLOOR:
        raise ProgramTooOldError(f"cannot drive systemd {systemd}: {SYSTEMD_FLOOR} or newer is needed", hint=NEWER)
    return {"podman": text, "systemd": str(systemd)}


async def ready_to_render() -> None:
    """Compile the templates: a tenth of a second that passes while a registry or systemd is waited for."""
    await anyio.to_thread.run_sync(prepare)


def healed(host: Host, manifest: Manifest, path: str) -> bytes | None:
    """What the file *path* of *manifest* was, made again from its app's row and releases; None if it can't be."""
    if (own := owner_of(path)) is not None:
        return _page_again(host, manifest, *own)
    owner = _owner(path)
    row = manifest.apps.get(owner) if owner else None
    artefacts = _artefacts(host, row, manifest.apps, manifest.edge, None)
    return next((one.text.encode() for one in artefacts if one.path == path), None)


def _artefacts(
    host: Host,
    row: AppRow | None,
    apps: Mapping[str, AppRow],
    edge: EdgeSettings,
    extra: Callable[[AppRow], tuple[Artefact, ...]] | None,
) -> tuple[Artefact, ...]:
    own: tuple[Artefact, ...] = ()
    if row is not None:
        releases = {
            version: host.state.release(row.name, version) for version in {one.release for one in row.instances}
        }
        own = app_artefacts(row, releases, host.place) + (extra(row) if extra else ())
    return own + host_artefacts(apps, edge, host.place) + edge_artefacts(apps, edge, host.place)


def _page_again(host: Host, manifest: Manifest, app: str, page: Page) -> bytes | None:
    """The page as it was, if what the operator wrote still is what it was made of."""
    row, html = manifest.apps.get(app), host.state.pages.read(app).get(page)
    if row is None or html is None or sha256(html).hexdigest() != row.pages.get(page):
        return None
    return page_artefact(app, page, html).text.encode()


def _is_given_up(path: str, apps: Mapping[str, AppRow]) -> bool:
    """Whether *path* is a page of an app that has it no longer."""
    own = owner_of(path)
    return own is not None and (own[0] not in apps or own[1] not in apps[own[0]].pages)


def _instances(paths: frozenset[str]) -> tuple[UnitName, ...]:
    return tuple(sorted(one.unit for path in paths if (one := instance_of(Path(path).stem)) is not None))


def _is_unit(path: str) -> bool:
    return path.startswith(("quadlet/", "systemd/"))


def _owner(path: str) -> str | None:
    """The app that the artefact *path* belongs to; None for the host's own."""
    stem = Path(path).stem
    if path.startswith("quadlet/"):
        instance = instance_of(stem)
        return instance.app if instance else None
    if path.startswith("systemd/pvdify-") and path.endswith(".target"):
        return stem.removeprefix("pvdify-")
    return None
