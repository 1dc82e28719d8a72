"""The formation of an app, and its instances as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.answers import InstanceState, ProcessDefinition, Processes
from pvdify.model.slot import words

if TYPE_CHECKING:
    from pvdify.model.requests import ForApp
    from pvdify.ops.host import Host


async def processes(host: Host, request: ForApp) -> Processes:
    """What shall run and what runs; warm instances are left out unless they are up by mistake."""
    row = host.row(request.app)
    release = host.state.release(row.name, row.live) if row.live is not None else None
    if release is not None:
        commands = {name: process.command for name, process in release.processes.items()}
    else:
        commands = {name: words(process.command) for name, process in host.slot(row.name).processes.items()}
    rows = {one.instance(row.name).unit: one for one in row.instances}
    statuses = await host.systemd.show(*rows) if rows else ()
    states = []
    for status in statuses:
        one = rows[status.unit]
        if not one.is_live and not status.is_active:
            continue
        instance = one.instance(row.name)
        states.append(
            InstanceState(
                name=instance.name,
                instance=instance.short,
                process=one.process,
                release=one.release,
                state=status.active if status.active == "active" else f"{status.active} ({status.sub})",
                since=status.since,
                restarts=status.restarts,
                memory=status.memory,
                cpu=status.cpu_seconds,
                port=one.port or None,
                is_live=one.is_live,
            )
        )
    return Processes(
        definitions=tuple(
            ProcessDefinition(name=name, command=command, count=row.formation.get(name, 0))
            for name, command in sorted(commands.items())
        ),
        instances=tuple(sorted(states, key=lambda state: (state.process, state.release, state.instance))),
    )
