"""Maintenance: visitors of an app get a page instead of an answer, and whoever works on the app goes on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.model.answers import Changed, Maintenance
from pvdify.model.event import Outcome
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.reload import reload_router

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import ForApp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def show(host: Host, request: ForApp) -> Maintenance:
    """Whether an app is in maintenance."""
    await anyio.lowlevel.checkpoint()
    return Maintenance(app=request.app, is_on=host.row(request.app).in_maintenance)


async def turn_on(host: Host, running: Running, request: ForApp) -> Changed:
    """Show the page from now on; what is being asked is still answered."""
    return await _turned(host, running, request.app, is_on=True)


async def turn_off(host: Host, running: Running, request: ForApp) -> Changed:
    """Let visitors in again."""
    return await _turned(host, running, request.app, is_on=False)


async def _turned(host: Host, running: Running, app: str, *, is_on: bool) -> Changed:
    await recover(host, running, app)
    before = host.row(app)
    if before.in_maintenance is is_on:
        text = f"{app} is in maintenance already" if is_on else f"{app} is not in maintenance"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=app, release=before.live)
    try:
        async with running.step("switch"):
            await _publish(host, running, app, is_on=is_on)
        async with running.step("route"):
            await reload_router(host)
    except BaseException:
        if host.row(app).in_maintenance is is_on:
            with anyio.CancelScope(shield=True), running.between():
                async with running.step("undo"):
                    await _publish(host, running, app, is_on=not is_on)
                    await reload_router(host)
        raise
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} is in maintenance" if is_on else f"{app} is open again",
        app=app,
        release=before.live,
        generation=running.generation,
    )


async def _publish(host: Host, running: Running, app: str, *, is_on: bool) -> None:
    reason = f"{app}: maintenance {'on' if is_on else 'off'}"
    await publish(host, running, app=app, change=partial(_row, host, app, is_on), reason=reason)


async def _row(host: Host, app: str, is_on: bool, manifest: Manifest) -> AppRow | None:  # noqa: FBT001 -- of a partial
    await anyio.lowlevel.checkpoint()
    return msgspec.structs.replace(manifest.apps[app], in_maintenance=is_on, updated_at=host.now())
