"""Restart: fresh instances of the live release, the old ones leaving when the new ones answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import RefusedError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.recover import recover
from pvdify.ops.swap import Wish, carry_out
from pvdify.ops.vault import told_waiting

if TYPE_CHECKING:
    from pvdify.model.requests import Restart
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def restart(host: Host, running: Running, request: Restart) -> Changed:
    """Replace the instances of one process, or of all, through fresh ordinals: `web-2` up, the front moved, `web-1` down."""
    app = request.app
    await recover(host, running, app)
    row = host.row(app)
    if row.live is None or row.is_stopped:
        state = "is stopped" if row.is_stopped else "has no release"
        raise RefusedError(
            f"cannot restart {app}: it {state}",
            hint=f"pvdify ps:start {app}" if row.is_stopped else f"pvdify deploy {app}",
        )
    release = host.state.release(app, row.live)
    if request.process is not None and request.process not in release.processes:
        message = f"cannot restart {request.process} of {app}: it has no such process, only {', '.join(sorted(release.processes))}"
        raise SpecError(message, pointer="/process", hint=f"pvdify ps {app}")
    fresh = frozenset({request.process} if request.process else release.processes)
    running.names_release(row.live, from_release=row.live)
    wish = Wish(
        release=release,
        counts=row.formation,
        reason=f"{app}: restart {', '.join(sorted(fresh))}",
        fresh=fresh,
    )
    await carry_out(host, running, wish)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} was restarted ({', '.join(sorted(fresh))}){told_waiting(row, release)}",
        app=app,
        release=row.live,
        generation=running.generation,
    )
