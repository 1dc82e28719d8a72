"""Make systemd and the router read the generation in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.names import UnitName, target_unit
from pvdify.ops.locking import held

if TYPE_CHECKING:
    from pvdify.ops.host import Host


async def load(host: Host, *, at_least: int) -> None:
    """Reload systemd unless it has read generation *at_least*, or a newer one, since the host booted, and nothing is lent to it.

    What was lent stands in the generation as well, so whoever comes first takes back all of it, and those who wait need no reload of their own.
    """
    async with held(host.state.try_reload_lock):
        loaded = host.state.loaded()
        lent = await host.systemd.lent()
        if loaded is not None and loaded >= at_least and not lent:
            return
        number = host.state.current().number
        if lent:
            await host.systemd.take_back(*lent)
        await host.systemd.reload()
        host.state.note_loaded(number)


async def start_target(host: Host, app: str) -> None:
    """Make the app's target active, so that a stop of all apps reaches it; a new `Wants=` alone starts nothing."""
    await host.systemd.start(target_unit(app), timeout=60)


async def reload_router(host: Host) -> None:
    """Make the router read the fronts of the generation in force; start it where it is down."""
    async with held(host.state.try_router_lock):
        if await host.router.is_running():
            await host.router.reload()
        else:
            await host.systemd.start(UnitName("pvdify-router.service"), timeout=30)
