"""Destroy an app: its instances, units, front, slot and releases; its volumes only when that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.dns import unpoint_all
from pvdify.ops.edge import followed
from pvdify.ops.recover import recover
from pvdify.ops.remove import remove
from pvdify.ops.stop import halt

if TYPE_CHECKING:
    from pvdify.model.requests import DestroyApp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def destroy_app(host: Host, running: Running, request: DestroyApp) -> Changed:
    """Stop and forget an app. Its id block stays its own for as long as its volumes do."""
    app = request.app
    await recover(host, running, app)
    row = host.row(app)
    running.note("volumes go too" if request.volumes else "volumes stay", data={"volumes": request.volumes})
    if row.live_instances():
        await halt(host, running, row)
    await unpoint_all(host, running)
    with anyio.CancelScope(shield=True), running.between():
        kept = await remove(host, running, app, volumes=request.volumes)
        await followed(host, running)
    text = f"{app} is gone" + (f"; volumes kept: {', '.join(kept)}" if kept else "")
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=text,
        app=app,
        generation=running.generation,
    )
