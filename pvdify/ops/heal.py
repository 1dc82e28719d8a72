"""Heal: put back what somebody edited by hand in the generation in force, and start what should run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.ops.converge import converge
from pvdify.ops.deploy import fetched
from pvdify.ops.locking import held
from pvdify.ops.move import servers
from pvdify.ops.publish import healed
from pvdify.ops.recover import recover
from pvdify.ops.reload import is_router_behind, load, reload_router

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def heal(host: Host, running: Running) -> Changed:
    """Write the drifted files of the running operation's app again, load them, and bring the app to them."""
    await recover(host, running, running.app)
    async with running.step("heal"):
        await mended(host, running)
        for version in await images_lost(host, host.row(running.app)):
            await fetched(host, running, image_ref(host.state.release(running.app, version).image))
            running.note(f"fetched the image of v{version} again")
        await converge(host, running, running.app)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{running.app} is as recorded again",
        app=running.app,
    )


async def images_lost(host: Host, row: AppRow) -> tuple[int, ...]:
    """Which of the live and the warm release of *row* have no image in the store any more."""
    kept = sorted({version for version in (row.live, row.warm) if version is not None})
    return tuple([one for one in kept if await host.podman.image(host.state.release(row.name, one).image) is None])


def cut_off(host: Host, app: str) -> tuple[str, ...]:
    """The operations on *app* that died before they were finished or undone."""
    records = host.state.records(app, unfinished_only=True)
    return tuple(f"{one.name} {one.id} died" for one in records if not host.state.is_running(one.id))


async def amiss(host: Host, row: AppRow) -> tuple[str, ...]:
    """What of *row* is not as the generation in force says: live instances that are not up, or servers that the router does not have."""
    live = tuple(one.instance(row.name) for one in row.live_instances())
    statuses = await host.systemd.show(*(one.unit for one in live)) if live else ()
    down = [
        f"{one.short} is {'unknown to systemd' if status.load == 'not-found' else status.active}"
        for one, status in zip(live, statuses, strict=True)
        if status.active != "active" or status.load == "not-found"
    ]
    wanted = {(one.name, one.port) for one in servers(row)}
    if await host.router.is_running() and wanted != {
        (one.name, one.port) for one in await host.router.servers(row.name)
    }:
        down.append("the router sends it elsewhere")
    return tuple(down)


async def heal_host(host: Host, running: Running) -> None:
    """Write the host's own drifted artefacts again, and let the router and systemd read them; the router also where it did not yet."""
    if any(not path.startswith("quadlet/") for path in host.state.drift(host.state.current().number)):
        await mended(host, running)
        await reload_router(host)
        await load(host, "", at_least=host.state.current().number)
    elif await host.router.is_running() and await is_router_behind(host):
        await reload_router(host)


async def mended(host: Host, running: Running) -> tuple[str, ...]:
    """Publish the generation in force once more, each spoiled file made again from its app's row and releases; what was spoiled."""
    async with held(host.state.try_host_lock):
        parent = host.state.current()
        drift = host.state.drift(parent.number)
        if not drift:
            return ()
        files = {path: text for path in drift if (text := healed(host, parent, path)) is not None}
        staged = host.state.stage(
            parent=parent,
            files=files,
            removed=frozenset(),
            apps=parent.apps,
            retained=parent.retained,
            actor=running.actor,
            operation=running.id,
            reason=f"heal {', '.join(drift)}",
            at=host.now(),
            programs=parent.programs,
            heal=lambda path: healed(host, parent, path),
        )
        await anyio.to_thread.run_sync(host.state.commit, staged)
    running.note(f"healed {', '.join(drift)}")
    return drift
