"""Plan and apply: bring the host to what the slots declare."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import PvdifyError
from pvdify.model.answers import Changed, PlanAnswer, PlanStep
from pvdify.model.caller import Asked
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, Deploy, Scale
from pvdify.ops.bring_up import bring_up
from pvdify.ops.create import create_from
from pvdify.ops.deploy import Pin, config_in_force, config_meta, deploy, deployed, give_traffic, recorded
from pvdify.ops.edge import edge_amiss, heal_edge
from pvdify.ops.heal import amiss, cut_off, heal, heal_host, images_lost
from pvdify.ops.names import named, put_names
from pvdify.ops.pages import edited, take_up
from pvdify.ops.perform import perform
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.scale import scale
from pvdify.ops.swap import Note, nothing_else
from pvdify.plan.apply import Action, Todo, applied, todo
from pvdify.plan.domains import check_declared, names_declared, takes_over
from pvdify.plan.release import release_of
from pvdify.render.edge import EDGES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.release import Release
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def plan(host: Host, request: Apply) -> PlanAnswer:
    """What `apply` would do; nothing is changed."""
    drift = host.state.drift(host.state.current().number)
    restoring = host.state.backups.restoring()
    waiting = restoring.waiting if restoring else ()
    steps = [
        PlanStep(app=name, action="restore", detail="it did not come up yet since it was restored")
        for name in waiting
        if request.app in {None, name}
    ]
    edge = await edge_amiss(host, host.state.current())
    steps += [PlanStep(app="", action="edge", detail=edge)] if edge else []
    for slot in _slots(host, request):
        _check_written(host, slot, request)
        todos = await _todo(host, slot, drift, deploys=request.deploy)
        steps += [PlanStep(app=one.app, action=one.action.value, detail=one.detail) for one in todos]
    declared = {slot.name for slot in _slots(host, msgspec.structs.replace(request, slots=None, app=None))}
    declared |= {slot.name for slot in request.slots or ()}
    stray = (name for name in host.state.current().apps if name not in declared and request.app in {None, name})
    steps += [
        PlanStep(app=name, action="none", detail=f"no slot.toml; remove it with `pvdify apps:destroy {name}`")
        for name in stray
    ]
    return PlanAnswer(steps=tuple(steps), drift=drift)


async def apply(host: Host, running: Running, request: Apply) -> Changed:
    """Do what `plan` says, app by app; each is an operation of its own, and one that fails does not stop the others."""
    slots = _slots(host, request)
    drift = host.state.drift(host.state.current().number)
    await heal_host(host, running)
    done, not_up = await bring_up(host, running, request.app)
    failures: list[tuple[str, PvdifyError]] = [*not_up.items()]
    try:
        if await heal_edge(host, was_spoiled=bool(set(drift) & set(EDGES.values()))):
            done.append("heal the edge")
    except PvdifyError as error:
        failures.append(("the edge", error))
        running.note(f"the edge: {error.message}")
    done += await _recovered(host, running, slots)
    slots = _slots(host, request)  # what a dead operation declared is not declared any more
    for slot in slots:
        is_new = not host.state.has_slot(slot.name)
        try:
            _check_written(host, slot, request)
            if request.slots is not None:
                host.state.write_slot(slot)
            for one in await _todo(host, slot, drift, deploys=request.deploy):
                async with running.step(f"{one.action.value} {slot.name}"):
                    await _do(host, running, slot, one)
                done.append(f"{one.action.value} {slot.name}")
            await note_declared(host, running, slot)
        except PvdifyError as error:
            failures.append((slot.name, error))
            if is_new and slot.name not in host.state.current().apps:
                host.state.remove_app(slot.name)  # an app that could not be made is not declared either
            running.note(f"{slot.name}: {error.message}")
    if failures:
        raise failures[0][1]
    if not done:
        return Changed(
            operation=running.id,
            outcome=Outcome.UNCHANGED,
            text="the host is as declared; nothing to do",
        )
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text="; ".join(done),
        generation=host.state.current().number,
    )


def _slots(host: Host, request: Apply) -> tuple[Slot, ...]:
    """The slots to look at; those that name their front come first, so that nobody else is given it, and those that take a name over come last."""
    if request.slots is not None:
        found = request.slots
    else:
        names = (request.app,) if request.app else host.state.slots()
        found = tuple(host.state.slot(name) for name in names)
    apps = host.state.current().apps.values()
    return tuple(sorted(found, key=lambda slot: (slot.bind_port is None, takes_over(apps, slot), slot.name)))


async def _recovered(host: Host, running: Running, slots: Iterable[Slot]) -> list[str]:
    """Heal the apps of *slots* that a dead operation left in between; what was done. One that fails is healed again in its turn."""
    done: list[str] = []
    for app in (slot.name for slot in slots if slot.name in host.state.current().apps and cut_off(host, slot.name)):
        with suppress(PvdifyError):
            async with running.step(f"{Action.HEAL.value} {app}"):
                await _heal(host, running, app)
            done.append(f"{Action.HEAL.value} {app}")
    return done


def _check_written(host: Host, slot: Slot, request: Apply) -> None:
    """Raise where a project's file wants names for an app that it may not have: then they are not even declared."""
    if request.slots is not None:
        manifest = host.state.current()
        check_declared(manifest.apps, manifest.edge, slot, request.slots)


async def _todo(host: Host, slot: Slot, drift: tuple[str, ...], *, deploys: bool) -> tuple[Todo, ...]:
    row = host.state.current().apps.get(slot.name)
    live = host.state.release(slot.name, row.live) if row and row.live is not None else None
    declared = await declared_release(host, slot, live) if live else None
    lost = tuple(f"the image of v{version}" for version in await images_lost(host, row)) if row else ()
    lost += cut_off(host, slot.name) + await amiss(host, row) if row else ()
    mine = lost + tuple(
        path
        for path in drift
        if path.startswith((f"quadlet/pvdify-{slot.name}-v", f"systemd/pvdify-{slot.name}.target"))
    )
    pages = edited(host, slot.name, row)
    return todo(slot, row, live=live, declared=declared, drift=mine, pages=pages, deploys=deploys)


async def declared_release(host: Host, slot: Slot, live: Release) -> Release | None:
    """The release that *slot* makes of the image and the config of *live*; None where the store does not have the image any more.

    A config that waits for the next release is no reason to make one.
    """
    image = await host.podman.image(live.image)
    if image is None:
        return None
    config = config_meta(host, slot.name, live.config)
    return release_of(slot, image, pinned=live.image, source=live.source, version=live.version, config=config)


async def _do(host: Host, running: Running, slot: Slot, one: Todo) -> None:
    app, asked = slot.name, Asked(caller=running.asked.caller)
    match one.action:
        case Action.CREATE:
            await perform(
                host,
                "apps.create",
                app=app,
                actor=asked,
                run=lambda h, r: create_from(h, r, slot, writes=False),
            )
        case Action.DOMAINS:
            await perform(
                host,
                "domains.set",
                app=app,
                actor=asked,
                run=lambda h, r: _names_as_declared(h, r, slot),
            )
        case Action.DEPLOY:
            await perform(
                host,
                "releases.create",
                app=app,
                actor=asked,
                run=lambda h, r: deploy(h, r, Deploy(app=app, image=slot.image)),
            )
        case Action.RELEASE:
            await perform(
                host,
                "releases.create",
                app=app,
                actor=asked,
                run=lambda h, r: release_again(h, r, slot),
            )
        case Action.SCALE:
            counts = {name: process.count for name, process in slot.processes.items()}
            await perform(
                host,
                "ps.scale",
                app=app,
                actor=asked,
                run=lambda h, r: scale(h, r, Scale(app=app, processes=counts)),
            )
        case Action.PAGES:
            await perform(host, "pages", app=app, actor=asked, run=take_up)
        case Action.HEAL:
            await _heal(host, running, app)


async def _heal(host: Host, running: Running, app: str) -> None:
    await perform(host, "heal", app=app, actor=Asked(caller=running.asked.caller), run=heal)


async def _names_as_declared(host: Host, running: Running, slot: Slot) -> Changed:
    """Put the names that *slot* declares in force; the slot stays as it is, whatever becomes of that."""
    await recover(host, running, slot.name)
    row, names = host.row(slot.name), names_declared(slot)
    await put_names(host, running, slot.name, names)
    return named(running, row, names)


async def release_again(
    host: Host, running: Running, slot: Slot, *, note: Note = nothing_else, pin: Pin = config_in_force
) -> Changed:
    """A new release of the image that is live, as the slot now declares it and with the config *pin*."""
    row = host.row(slot.name)
    live = host.state.release(slot.name, row.live or 0)
    async with running.step("record"):
        image = await host.podman.image(live.image)
        if image is None:
            return await deployed(host, running, Deploy(app=slot.name, image=live.image), note=note, pin=pin)
        version, config = host.state.next_version(slot.name), config_meta(host, slot.name, pin(row))
        release = recorded(
            host,
            running,
            row,
            release_of(slot, image, pinned=live.image, source=live.source, version=version, config=config),
        )
    return await give_traffic(host, running, row, release, slot, note=note)


async def note_declared(host: Host, running: Running, slot: Slot) -> None:
    """Note which slot was applied, so that a later edit of it can be told from what is in force."""

    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        row = manifest.apps.get(slot.name)
        return applied(row, slot, host.state.stamp(slot.name)) if row else None

    if slot.name in host.state.current().apps:
        await publish(host, running, app=slot.name, change=change, reason=f"{slot.name}: applied")
