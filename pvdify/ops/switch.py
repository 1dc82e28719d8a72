"""Switch to an earlier generation: every app back to the release that it had there, each by an ordinary rollback."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from pvdify.errors import RefusedError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.requests import ForApp, SwitchGeneration
from pvdify.ops.perform import accepted, performed
from pvdify.ops.recover import recover
from pvdify.ops.rollback import return_to
from pvdify.ops.stop import stop_app
from pvdify.plan.history import SWITCH

if TYPE_CHECKING:
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def switch_generation(host: Host, running: Running, request: SwitchGeneration) -> Changed:
    """Bring each app that lives in both generations back to its release in the old one; ports, domains and counts stay as they are now.

    Apps that were destroyed since are named and refused; younger ones are left alone, or stopped with *exact*. It ends in a new number.
    """
    then, now = host.state.manifest(request.number), host.state.current()
    gone = sorted(set(then.apps) - set(now.apps))
    if gone:
        message = f"cannot switch to generation {request.number}: {', '.join(gone)} was destroyed since"
        raise RefusedError(
            message,
            hint="create it again, or roll the others back one by one with `pvdify rollback`",
        )
    back = {
        name: row.live for name, row in then.apps.items() if row.live is not None and row.live != now.apps[name].live
    }
    younger = sorted(set(now.apps) - set(then.apps)) if request.exact else []
    with ExitStack() as locks:
        operations = {
            name: locks.enter_context(accepted(host, SWITCH, app=name, actor=running.actor))
            for name in sorted({*back, *younger})
        }
        for name, version in sorted(back.items()):
            async with running.step(f"rollback {name}"):
                host.state.release(name, version)  # so that a missing record refuses before anything moves

                async def run(host: Host, one: Running, *, name: str = name) -> Changed:
                    await recover(host, one, name)
                    return await return_to(host, one, host.row(name), host.state.release(name, back[name]))

                changed = await performed(host, operations[name], run)
                running.note(changed.text)
        for name in younger:
            async with running.step(f"stop {name}"):

                async def halt(host: Host, one: Running, *, name: str = name) -> Changed:
                    return await stop_app(host, one, ForApp(app=name))

                await performed(host, operations[name], halt)
    if not back and not younger:
        text = f"every app is at its release of generation {request.number} already; nothing to do"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
    text = f"{len(back)} apps are at their release of generation {request.number}" + (
        f", {len(younger)} stopped" if younger else ""
    )
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=text,
        generation=host.state.current().number,
    )
