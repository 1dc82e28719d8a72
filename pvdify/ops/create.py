"""Create an app: a slot, a front and an id block, for life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import AppExistsError, PortsUsedUpError, PortTakenError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.model.manifest import AppRow, Manifest
from pvdify.model.names import app_name, process_name
from pvdify.model.slot import Slot
from pvdify.ops.edge import followed
from pvdify.ops.publish import Change, publish
from pvdify.ops.recover import recover
from pvdify.ops.reload import reload_router
from pvdify.plan.domains import address_of
from pvdify.plan.ports import front_candidates, id_block
from pvdify.plan.release import formation_of

if TYPE_CHECKING:
    from pvdify.model.requests import CreateApp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def create_app(host: Host, running: Running, request: CreateApp) -> Changed:
    """Make an app that is not there yet."""
    app = app_name(request.name)
    await recover(host, running, app)
    if request.image:
        image_ref(request.image)
    if app in host.state.current().apps:
        raise AppExistsError(app)
    slot = Slot(name=app, environment=request.environment, image=request.image, bind_port=request.bind_port)
    return await create_from(host, running, slot, writes=not host.state.has_slot(app))


async def create_from(host: Host, running: Running, slot: Slot, *, writes: bool) -> Changed:
    """Give *slot* its front and its id block, write it down (if it is not there), and make the router listen."""
    app = app_name(slot.name)
    for name in slot.processes:
        process_name(name)
    if writes:
        host.state.write_slot(slot)
    try:
        async with running.step("prepare"):
            published = await publish(host, running, app=app, change=_new_row(host, slot), reason=f"{app}: create")
        async with running.step("route"):
            await reload_router(host)
        await followed(host, running)
    except BaseException:
        with anyio.CancelScope(shield=True), running.between():
            async with running.step("undo"):
                await publish(host, running, app=app, change=_nothing, reason=f"{app}: not created")
                if writes:
                    host.state.remove_app(app)
            await followed(host, running)
        raise
    row = published.row(app)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} is there, its front is 127.0.0.1:{row.front}",
        app=app,
        generation=running.generation,
        url=address_of(row, published.manifest.edge),
    )


def _new_row(host: Host, slot: Slot) -> Change:
    async def change(manifest: Manifest) -> AppRow | None:
        at = host.now()
        return AppRow(
            name=slot.name,
            environment=slot.environment,
            front=await _front(host, manifest, slot.bind_port),
            ids=id_block(manifest, slot.name),
            created_at=at,
            updated_at=at,
            declared=slot.image or "",
            formation=formation_of(slot),
            slot=host.state.stamp(slot.name),
        )

    return change


async def _front(host: Host, manifest: Manifest, wanted: int | None) -> int:
    ports = await host.network.reserve(front_candidates(manifest, wanted=wanted), 1)
    if ports:
        return ports[0]
    if wanted is not None:
        raise PortTakenError(wanted, await host.network.holder(wanted) or "")
    raise PortsUsedUpError("cannot find a free front", hint="see who listens with `ss -ltnp`")


async def _nothing(_manifest: Manifest) -> AppRow | None:
    await anyio.lowlevel.checkpoint()
    return None
