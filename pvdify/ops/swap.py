"""The swap: new instances beside the old ones, two generations, and the front moved in between.

`prepare → release command → start → probe → switch → route → read back → drain → stop → settle`. Until *switch* is durable, whatever goes
wrong leaves the old instances serving; from there on the operation only goes forward, and no cancellation reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import PortsUsedUpError, RouterError, UnitFailedError
from pvdify.model.manifest import INSTANCE_FIRST, AppRow, InstanceRow, Manifest
from pvdify.model.names import RELEASE_PROCESS, WEB, Instance
from pvdify.model.quantity import seconds
from pvdify.ops.converge import converge, drop_unneeded
from pvdify.ops.explain import explained
from pvdify.ops.move import drain, hold, read_back, route
from pvdify.ops.publish import Change, Published, publish
from pvdify.ops.reload import load, start_target
from pvdify.ops.start import Batch, PortLostError, prove, start
from pvdify.ops.vault import check_config, prove_config
from pvdify.plan.ports import instance_candidates
from pvdify.plan.swap import Swap, needs_port, prepared, swap, switched, with_ports
from pvdify.render.tree import release_command_artefact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.release import Release
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


Note = Callable[[AppRow], AppRow]
"""What else the generation that switches says of the app."""


def nothing_else(row: AppRow) -> AppRow:
    """Only the switch."""
    return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall be live: so many instances of a release; and what is noted of the app with the switch."""

    release: Release
    counts: Mapping[str, int]
    reason: str
    fresh: frozenset[str] = frozenset()
    runs_command: bool = False
    note: Note = nothing_else


async def carry_out(host: Host, running: Running, wish: Wish) -> float | None:
    """Make *wish* true; answer the milliseconds from acceptance to the first answer through the front (None without a web process).

    Raise `OperationFailedError`, or what a port raised, with the app as it was before.
    """
    app = wish.release.app
    before = host.row(app)
    with running.between():
        try:
            change = await _before_the_switch(host, running, wish, before)
        except BaseException:
            if not running.has_switched:
                with anyio.CancelScope(shield=True), running.between():
                    async with running.step("undo"):
                        await converge(host, running, app)
            raise
        return await _after_the_switch(host, running, wish, before, change)


async def _before_the_switch(host: Host, running: Running, wish: Wish, before: AppRow) -> Swap:
    app, release = before.name, wish.release
    unchanged = f"v{before.live} still serves" if before.live is not None and before.live != release.version else ""
    change = swap(before, release, counts=wish.counts, fresh=wish.fresh)
    async with running.step("prepare"):
        check_config(host, release)
        if WEB in release.processes and not await host.router.is_running():
            raise RouterError("cannot move a front: the router is down", hint="systemctl start pvdify-router.service")
        change, published = await _prepare(host, running, wish, change)
    if wish.runs_command:
        async with running.step("release-command"):
            await _release_command(host, release, published, unchanged=unchanged)
    beside, in_turn = _parted(change)
    batch = Batch(app=app, release=release, rows=beside, unchanged=unchanged)
    if beside:
        async with running.step("start"):
            change, batch = await _start(host, running, wish, change, batch, published)
        async with running.step("probe"):
            await prove(host, batch, running)
    if in_turn:
        await _replace(
            host,
            running,
            change,
            Batch(app=app, release=release, rows=in_turn, unchanged=unchanged),
            published,
        )
    with anyio.CancelScope(shield=True):
        async with running.step("switch"):
            await publish(host, running, app=app, change=_switched(host, wish, change), reason=wish.reason)
            running.has_switched = True
    return change


async def _after_the_switch(host: Host, running: Running, wish: Wish, before: AppRow, change: Swap) -> float | None:
    app = before.name
    row = host.row(app)
    leaving = tuple(one.instance(app) for one in change.leaving)
    serving: float | None = None
    with anyio.CancelScope(shield=True):
        async with running.step("route"):
            await route(host, app)
        if row.servers():
            async with running.step("read-back"):
                await read_back(host, app)
            serving = running.elapsed_ms()
            running.note(f"serving after {serving:.0f} ms", data={"serving_ms": serving})
        if leaving:
            async with running.step("drain"):
                patience = seconds(wish.release.drain)
                if not await drain(host, app, tuple(one for one in leaving if one.process == WEB), patience=patience):
                    running.note(
                        f"requests to the old instances were still open after {wish.release.drain}; they are ended now"
                    )
            async with running.step("stop"):
                await host.systemd.stop(*(one.unit for one in leaving))
                await host.router.forget(app, tuple(one.server for one in leaving if one.process == WEB))
        async with running.step("settle"):
            await drop_unneeded(host, running, app)
            await load(host, app, at_least=host.state.current().number)
            if row.router.holds:
                # a worker that was about to start, by another's reload, keeps requests waiting still
                await route(host, app)
            await start_target(host, app)
    return serving


async def _prepare(host: Host, running: Running, wish: Wish, change: Swap) -> tuple[Swap, Published]:
    """Publish the units of what starts; the target and the router stay as they are."""
    app = wish.release.app
    rows = change.starting

    async def change_row(manifest: Manifest) -> AppRow | None:
        nonlocal rows
        missing = sum(1 for one in rows if needs_port(one))
        rows = with_ports(rows, await _free_ports(host, manifest, missing)) if missing else rows
        return prepared(manifest.apps[app], rows)

    extra = (lambda row: (release_command_artefact(wish.release, row, host.place),)) if wish.runs_command else None
    published = await publish(
        host, running, app=app, change=change_row, reason=f"{wish.reason}: new units", extra=extra
    )
    return _with_starting(change, rows), published


async def _free_ports(host: Host, manifest: Manifest, count: int) -> tuple[int, ...]:
    """Ports that nobody has and that could be bound; the search starts where the last generation's numbers end, so that a port rests after use."""
    start = INSTANCE_FIRST + (manifest.number * 7) % 10_000
    ports = await host.network.reserve(instance_candidates(manifest, start=start), count)
    if len(ports) < count:
        raise PortsUsedUpError(f"cannot find {count} free ports for instances", hint="see who listens with `ss -ltnp`")
    return ports


async def _start(
    host: Host, running: Running, wish: Wish, change: Swap, batch: Batch, published: Published
) -> tuple[Swap, Batch]:
    """Start *batch*; where a stranger took a port meanwhile, give those instances another one, once."""
    try:
        await start(host, batch, published.units)
    except PortLostError as error:
        running.note(f"{error.message}; trying another port")
        lost = set(error.rows)
        await host.systemd.stop(*(row.instance(batch.app).unit for row in lost))
        ordinals = {one.ordinal for one in host.row(batch.app).of(batch.release.version)}
        free = (ordinal for ordinal in range(1, 1_000_000) if ordinal not in ordinals)
        fresh = tuple(
            msgspec.structs.replace(row, ordinal=next(free), port=0)
            for row in sorted(lost, key=lambda one: one.ordinal)
        )
        change = _with_starting(change, tuple(one for one in change.starting if one not in lost) + fresh)
        change, again = await _prepare(host, running, replace(wish, runs_command=False), change)
        rows = tuple(one for one in change.starting if one.process in {row.process for row in batch.rows})
        batch = Batch(app=batch.app, release=batch.release, rows=rows, unchanged=batch.unchanged)
        try:
            await start(host, batch, {**published.units, **again.units})
        except PortLostError as second:
            raise second.taken from second
    return change, batch


async def _replace(host: Host, running: Running, change: Swap, batch: Batch, published: Published) -> None:
    """Stop the old instances of processes that must not overlap, then start the new ones; the router keeps requests waiting meanwhile."""
    app = batch.app
    processes = {row.process for row in batch.rows}
    old = tuple(one.instance(app) for one in change.leaving if one.process in processes)
    async with running.step("replace"):
        await prove_config(host, batch.release)
        if WEB in processes and old:
            await hold(host, app)
            await drain(
                host,
                app,
                tuple(one for one in old if one.process == WEB),
                patience=seconds(batch.release.drain),
            )
        await host.systemd.stop(*(one.unit for one in old))
        try:
            await start(host, batch, published.units)
        except PortLostError as error:
            raise error.taken from error
        await prove(host, batch, running)


async def _release_command(host: Host, release: Release, published: Published, *, unchanged: str) -> None:
    instance = Instance(release.app, release.version, RELEASE_PROCESS, 1)
    since = host.clock.now()
    await host.systemd.lend({instance.unit: published.units[instance.unit]})
    try:
        await host.systemd.start(instance.unit, timeout=seconds(release.release_timeout) + 30)
    except UnitFailedError as error:
        raise await explained(
            host,
            error,
            phase="release-command",
            instance=instance,
            since=since,
            unchanged=unchanged,
        ) from error


def _parted(change: Swap) -> tuple[tuple[InstanceRow, ...], tuple[InstanceRow, ...]]:
    """What starts beside its predecessors, and what must wait until they are gone."""
    gone = {one.process for one in change.leaving}
    waits = {name for name, process in change.release.processes.items() if not process.overlap and name in gone}
    beside = tuple(one for one in change.starting if one.process not in waits)
    return beside, tuple(one for one in change.starting if one.process in waits)


def _with_starting(change: Swap, rows: tuple[InstanceRow, ...]) -> Swap:
    return Swap(
        release=change.release,
        kept=change.kept,
        starting=rows,
        leaving=change.leaving,
        formation=change.formation,
    )


def _switched(host: Host, wish: Wish, change: Swap) -> Change:
    async def row(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return wish.note(switched(manifest.apps[wish.release.app], change, at=host.now()))

    return row
