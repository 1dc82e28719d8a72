"""Make systemd and the router read the generation in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.model.names import UnitName, instance_of, target_unit
from pvdify.ops.locking import held
from pvdify.render.router import mark_of
from pvdify.render.tree import ROUTER

if TYPE_CHECKING:
    from pvdify.ops.host import Host


async def load(host: Host, app: str, *, at_least: int) -> None:
    """Reload systemd unless it has read generation *at_least*, or a newer one, since the host booted, and nothing is to be taken back from it.

    What was lent stands in the generation as well, so whoever comes first takes back what he can, and those who wait need no reload of their own.
    The caller holds the lock of *app* and starts nothing meanwhile.
    """
    async with held(host.state.try_reload_lock):
        loaded = host.state.loaded()
        lent = await _not_needed(host, app)
        if loaded is not None and loaded >= at_least and not lent:
            return
        number = host.state.current().number
        if lent:
            await host.systemd.take_back(*lent)
        await host.systemd.reload()
        host.state.note_loaded(number)


async def _not_needed(host: Host, app: str) -> tuple[UnitName, ...]:
    """What is lent for *app*, and of others what is active: one that is about to start would not be found between the taking back and the reload."""
    lent = await host.systemd.lent()
    own = {unit for unit in lent if (one := instance_of(unit)) is not None and one.app == app}
    others = tuple(unit for unit in lent if unit not in own)
    active = {status.unit for status in await host.systemd.show(*others) if status.is_active} if others else set()
    return tuple(unit for unit in lent if unit in own | active)


async def start_target(host: Host, app: str) -> None:
    """Make the app's target active, so that a stop of all apps reaches it; a new `Wants=` alone starts nothing."""
    await host.systemd.start(target_unit(app), timeout=60)


async def is_router_behind(host: Host) -> bool:
    """Whether the router's worker has read something else than the generation in force says, but for servers; the caller holds its lock."""
    path = anyio.Path(host.state.generation_path(host.state.current().number) / ROUTER)
    return mark_of(await path.read_text(errors="replace")) != await host.router.mark()


async def reload_router(host: Host) -> None:
    """Make the router read the fronts of the generation in force; start it where it is down."""
    async with held(host.state.try_router_lock):
        if await host.router.is_running():
            await host.router.reload()
        else:
            await host.systemd.start(UnitName("pvdify-router.service"), timeout=30)
