"""Bring one app to what the generation in force says of it: the end of every undo and of every recovery.

`current` gives the verdict, never a journal: before the switch it names the old release, from the switch on the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import PvdifyError
from pvdify.model.names import Instance, instance_of, instance_pattern
from pvdify.model.quantity import seconds
from pvdify.ops.move import drain, route
from pvdify.ops.publish import publish
from pvdify.ops.reload import load, start_target
from pvdify.ops.start import START_TIMEOUT
from pvdify.plan.swap import settled

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def converge(host: Host, running: Running, app: str) -> None:
    """Start what of *app* is live and down, route to it, end what is not live, and drop its units; run again, it finds nothing to do.

    A live instance that does not start is noted and does not keep the rest from being put right.
    """
    row = host.state.current().apps.get(app)
    live = tuple(one.instance(app) for one in row.live_instances()) if row else ()
    await _start(host, running, app, live)
    if row is not None:
        host.state.held.forget(row.front)
    if row is not None and await host.router.is_running():
        await route(host, app)
    extra = await leftovers(host, app, live)
    if extra:
        await _end(host, running, app, row, extra)
    if row is not None and await host.router.is_running():
        await _forget(host, app, live)
    if row is not None:
        await drop_unneeded(host, running, app)
    await load(host, app, at_least=host.state.current().number)
    if extra:
        await host.systemd.reset_failed(*(one.unit for one in extra))
    if row is not None and live:
        await start_target(host, app)


async def drop_unneeded(host: Host, running: Running, app: str) -> None:
    """Publish *app* without the units that neither the live release runs nor the warm one keeps; they must be stopped."""

    async def row(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return settled(manifest.apps[app])

    await publish(host, running, app=app, change=row, reason=f"{app}: drop units that nothing needs")


async def leftovers(host: Host, app: str, live: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """Instances of *app* that run, failed, or left a container, and are not *live*."""
    found: set[Instance] = set()
    for status in await host.systemd.matching(instance_pattern(app)):
        instance = instance_of(status.unit)
        if instance is not None and instance.app == app and (status.is_active or status.active == "failed"):
            found.add(instance)
    for container in await host.podman.containers(f"pvdify-{app}-v"):
        instance = instance_of(container.name)
        if instance is not None and instance.app == app:
            found.add(instance)
    return tuple(sorted(found - set(live)))


async def _start(host: Host, running: Running, app: str, live: tuple[Instance, ...]) -> None:
    if not live:
        return
    statuses = await host.systemd.show(*(one.unit for one in live))
    down = tuple(status.unit for status in statuses if status.active not in {"active", "activating"})
    if not down:
        return
    if any(status.load == "not-found" for status in statuses):
        await load(host, app, at_least=host.state.current().number)
    try:
        await host.systemd.start(*down, timeout=START_TIMEOUT + 10)
    except PvdifyError as error:
        running.note(f"{error.message}; {error.hint}")


async def _end(host: Host, running: Running, app: str, row: AppRow | None, extra: tuple[Instance, ...]) -> None:
    patience = 30.0
    if row is not None and row.live is not None:
        patience = seconds(host.state.release(app, row.live).drain)
    if row is not None and await host.router.is_running() and not await drain(host, app, extra, patience=patience):
        running.note(f"requests to {', '.join(one.short for one in extra)} were still open after {patience:.0f} s")
    await host.systemd.stop(*(one.unit for one in extra))
    for container in await host.podman.containers(f"pvdify-{app}-v"):
        if instance_of(container.name) in extra:
            await host.podman.remove_container(container.name)


async def _forget(host: Host, app: str, live: tuple[Instance, ...]) -> None:
    """Let the router forget all but *live*: also whom a killed operation had stopped and not yet told of."""
    others = set(await host.router.known(app)) - {one.server for one in live}
    if others:
        await host.router.forget(app, tuple(sorted(others)))
