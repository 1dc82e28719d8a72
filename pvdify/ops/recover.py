"""Finish, or undo, what a dead operation left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import AppBusyError, PvdifyError
from pvdify.model.event import EventKind, OperationRecord, Outcome
from pvdify.ops.converge import converge
from pvdify.ops.edge import follow, followed, waits_for_apps
from pvdify.ops.locking import held
from pvdify.ops.names import names_as_before
from pvdify.ops.perform import OF_SECRETS, SET_EDGE
from pvdify.ops.remove import remove
from pvdify.ops.running import Running
from pvdify.plan.domains import BEFORE, names_wanted
from pvdify.plan.history import CHANGE, CONFIG, MAINTENANCE, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pvdify.model.manifest import AppRow
    from pvdify.ops.host import Host

SCALE = "ps.scale"
DECLARES = NAMES | {CHANGE}
"""What writes a slot."""


async def recover(host: Host, running: Running, app: str) -> None:
    """Recover *app*, whose lock the caller holds, from every operation that ended without an end; without one, nothing happens."""
    for record in reversed(host.state.records(app, unfinished_only=True)):
        if record.id == running.id:
            continue
        async with running.step("recover"):
            await _finish(host, record)


async def recover_all(host: Host, say: Callable[[str], None]) -> bool:
    """Recover every app that a dead operation left in between; one that fails is told of and does not stop the others. Whether all went well."""
    is_well = True
    records = host.state.records(unfinished_only=True)
    for record in records:
        if not record.app and not host.state.is_running(record.id):
            _bury(host, record)
            rest = (
                "typed again, it goes on" if record.name in {*OF_SECRETS, SET_EDGE} else "what it did to apps is theirs"
            )
            say(f"{record.name} ({record.id}) was cut off; {rest}")
    for app in sorted({record.app for record in records if record.app}):
        try:
            with host.state.app_lock(app, "recovery"):
                for record in reversed(host.state.records(app, unfinished_only=True)):
                    await _finish(host, record)
                    say(f"{app}: {record.name} ({record.id}) recovered")
        except AppBusyError:
            continue
        except PvdifyError as error:
            is_well = False
            say(f"{app}: {error.message}; {error.hint}")
    return await _edge_follows(host, say) and is_well


async def _edge_follows(host: Host, say: Callable[[str], None]) -> bool:
    """Bring the edge to the generation in force, if somebody who should have was killed; whether it is. A restore lets nobody in before its end."""
    if waits_for_apps(host):
        return True
    try:
        if await follow(host):
            say("the edge serves the names in force")
    except PvdifyError as error:
        say(f"the edge: {error.message}; {error.hint}")
        return False
    return True


def went_forward(host: Host, record: OperationRecord) -> bool:
    """Whether what the dead operation wanted is in force."""
    row = host.state.current().apps.get(record.app)
    if record.name == "apps.destroy":
        return row is None or record.has_switched
    if row is None or record.name == "apps.create":
        return row is not None
    said = _as_said(row, record)
    if said is not None:
        return said
    return record.has_switched or (record.release is not None and row.live == record.release)


def _as_said(row: AppRow, record: OperationRecord) -> bool | None:
    """Whether *row* is as the operation's journal says that it shall be; None for one that is about a release."""
    if record.name == CHANGE:
        return row.slot is not None and row.slot.sha256 == _declared(record)
    if record.name in CONFIG and record.release is None:
        return row.config is not None and row.config.version == _kept(record)
    if record.name in NAMES:
        wanted = names_wanted(record)
        return wanted is not None and set(row.domains) == set(wanted)
    return row.in_maintenance is MAINTENANCE[record.name] if record.name in MAINTENANCE else None


def _bury(host: Host, record: OperationRecord) -> None:
    """End the journal of a dead operation on the host as a whole: each of its steps was an operation of its own."""
    journal = host.state.journal_of(record.id)
    try:
        journal.write(EventKind.END, text="cut off", outcome=Outcome.UNDONE)
    finally:
        journal.close()


async def _finish(host: Host, record: OperationRecord) -> None:
    forward = went_forward(host, record)
    journal = host.state.journal_of(record.id)
    running = Running(
        id=record.id,
        name=record.name,
        app=record.app,
        actor=record.actor,
        journal=journal,
        has_switched=forward,
    )
    try:
        await _settle(host, running, record, forward=forward)
    finally:
        journal.close()


async def _settle(host: Host, running: Running, record: OperationRecord, *, forward: bool) -> None:
    if forward and not record.has_switched:
        running.journal.write(EventKind.DONE, step="switch", text="found in force by recovery")
    if record.name == "apps.destroy" and (forward or record.step == "remove"):
        volumes = any(event.data.get("volumes") is True for event in record.events)
        await remove(host, running, record.app, volumes=volumes)
        forward = True
    else:
        await converge(host, running, record.app)
    if record.name == SCALE:
        keep_counts(host, record.app)
    if record.name in DECLARES and forward:
        host.state.confirm(record.app)
    elif record.name in DECLARES:
        await _take_back(host, running, record)
    await followed(host, running)
    async with held(host.state.try_host_lock):
        host.state.sweep()
    live = f": v{record.release} is live" if record.release is not None else ""
    text = f"finished by recovery{live}" if forward else "undone by recovery"
    running.end(Outcome.DONE if forward else Outcome.UNDONE, text)


async def _take_back(host: Host, running: Running, record: OperationRecord) -> None:
    """Put the slot back as it was, and the names that were in force with it."""
    row, before = host.state.current().apps.get(record.app), names_wanted(record, BEFORE)
    if row is not None and before is not None:
        await names_as_before(host, running, record.app, before, stamp=row.slot)
    host.state.undeclare(record.app, _declared(record))


def _declared(record: OperationRecord) -> str | None:
    """The SHA-256 of the slot that the operation wrote, if it came so far as to say so."""
    found = (event.data["slot"] for event in record.events if "slot" in event.data)
    return next((str(one) for one in found), None)


def _kept(record: OperationRecord) -> object:
    """The number of the config that the operation kept, if it came so far as to say so."""
    return next((event.data["config"] for event in record.events if "config" in event.data), None)


def keep_counts(host: Host, app: str) -> None:
    """Write the formation in force into the slot, where the counts belong."""
    row, slot = host.row(app), host.slot(app)
    counts = {name: row.formation.get(name, process.count) for name, process in slot.processes.items()}
    host.state.write_counts(app, counts)
