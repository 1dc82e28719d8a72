"""Stop an app, and start it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import RefusedError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.model.names import WEB
from pvdify.model.quantity import seconds
from pvdify.ops.deploy import fetched
from pvdify.ops.locking import held
from pvdify.ops.move import drain, route
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.reload import load
from pvdify.ops.swap import Wish, carry_out
from pvdify.ops.vault import told_waiting
from pvdify.plan.swap import stopped

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import ForApp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def stop_app(host: Host, running: Running, request: ForApp) -> Changed:
    """Stop every instance of an app; its release, counts and front stay, and a boot leaves it stopped."""
    app = request.app
    await recover(host, running, app)
    row = host.row(app)
    if row.is_stopped or row.live is None:
        text = f"{app} is stopped already" if row.is_stopped else f"{app} has no release; nothing runs"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app)
    await halt(host, running, row)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} is stopped",
        app=app,
        release=row.live,
        generation=running.generation,
    )


async def start_app(host: Host, running: Running, request: ForApp) -> Changed:
    """Start an app that was stopped, at the release it had."""
    app = request.app
    await recover(host, running, app)
    row = host.row(app)
    if row.live is None:
        raise RefusedError(
            f"cannot start {app}: it has no release",
            hint=f"pvdify deploy {app} --image ghcr.io/org/app:v1",
        )
    if not row.is_stopped:
        return Changed(
            operation=running.id,
            outcome=Outcome.UNCHANGED,
            text=f"{app} runs already",
            app=app,
            release=row.live,
        )
    running.names_release(row.live, from_release=row.live)
    release = host.state.release(app, row.live)
    async with held(host.state.try_share_images):
        if await host.podman.image(release.image) is None:
            async with running.step("pull"):
                await fetched(host, running, image_ref(release.image))
        serving = await carry_out(host, running, Wish(release=release, counts=row.formation, reason=f"{app}: start"))
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} runs again at v{row.live}{told_waiting(row, release)}",
        app=app,
        release=row.live,
        generation=running.generation,
        serving_ms=serving,
    )


async def halt(host: Host, running: Running, row: AppRow) -> None:
    """Take the traffic from every instance of *row*, let them finish, and stop them; forward only once it is in force."""
    app = row.name
    leaving = tuple(one.instance(app) for one in row.live_instances())
    patience = seconds(host.state.release(app, row.live).drain) if row.live is not None else 0.0

    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return stopped(manifest.apps[app], at=host.now())

    with anyio.CancelScope(shield=True), running.between():
        async with running.step("switch"):
            await publish(host, running, app=app, change=change, reason=f"{app}: stop")
            running.has_switched = True
        async with running.step("route"):
            await route(host, app)
        async with running.step("drain"):
            web = tuple(one for one in leaving if one.process == WEB)
            if not await drain(host, app, web, patience=patience):
                running.note(f"requests were still open after {patience:.0f} s; they are ended now")
        async with running.step("stop"):
            await host.systemd.stop(*(one.unit for one in leaving))
            await host.router.forget(app, tuple(one.server for one in web))
        async with running.step("settle"):
            await load(host, app, at_least=host.state.current().number)
