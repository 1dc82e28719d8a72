"""Bring up what a restore put in force: images by digest, and each app by the ordinary swap, so that it is proven to answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import AppNotFoundError, HostError, PvdifyError
from pvdify.model.answers import Changed
from pvdify.model.caller import Asked
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.ops.deploy import fetched
from pvdify.ops.edge import followed
from pvdify.ops.locking import held
from pvdify.ops.perform import perform
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.swap import Wish, carry_out, nothing_else
from pvdify.store.backups import RESTORE

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.ops.swap import Note


async def bring_all_up(host: Host, running: Running, *, what: str) -> Changed:
    """Have everything up that a restore put in force; raise `HostError` naming what is not."""
    running.has_switched = True
    _, failures = await bring_up(host, running)
    if failures:
        told = "; ".join(f"{app}: {error.message}" for app, error in failures.items())
        raise HostError(
            f"cannot bring up all that is restored: {told}",
            hint=f"all else is there and up; to go on, type `pvdify restore {what}` again, or `pvdify apply`",
        )
    rows = host.state.current().apps.values()
    stopped = sum(1 for row in rows if row.is_stopped)
    text = f"{len(rows)} apps are restored" + (f", {stopped} of them stopped as they were" if stopped else "")
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text, generation=host.state.current().number)


async def bring_up(host: Host, running: Running, app: str | None = None) -> tuple[list[str], dict[str, PvdifyError]]:
    """Start the apps (or just *app*) that ran, and fetch the images of those that did not; then let the public in by the edge.

    Answer what was done, and what failed, which does not stop the others.
    """
    restoring = host.state.backups.restoring()
    done: list[str] = []
    failures: dict[str, PvdifyError] = {}
    if restoring is None:
        return done, failures
    for name in restoring.waiting:
        if app not in {None, name}:
            continue
        starts = name in restoring.starting
        what = f"{'start' if starts else 'fetch'} {name}"
        try:
            async with running.step(what):
                asked = Asked(caller=running.asked.caller)
                await perform(host, RESTORE, app=name, actor=asked, run=partial(_brought_up, starts=starts))
        except AppNotFoundError:
            running.note(f"{name} was destroyed meanwhile")
        except PvdifyError as error:
            failures[name] = error
            running.note(f"{name}: {error.message}")
            continue
        done.append(what)
        restoring = restoring.without(name)
        host.state.backups.note(restoring)
    if app is None and restoring.is_edge_waiting:
        await followed(host, running)
        restoring = msgspec.structs.replace(restoring, is_edge_waiting=False)
        host.state.backups.note(restoring)
    if not restoring.waiting and not restoring.is_edge_waiting:
        host.state.backups.forget()
    return done, failures


async def _brought_up(host: Host, running: Running, *, starts: bool) -> Changed:
    app = running.app
    await recover(host, running, app)
    row = host.row(app)
    if row.live is None or (starts and not row.is_stopped):
        text = f"{app} runs already" if row.live else f"{app} has no release"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app, release=row.live)
    release = host.state.release(app, row.live)
    serving: float | None = None
    async with held(host.state.try_share_images):
        async with running.step("pull"):
            await fetched(host, running, image_ref(release.image))
            note = await _with_warm(host, running, row)
        if starts:
            wish = Wish(release=release, counts=row.formation, reason=f"{app}: restore", note=note)
            serving = await carry_out(host, running, wish)
        else:
            await _noted(host, running, note)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} {'runs again' if starts else 'is stopped'} at v{row.live}",
        app=app,
        release=row.live,
        config=release.config.version if release.config else None,
        generation=running.generation,
        serving_ms=serving,
    )


async def _with_warm(host: Host, running: Running, row: AppRow) -> Note:
    """Fetch the image of the warm release too; where that cannot be, there is none, and a rollback to it pulls."""
    if row.warm is None:
        return nothing_else
    try:
        await fetched(host, running, image_ref(host.state.release(row.name, row.warm).image))
    except PvdifyError as error:
        running.note(f"v{row.warm} is not kept ready for a rollback: {error.message}")
        return _without_warm
    return nothing_else


def _without_warm(row: AppRow) -> AppRow:
    return msgspec.structs.replace(row, warm=None)


async def _noted(host: Host, running: Running, note: Note) -> None:
    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return note(manifest.apps[running.app])

    await publish(host, running, app=running.app, change=change, reason=f"{running.app}: restore")
