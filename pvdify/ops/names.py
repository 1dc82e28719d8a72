"""Names in force: put there with the edge behind them, or as they were."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from pvdify.errors import DomainTakenError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.edge import follow, followed
from pvdify.ops.publish import publish
from pvdify.plan.domains import BEFORE, WANTED, check_owner, differs

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest, SlotStamp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Beyond = Callable[[], Awaitable[object]]
"""What has to go well for names to be in force, elsewhere than on this host."""
_SWITCH: Final = "switch"


async def nothing_beyond() -> None:
    """Do no more."""
    await anyio.lowlevel.checkpoint()


def named(running: Running, row: AppRow, names: tuple[str, ...]) -> Changed:
    """That *names* are in force now, where *row* told which were."""
    app = row.name
    new = ", ".join(name for name in names if name not in row.domains)
    gone = ", ".join(name for name in row.domains if name not in names)
    text = "; ".join([*([f"{app} is {new} now"] if new else ()), *([f"{app} is not {gone} any more"] if gone else ())])
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE if text else Outcome.UNCHANGED,
        text=text or f"{app} has these names already",
        app=app,
        release=row.live,
        generation=running.generation,
    )


async def put_names(
    host: Host,
    running: Running,
    app: str,
    names: tuple[str, ...],
    *,
    stamp: SlotStamp | None = None,
    step: str = _SWITCH,
    beyond: Beyond = nothing_beyond,
) -> None:
    """Put *names* in force, as *step*, bring the edge to them, and do what is *beyond* that; if any of it fails they are as before.

    *stamp* is of a slot that is applied so.
    """
    before, noted = host.row(app), host.state.followed.read()
    try:
        async with running.step(step):
            data = {WANTED: " ".join(names), BEFORE: " ".join(before.domains)}
            running.note(differs(before, names) or "the names stay", data=data)
            await publish(
                host,
                running,
                app=app,
                change=partial(_named, host, running, app, names, stamp),
                reason=f"{app}: domains",
            )
        async with running.step("edge"):
            await follow(host, before=noted, tell=running.note)
        await beyond()
    except BaseException:
        with anyio.CancelScope(shield=True):
            await names_as_before(host, running, app, before.domains, stamp=before.slot)
        raise
    made = {record.name for record in host.state.elsewhere.records(app)}
    for name in (one for one in before.domains if one in made and one not in names):
        running.note(f"{name} stays in DNS; to take it from there: pvdify domains:remove {app} {name}")


async def names_as_before(
    host: Host, running: Running, app: str, names: tuple[str, ...], *, stamp: SlotStamp | None
) -> None:
    """Put *names*, which were in force, in force again, and bring the edge to them as far as it follows."""
    if host.row(app).domains == names:
        return
    with running.between():
        async with running.step("undo"):
            change = partial(_named, host, running, app, names, stamp)
            await publish(host, running, app=app, change=change, reason=f"{app}: domains as before")
        await followed(host, running)


def check_names(running: Running, manifest: Manifest, app: str, names: tuple[str, ...]) -> None:
    """Raise as `check_owner` does unless *app* may have *names*; whose they are is told only to those who may see that app."""
    try:
        check_owner(manifest.apps.values(), manifest.edge, app, names)
    except DomainTakenError as error:
        if error.app is None or running.asked.caller.covers(error.app):
            raise
        raise DomainTakenError(error.name, None) from None


async def _named(
    host: Host, running: Running, app: str, names: tuple[str, ...], stamp: SlotStamp | None, manifest: Manifest
) -> AppRow | None:
    await anyio.lowlevel.checkpoint()
    row = manifest.apps[app]
    check_names(running, manifest, app, tuple(name for name in names if name not in row.domains))
    if names == row.domains and stamp in {None, row.slot}:
        return row
    return msgspec.structs.replace(row, domains=names, slot=stamp or row.slot, updated_at=host.now())
