"""Domains: give an app names, take them back, and list them with how they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import DomainTakenError, NotFoundError, PvdifyError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.domain import default_name, domain_name, namesake
from pvdify.model.edge import EdgeKind
from pvdify.model.event import Outcome
from pvdify.ops.change import take_back
from pvdify.ops.edge import follow
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow, Manifest, SlotStamp
    from pvdify.model.requests import AddDomains, RemoveDomain
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def add_domains(host: Host, running: Running, request: AddDomains) -> Changed:
    """Give an app names that nobody has, and make the edge serve them; all of them, or none."""
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    wanted = tuple(dict.fromkeys(domain_name(text) for text in request.domains))
    new = tuple(name for name in wanted if name not in row.domains)
    if not new and set(wanted) <= {domain_name(text) for text in slot.domains}:
        return _unchanged(running, row, f"{app} has {', '.join(wanted)} already")
    return await _changed(host, running, row, slot, (*row.domains, *new), f"{app} is {', '.join(new)} now")


async def remove_domain(host: Host, running: Running, request: RemoveDomain) -> Changed:
    """Take a name from an app, and have the edge forget them."""
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    gone = {domain_name(request.domain)}
    if unknown := sorted(gone - set(row.domains)):
        default = default_name(app, host.state.current().edge.domain)
        if unknown[0] == default:
            raise SpecError(
                f"cannot remove {default}: every app has its name below the host's domain", pointer="/domains"
            )
        raise NotFoundError(f"cannot remove {unknown[0]}: {app} does not have it", hint=f"pvdify domains {app}")
    left = tuple(name for name in row.domains if name not in gone)
    return await _changed(host, running, row, slot, left, f"{app} is not {', '.join(sorted(gone))} any more")


def check_owner(apps: Iterable[AppRow], edge: EdgeSettings, app: str, names: Iterable[str]) -> None:
    """Raise `DomainTakenError` where one of *names* is another app's, or would be another app's below the host's domain."""
    others = {name: row.name for row in apps if row.name != app for name in row.domains}
    for name in names:
        if owner := others.get(name):
            raise DomainTakenError(name, owner)
        if (other := namesake(name, edge.domain)) and other != app:
            raise SpecError(
                f"cannot give {name} to {app}: below the host's domain every app has the name that it is called by",
                pointer="/domains",
            )
        if edge.kind is EdgeKind.CADDY and name.startswith("*") and not edge.internal_ca:
            raise SpecError(
                f"cannot serve {name} with Caddy: a certificate for all names below one takes a DNS challenge",
                pointer="/domains",
                hint="add each name, or use the edge cloudflared",
            )


async def _changed(host: Host, running: Running, row: AppRow, slot: Slot, names: tuple[str, ...], text: str) -> Changed:
    """Declare *names*, put them in force, and bring the edge to them; undone as a whole if any of that fails."""
    app, before, stamp = row.name, row.domains, None
    declared = msgspec.structs.replace(slot, domains=names)
    try:
        async with running.step("declare"):
            stamp = host.state.redeclare(declared)
            running.note("slot.toml is written", data={"slot": stamp.sha256})
        async with running.step("switch"):
            await publish(
                host, running, app=app, change=partial(_named, host, app, names, stamp), reason=f"{app}: domains"
            )
        async with running.step("edge"):
            await follow(host)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await _back(host, running, app, before, row.slot)
            if stamp:
                take_back(host, running, stamp, error)
        raise
    host.state.confirm(app)
    return Changed(
        operation=running.id, outcome=Outcome.DONE, text=text, app=app, release=row.live, generation=running.generation
    )


async def _back(host: Host, running: Running, app: str, names: tuple[str, ...], stamp: SlotStamp | None) -> None:
    if host.row(app).domains == names:
        return
    async with running.step("undo"):
        change = partial(_named, host, app, names, stamp)
        await publish(host, running, app=app, change=change, reason=f"{app}: domains as before")
        try:
            await follow(host)
        except PvdifyError as error:
            running.note(f"{error.message}; {error.hint}")


async def _named(
    host: Host, app: str, names: tuple[str, ...], stamp: SlotStamp | None, manifest: Manifest
) -> AppRow | None:
    await anyio.lowlevel.checkpoint()
    row = manifest.apps[app]
    check_owner(manifest.apps.values(), manifest.edge, app, (name for name in names if name not in row.domains))
    return msgspec.structs.replace(row, domains=names, slot=stamp or row.slot, updated_at=host.now())


def _unchanged(running: Running, row: AppRow, text: str) -> Changed:
    return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=row.name, release=row.live)
