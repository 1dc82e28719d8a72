"""Run a one-off command in the live release's image and environment."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from pvdify.errors import RefusedError
from pvdify.model.answers import RunResult
from pvdify.plan.oneoff import one_off

if TYPE_CHECKING:
    from pvdify.model.requests import RunOnce
    from pvdify.ops.host import Host


async def run_once(host: Host, request: RunOnce) -> RunResult:
    """Run *request.command* beside the app, in its slice, with its limits and volumes; answer its exit status."""
    row = host.row(request.app)
    if row.live is None:
        raise RefusedError(
            f"cannot run a command for {row.name}: it has no release",
            hint=f"pvdify deploy {row.name} --image ghcr.io/org/app:v1",
        )
    release = host.state.release(row.name, row.live)
    name = f"pvdify-{row.name}-run-{token_hex(4)}"
    argv = one_off(
        row,
        release,
        name=name,
        command=request.command,
        interactive=request.interactive,
        state=host.place.state,
        run=host.place.run,
    )
    return RunResult(status=await host.console.run(argv, interactive=request.interactive))
