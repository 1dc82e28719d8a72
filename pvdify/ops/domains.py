"""Domains: give an app names, and take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import NotFoundError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.domain import default_name, domain_name
from pvdify.model.event import Outcome
from pvdify.ops.change import take_back
from pvdify.ops.names import named, put_names
from pvdify.ops.recover import recover
from pvdify.plan.domains import names_declared

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
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
    declared, default = names_declared(slot), default_name(app, host.state.current().edge.domain)
    new = tuple(name for name in wanted if name != default and not (name in row.domains and name in declared))
    if not new:
        text = f"{app} has {', '.join(wanted)} already"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app, release=row.live)
    return await _changed(host, running, row, slot, tuple(dict.fromkeys((*declared, *new))))


async def remove_domain(host: Host, running: Running, request: RemoveDomain) -> Changed:
    """Take a name from an app, and have the edge forget it."""
    app, gone = request.app, domain_name(request.domain)
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    declared = names_declared(slot)
    if gone not in {*row.domains, *declared}:
        if gone == default_name(app, host.state.current().edge.domain):
            raise SpecError(f"cannot remove {gone}: every app has its name below the host's domain", pointer="/domains")
        raise NotFoundError(f"cannot remove {gone}: {app} does not have it", hint=f"pvdify domains {app}")
    return await _changed(host, running, row, slot, tuple(name for name in declared if name != gone))


async def _changed(host: Host, running: Running, row: AppRow, slot: Slot, names: tuple[str, ...]) -> Changed:
    """Declare *names*, put them in force, and bring the edge to them; undone as a whole if any of that fails."""
    app, stamp = row.name, None
    is_edited = host.state.is_edited(row)  # then what else was edited still waits for `apply`
    try:
        async with running.step("declare"):
            stamp = host.state.redeclare(msgspec.structs.replace(slot, domains=names))
            running.note("slot.toml is written", data={"slot": stamp.sha256})
        await put_names(host, running, app, names, stamp=None if is_edited else stamp)
    except BaseException as error:
        if stamp and not running.is_between:
            take_back(host, running, stamp, error)
        raise
    host.state.confirm(app)
    return named(running, row, names)
