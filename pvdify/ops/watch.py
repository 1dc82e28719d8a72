"""The watch over a new release: a crash loop soon after the switch gives the traffic back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pvdify.errors import AppBusyError
from pvdify.model.names import instance_of
from pvdify.model.quantity import seconds
from pvdify.ops.perform import perform
from pvdify.ops.rollback import app_records, return_to
from pvdify.plan.history import MAKES_RELEASE, MOVES_TRAFFIC, REVERT

if TYPE_CHECKING:
    from pvdify.model.answers import Changed
    from pvdify.model.manifest import AppRow
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


_GRACE: Final = 30.0
"""Seconds that a loop which began in the window may take to reach the start limit."""


async def revert(host: Host, unit: str) -> str:
    """Go back to the warm release if *unit* is live, its deploy's window is open in this boot, and nobody works on the app; the verdict in words.

    A release that got the traffic back has no window of its own, so it is never left for another one: no loop.
    """
    instance = instance_of(unit)
    if instance is None:
        return f"{unit} is no instance of an app; nothing to do"
    host.state.check()
    row = host.state.current().apps.get(instance.app)
    if row is None or instance not in {one.instance(row.name) for one in row.live_instances()}:
        return f"{unit} is not live; nothing to do"
    if (reason := _stays(host, row)) is not None:
        return f"{unit} failed; {reason}"
    warm = row.warm or 0

    async def back(host: Host, running: Running) -> Changed:
        return await return_to(
            host, running, host.row(row.name), host.state.release(row.name, warm), drops_waiting=False
        )

    try:
        changed = await perform(host, REVERT, app=row.name, actor="watch", run=back)
    except AppBusyError as error:
        return f"{unit} failed; {error.holder} works on {row.name}, so this is left to it"
    return changed.text


def _stays(host: Host, row: AppRow) -> str | None:
    """Why the live release of *row* is not to be left; None if its watch is on and there is one to go back to."""
    if row.warm is None:
        return f"{row.name} has no warm release to go back to"
    moves = (one for one in app_records(host, row) if one.name in MOVES_TRAFFIC and one.release != one.from_release)
    switch = next((one for one in moves if one.has_switched), None)
    is_new = switch is not None and switch.name in MAKES_RELEASE and switch.release == row.live
    if switch is None or not is_new or switch.boot_id != host.clock.boot_id():
        return f"v{row.live} is not new, so it stays"
    window = timedelta(seconds=seconds(host.state.release(row.name, row.live or 0).watch) + _GRACE)
    if host.clock.now() - datetime.fromisoformat(switch.switched_at) > window:
        return f"v{row.live} serves for longer than its watch, so it stays"
    return None
