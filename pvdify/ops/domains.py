"""Domains: give an app names, and take them back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import NotFoundError, SpecError
from pvdify.model.domain import default_name, domain_name
from pvdify.model.edge import EdgeKind
from pvdify.ops.change import take_back
from pvdify.ops.dns import Pointing, has_records, point, pointed, pointing, restore, unpoint, unpointed
from pvdify.ops.names import Beyond, named, nothing_beyond, put_names
from pvdify.ops.recover import recover
from pvdify.plan.domains import names_declared

if TYPE_CHECKING:
    from pvdify.model.answers import Changed
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.edge_requests import AddDomains, RemoveDomain
    from pvdify.model.manifest import AppRow
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def add_domains(host: Host, running: Running, request: AddDomains) -> Changed:
    """Give an app names that nobody has, and make the edge serve them; all of them, or none."""
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    wanted = tuple(dict.fromkeys(domain_name(text) for text in request.domains))
    declared, default = names_declared(slot), default_name(app, host.state.current().edge.domain)
    new = tuple(name for name in wanted if name != default and not (name in row.domains and name in declared))
    lead = Pointing()
    if request.dns:
        lead = await pointing(host, app, wanted, addresses=request.addresses, overwrites=request.force)
    if not new:
        return await pointed(host, running, row, lead, f"{app} has {', '.join(wanted)} already")
    names = tuple(dict.fromkeys((*declared, *new)))
    changed = await _changed(host, running, row, slot, names, beyond=partial(point, host, running, lead))
    return msgspec.structs.replace(changed, text=changed.text + lead.words() + _unserved(host.state.current().edge))


async def remove_domain(host: Host, running: Running, request: RemoveDomain) -> Changed:
    """Take a name from an app, and have the edge forget it."""
    app, gone = request.app, domain_name(request.domain)
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    declared = names_declared(slot)
    if gone not in {*row.domains, *declared}:
        if has_records(host, app, gone):
            return await unpointed(host, running, row, gone)
        if gone == default_name(app, host.state.current().edge.domain):
            raise SpecError(f"cannot remove {gone}: every app has its name below the host's domain", pointer="/domains")
        raise NotFoundError(f"cannot remove {gone}: {app} does not have it", hint=f"pvdify domains {app}")
    records = await unpoint(host, running, (gone,))  # nobody new comes before it is served no more
    try:
        return await _changed(host, running, row, slot, tuple(name for name in declared if name != gone))
    except BaseException:
        with anyio.CancelScope(shield=True):
            await restore(host, running, records)
        raise


def _unserved(edge: EdgeSettings) -> str:
    """That nobody serves a name yet, and what makes somebody do so; empty where somebody does."""
    if edge.kind is not EdgeKind.NONE or edge.forwards:
        return ""
    return "; the host has no edge yet: `pvdify edge:set caddy`, or `pvdify edge:set none --forwards` for a proxy of your own"


async def _changed(
    host: Host,
    running: Running,
    row: AppRow,
    slot: Slot,
    names: tuple[str, ...],
    *,
    beyond: Beyond = nothing_beyond,
) -> Changed:
    """Declare *names*, put them in force, and bring the edge to them; undone as a whole if any of that fails."""
    app, stamp = row.name, None
    is_edited = host.state.is_edited(row)  # then what else was edited still waits for `apply`
    try:
        async with running.step("declare"):
            stamp = host.state.redeclare(msgspec.structs.replace(slot, domains=names))
            running.note("slot.toml is written", data={"slot": stamp.sha256})
        await put_names(host, running, app, names, stamp=None if is_edited else stamp, beyond=beyond)
    except BaseException as error:
        if stamp and not running.is_between:
            take_back(host, running, stamp, error)
        raise
    host.state.confirm(app)
    return named(running, row, names)
