"""Remove what is left of a stopped app: its units, front, slot and releases, and its volumes when that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.model.manifest import AppRow, Manifest, Retained
from pvdify.model.names import slice_unit, target_unit, volume_name, volumes_of
from pvdify.ops.converge import converge
from pvdify.ops.publish import publish
from pvdify.ops.reload import load, reload_router

if TYPE_CHECKING:
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def remove(host: Host, running: Running, app: str, *, volumes: bool) -> tuple[str, ...]:
    """Everything behind the stop; run again, it goes on where it was. The names of the volumes that stay."""
    async with running.step("remove"):
        await converge(host, running, app)
        names = await _volumes(host, app)
        kept = () if volumes else names

        async def nothing(_manifest: Manifest) -> AppRow | None:
            await anyio.lowlevel.checkpoint()
            return None

        def retained(manifest: Manifest) -> tuple[Retained, ...]:
            others = tuple(one for one in manifest.retained if one.app != app)
            row = manifest.apps.get(app)
            if not kept:
                return others
            return (*others, Retained(app=app, ids=row.ids)) if row else manifest.retained

        await publish(host, running, app=app, change=nothing, reason=f"{app}: destroy", retained=retained)
        await reload_router(host)
        await host.systemd.stop(target_unit(app), slice_unit(app))
        await load(host, app, at_least=host.state.current().number)
        if volumes:
            for name in names:
                await host.podman.remove_volume(name)
        host.state.remove_app(app)
    return kept


async def _volumes(host: Host, app: str) -> tuple[str, ...]:
    """The volumes of *app*, and not those of `blog-pr-7` where it is `blog`."""
    manifest = host.state.current()
    others = (*manifest.apps, *(one.app for one in manifest.retained))
    return volumes_of(app, await host.podman.volumes(volume_name(app, "")), others=others)
