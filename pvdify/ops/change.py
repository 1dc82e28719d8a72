"""Change what is declared of an app, and bring what runs to it: all of it, or nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import PvdifyError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.model.names import process_name
from pvdify.model.patch import patched
from pvdify.model.release import same_release
from pvdify.model.requests import Deploy
from pvdify.ops.apply import declared_release, note_declared, release_again
from pvdify.ops.deploy import deployed, fetched
from pvdify.ops.explain import says_unchanged
from pvdify.ops.names import check_names, names_as_before, put_names
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.scale import bring_to
from pvdify.plan.apply import Action, Todo, applied, todo
from pvdify.plan.domains import differs, names_declared
from pvdify.plan.release import formation_of

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest, SlotStamp
    from pvdify.model.release import Release
    from pvdify.model.requests import ChangeApp
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.ops.swap import Note


async def change_app(host: Host, running: Running, request: ChangeApp) -> Changed:
    """Declare *request* on top of the slot as it is, and do with the app what `apply` would; what does not run is only declared.

    The slot is written before and put back, to the byte, if that fails. What somebody edited in it and did not apply yet is applied as well.
    """
    app = request.app
    await recover(host, running, app)
    row, before = host.row(app), host.slot(app)
    slot = _wanted(before, request)
    if slot == before:
        text = f"{app} is declared so already; nothing to do"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app, release=row.live)
    names = names_declared(slot)
    check_names(running, host.state.current(), app, names)
    live = host.state.release(app, row.live) if row.live is not None else None
    declared = await _declared(host, running, row, slot, live)
    steps = () if row.is_stopped or live is None else todo(slot, row, live=live, declared=declared)
    stamp: SlotStamp | None = None
    try:
        async with running.step("declare"):
            stamp = host.state.redeclare(slot)
            running.note("slot.toml is written", data={"slot": stamp.sha256})
        if differs(row, names):
            await put_names(host, running, app, names, step="names")
        if live is None or row.is_stopped:
            is_same = live is None or (declared is not None and same_release(live, declared))
            changed = await _declared_only(host, running, slot, is_applied=is_same)
        else:
            changed = await _carried_out(host, running, slot, live, steps, note=partial(_applied, slot, stamp))
    except BaseException as error:
        if stamp and not running.has_switched and not running.is_between:  # else the next command finishes or undoes it
            with anyio.CancelScope(shield=True):
                await names_as_before(host, running, app, row.domains, stamp=row.slot)
            take_back(host, running, stamp, error)
        raise
    host.state.confirm(app)
    return changed


def _wanted(before: Slot, request: ChangeApp) -> Slot:
    patch = {name: value for name, value in msgspec.to_builtins(request).items() if name != "app"}
    slot = patched(before, patch)
    for name in slot.processes:
        process_name(name)
    if slot.image:
        image_ref(slot.image)
    return slot


async def _declared(host: Host, running: Running, row: AppRow, slot: Slot, live: Release | None) -> Release | None:
    """The release that *slot* makes of the live one's image, which is fetched again if it is lost and needed."""
    if live is None:
        return None
    declared = await declared_release(host, slot, live)
    if declared is not None or row.is_stopped:
        return declared
    async with running.step("pull"):
        await fetched(host, running, image_ref(live.image))
    return await declared_release(host, slot, live)


async def _carried_out(
    host: Host, running: Running, slot: Slot, live: Release, steps: tuple[Todo, ...], *, note: Note
) -> Changed:
    app = slot.name
    changed = Changed(
        operation=running.id, outcome=Outcome.DONE, text=f"{app} runs so already", app=app, release=live.version
    )
    for one in steps:
        match one.action:
            case Action.DEPLOY:
                changed = await deployed(host, running, Deploy(app=app, image=slot.image), note=note)
            case Action.RELEASE:
                changed = await release_again(host, running, slot, note=note)
            case Action.SCALE:
                changed = await bring_to(host, running, live, formation_of(slot), words=one.detail, note=note)
            case Action.CREATE | Action.DOMAINS | Action.PAGES | Action.HEAL:
                continue
    if not running.has_switched:
        await note_declared(host, running, slot)
    return msgspec.structs.replace(changed, outcome=Outcome.DONE)


async def _declared_only(host: Host, running: Running, slot: Slot, *, is_applied: bool) -> Changed:
    """Note the formation that the app will start with; what takes a release waits for `apply`, as an edit by hand does."""
    app = slot.name

    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        row = applied(manifest.apps[app], slot, host.state.stamp(app))
        return msgspec.structs.replace(row, formation=formation_of(slot), updated_at=host.now())

    text = f"{app} is declared so, and will run so once it runs"
    if is_applied:
        await publish(host, running, app=app, change=change, reason=f"{app}: declare")
    else:
        text = f"{app} is declared so; it is stopped, and `pvdify apply -a {app}` makes a release of it"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text, app=app, generation=running.generation)


def _applied(slot: Slot, stamp: SlotStamp, row: AppRow) -> AppRow:
    return applied(row, slot, stamp)


def take_back(host: Host, running: Running, stamp: SlotStamp, error: BaseException) -> None:
    """Declare again what was declared before, and have *error* say so; if even that fails, the next command on the app does it."""
    running.is_between = True
    try:
        running.note("slot.toml is put back")
        is_back = host.state.undeclare(running.app, stamp.sha256)
    except PvdifyError:
        return
    running.is_between = False
    words = "slot.toml is as it was" if is_back else "slot.toml was edited meanwhile and stays"
    if isinstance(error, PvdifyError):
        says_unchanged(error, words)
