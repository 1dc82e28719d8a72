"""Start new instances and prove that they are up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import PortTakenError, Probe, PvdifyError, UnitFailedError
from pvdify.model.names import WEB, Instance, UnitName
from pvdify.model.quantity import seconds
from pvdify.ops.beside import beside
from pvdify.ops.explain import explained, unit_instance, unit_names
from pvdify.ops.probe import answers, watched
from pvdify.ops.publish import programs, ready_to_render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.manifest import InstanceRow
    from pvdify.model.release import Release
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

START_TIMEOUT = 90.0
"""Seconds that Podman may take to start a container; `TimeoutStartSec=` of the units."""


class PortLostError(PvdifyError):
    """Somebody took a port between its choice and the start; *rows* need other ones."""

    def __init__(self, rows: tuple[InstanceRow, ...], taken: PortTakenError) -> None:
        super().__init__(taken.message, hint=taken.hint)
        self.rows = rows
        self.taken = taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Instances of one release to start and prove together."""

    app: str
    release: Release
    rows: tuple[InstanceRow, ...]
    unchanged: str

    def instances(self) -> tuple[Instance, ...]:
        """Their names."""
        return tuple(row.instance(self.app) for row in self.rows)


async def start(host: Host, batch: Batch, units: Mapping[UnitName, bytes]) -> None:
    """Start *batch*, lending systemd those of *units* that it has not read yet; raise the explained failure of the first that does not start."""
    instances = batch.instances()
    if not instances:
        return
    since = host.clock.now()
    new = {unit: text for unit, text in units.items() if unit in unit_names(instances)}
    if new:
        await host.systemd.lend(new)
    try:
        await beside(
            lambda: host.systemd.start(*unit_names(instances), timeout=START_TIMEOUT + 10),
            ready_to_render,
            lambda: programs(host),
        )
    except UnitFailedError as error:
        await _raise_for_ports(host, batch)
        instance = unit_instance(instances, error.unit)
        raise await explained(
            host, error, phase="start", instance=instance, since=since, unchanged=batch.unchanged
        ) from error


async def prove(host: Host, batch: Batch, running: Running) -> None:
    """Wait until every instance of *batch* is up; raise the explained failure of the first that is not."""
    since = host.clock.now() - timedelta(milliseconds=running.elapsed_ms())  # what it wrote while it started counts
    probes: list[Probe] = []
    failure = await _first_failure(host, batch, probes)
    if failure is not None:
        instance, error = failure
        raise await explained(
            host, error, phase="probe", instance=instance, since=since, unchanged=batch.unchanged
        ) from error
    for probe in probes:
        if probe.status is not None:
            running.note(f"{probe.target} answered {probe.status} in {probe.latency_ms:.0f} ms (try {probe.attempts})")


async def _first_failure(host: Host, batch: Batch, probes: list[Probe]) -> tuple[Instance, PvdifyError] | None:
    """The first instance of *batch* that exits, or never answers well; None once all web ones answered and all others settled."""
    failures: list[tuple[Instance, PvdifyError]] = []

    async def web(row: InstanceRow) -> None:
        try:
            probes.append(await answers(host, batch.app, batch.release, row))
        except PvdifyError as error:
            fail(row.instance(batch.app), error)

    async def watch() -> None:
        instance = await watched(host, batch.instances())
        fail(instance, UnitFailedError(instance.unit, "it did not stay up"))

    def fail(instance: Instance, error: PvdifyError) -> None:
        failures.append((instance, error))
        looking.cancel_scope.cancel()

    async with anyio.create_task_group() as looking:
        looking.start_soon(watch)
        async with anyio.create_task_group() as waiting:
            for row in batch.rows:
                if row.process == WEB:
                    waiting.start_soon(web, row)
            if any(row.process != WEB for row in batch.rows):
                waiting.start_soon(anyio.sleep, seconds(batch.release.settle))
        looking.cancel_scope.cancel()
    return failures[0] if failures else None


async def _raise_for_ports(host: Host, batch: Batch) -> None:
    """If strangers hold ports of *batch*, say so in a way that lets the caller choose others."""
    lost: list[InstanceRow] = []
    taken: PortTakenError | None = None
    for row in batch.rows:
        if not row.port:
            continue
        (status,) = await host.systemd.show(row.instance(batch.app).unit)
        if status.active == "active":
            continue
        holder = await host.network.holder(row.port)
        if holder is not None:
            lost.append(row)
            taken = taken or PortTakenError(row.port, holder)
    if taken is not None:
        raise PortLostError(tuple(lost), taken)
