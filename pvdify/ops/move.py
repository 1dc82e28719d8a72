"""Move a front: make the router do what the generation in force says, read it back, and let the old instances finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

import anyio

from pvdify.errors import RouterError
from pvdify.ops.locking import held
from pvdify.ops.reload import is_router_behind
from pvdify.ports import Server, Workers

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
    from pvdify.model.names import Instance
    from pvdify.ops.host import Host

PROBE_HEADER: Final = "X-Pvdify-Probe"
INSTANCE_HEADER: Final = "X-Pvdify-Instance"
_READS: Final = 8
_READ_BACK_FOR: Final = 10.0
_DRAIN_EVERY: Final = 0.05


def servers(row: AppRow) -> tuple[Server, ...]:
    """The servers that the router must have for *row*."""
    return tuple(
        Server(
            name=one.instance(row.name).server,
            port=one.port,
            is_checked=row.router.is_checked,
            interval=row.router.interval,
        )
        for one in row.servers()
    )


async def route(host: Host, app: str) -> None:
    """Make the router send new requests of *app* to the live instances of the generation in force, and to nothing else.

    It reads its file again first where that says more than a running worker can be told: how an app is checked or held, or what is
    shown where it does not answer.
    """
    async with held(host.state.try_router_lock):
        host.state.held.forget(host.row(app).front)
        if await is_router_behind(host):
            await host.router.reload()
        row = host.row(app)
        await host.router.reconcile(app, servers(row))


async def hold(host: Host, app: str) -> None:
    """Keep new requests of *app* waiting until it is routed again, also in a worker that a reload brings."""
    async with held(host.state.try_router_lock):
        host.state.held.note(host.row(app).front)
        await host.router.hold(app)


async def read_back(host: Host, app: str) -> None:
    """See over new connections that requests through the front reach live instances only; raise `RouterError` if they do not."""
    row = host.row(app)
    wanted = {one.name for one in servers(row)}
    if not wanted:
        return
    deadline = anyio.current_time() + _READ_BACK_FOR
    reads = 0
    while reads < _READS:
        answer = await host.network.get(row.front, row.router.path, headers={PROBE_HEADER: uuid4().hex}, timeout=5.0)
        served_by = (answer.headers or {}).get(INSTANCE_HEADER.lower(), "")
        if served_by in wanted:
            reads += 1
            continue
        if anyio.current_time() > deadline:
            seen = served_by or answer.error or f"status {answer.status}"
            holder = await host.network.holder(row.front)
            raise RouterError(
                f"cannot see {', '.join(sorted(wanted))} behind front {row.front} of {app}: {seen} (listening: {holder})",
                hint="check the way to the app with `pvdify doctor`",
            )
        reads = 0
        await anyio.sleep(0.05)
        await route(host, app)


async def drain(host: Host, app: str, leaving: tuple[Instance, ...], *, patience: float) -> bool:
    """Wait until no worker of the router has a connection to *leaving*, at most *patience* seconds; whether they all finished."""
    names = tuple(one.server for one in leaving)
    deadline = anyio.current_time() + patience
    while names and await host.router.drained(app, names) is not Workers.DRAINED:
        if anyio.current_time() >= deadline:
            return False
        await anyio.sleep(_DRAIN_EVERY)
    return True
