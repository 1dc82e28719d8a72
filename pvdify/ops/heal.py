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
from pvdify.ops.reload import load, reload_router

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def heal(host: Host, running: Running) -> Changed:
    """Write the drifted files of the running operation's app again, load them, and bring the app to them."""
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


async def not_running(host: Host, row: AppRow) -> tuple[str, ...]:
    """What of *row* should run and does not, and its front where the router sends it elsewhere."""
    units = tuple(one.instance(row.name).unit for one in row.live_instances())
    statuses = await host.systemd.show(*units) if units else ()
    down = tuple(one.unit for one in statuses if one.load == "not-found" or one.active not in {"active", "activating"})
    if down or not await host.router.is_running():
        return down
    wanted, actual = servers(row), await host.router.servers(row.name)
    return (
        () if {(one.name, one.port) for one in wanted} == {(one.name, one.port) for one in actual} else ("its front",)
    )


async def amiss(host: Host, row: AppRow) -> tuple[str, ...]:
    """What of *row* is not as the generation in force says: live instances that are not up, or servers that the router does not have."""
    live = tuple(one.instance(row.name) for one in row.live_instances())
    statuses = await host.systemd.show(*(one.unit for one in live)) if live else ()
    down = [
        f"{one.short} is {status.active}"
        for one, status in zip(live, statuses, strict=True)
        if status.active != "active"
    ]
    wanted = {(one.name, one.port) for one in servers(row)}
    if await host.router.is_running() and wanted != {
        (one.name, one.port) for one in await host.router.servers(row.name)
    }:
        down.append("the router sends it elsewhere")
    return tuple(down)


async def heal_host(host: Host, running: Running) -> None:
    """Write the host's own drifted artefacts again, and let the router and systemd read them."""
    if any(not path.startswith("quadlet/") for path in host.state.drift(host.state.current().number)):
        await mended(host, running)
        await reload_router(host)
        await load(host, "", at_least=host.state.current().number)


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
