"""Scale: more or fewer instances of the live release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import SpecError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.publish import publish
from pvdify.ops.recover import keep_counts, recover
from pvdify.ops.swap import Note, Wish, carry_out
from pvdify.plan.swap import swap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.manifest import AppRow, Manifest, SlotStamp
    from pvdify.model.release import Release
    from pvdify.model.requests import Scale
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def scale(host: Host, running: Running, request: Scale) -> Changed:
    """Make the formation what *request* says, in the slot and on the host; what is so already changes nothing."""
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    known = set(slot.processes) | (set(host.state.release(app, row.live).processes) if row.live is not None else set())
    if unknown := sorted(set(request.processes) - known):
        message = f"cannot scale {unknown[0]} of {app}: it has no such process, only {', '.join(sorted(known))}"
        raise SpecError(message, pointer=f"/processes/{unknown[0]}", hint=f"pvdify ps {app}")
    counts = {
        **{name: process.count for name, process in slot.processes.items()},
        **row.formation,
        **request.processes,
    }
    words = ", ".join(f"{name}={count}" for name, count in sorted(request.processes.items()))
    if row.live is None or row.is_stopped:
        await _note_formation(host, running, row, counts)
        return Changed(
            operation=running.id,
            outcome=Outcome.DONE,
            text=f"{app} will run {words} once it runs",
            app=app,
        )
    release = host.state.release(app, row.live)
    change = swap(row, release, counts=counts)
    if not change.starting and not change.leaving and counts == row.formation:
        text = f"{app} runs {words} already; nothing to do"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app, release=row.live)
    before = {name: row.formation.get(name, process.count) for name, process in slot.processes.items()}
    stamp = _written(host, row, counts)
    try:
        return await bring_to(
            host, running, release, counts, words=words, note=lambda new: msgspec.structs.replace(new, slot=stamp)
        )
    except BaseException:
        if not running.has_switched:
            host.state.write_counts(app, before)
        raise


async def bring_to(
    host: Host, running: Running, live: Release, counts: Mapping[str, int], *, words: str, note: Note
) -> Changed:
    """Start and stop instances of the *live* release until *counts* of them run."""
    app = live.app
    running.names_release(live.version, from_release=live.version)
    await carry_out(host, running, Wish(release=live, counts=counts, reason=f"{app}: scale {words}", note=note))
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} runs {words}",
        app=app,
        release=live.version,
        generation=running.generation,
    )


def _written(host: Host, row: AppRow, counts: Mapping[str, int]) -> SlotStamp | None:
    """Write *counts* into the slot; how it can be told from a later one, unless an edit of it still waits to be applied."""
    was_edited = host.state.is_edited(row)
    stamp = host.state.write_counts(row.name, counts)
    return row.slot if was_edited else stamp


async def _note_formation(host: Host, running: Running, row: AppRow, counts: Mapping[str, int]) -> None:
    app = row.name
    stamp = _written(host, row, counts)

    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return msgspec.structs.replace(
            manifest.apps[app], formation=dict(sorted(counts.items())), slot=stamp, updated_at=host.now()
        )

    try:
        await publish(host, running, app=app, change=change, reason=f"{app}: note the formation")
    except BaseException:
        keep_counts(host, app)
        raise
