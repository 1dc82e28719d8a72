"""Count what runs and what was done."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from anyio import to_thread

import pvdify
from pvdify.model.names import instance_pattern, slice_unit
from pvdify.ops.apps import status_of
from pvdify.render.exposition import Metric, MetricKind, Sample, exposition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.manifest import Manifest
    from pvdify.model.names import UnitName
    from pvdify.model.requests import Nothing
    from pvdify.ops.host import Host
    from pvdify.store.tally import Tally

COUNTED: Final = 1000
"""The newest operations that are counted."""
_KEPT: Final = f"of the newest {COUNTED} operations that are kept"


async def metrics(host: Host, _request: Nothing) -> str:
    """The numbers of the host as Prometheus reads them; a number that the kernel does not count is left out."""
    manifest = host.state.current()
    active = await host.systemd.active(instance_pattern("*"))
    tallies = await to_thread.run_sync(host.state.tallies, COUNTED)
    return exposition(
        (
            _gauge("pvdify_info", "The version of pvdify.", (Sample(1, {"version": pvdify.__version__}),)),
            _gauge("pvdify_generation", "The generation in force.", (Sample(manifest.number, {}),)),
            _apps(manifest, active),
            await _instances(host, manifest, active),
            *await _usage(host, manifest),
            *_operations(tallies),
            _gauge("pvdify_disk_free_bytes", "Bytes free for pvdify's state.", (Sample(host.state.free_bytes(), {}),)),
            _gauge("pvdify_audit_lines", "Lines of the audit.", (Sample(_audit_lines(host), {}),)),
        )
    )


def _apps(manifest: Manifest, active: frozenset[UnitName]) -> Metric:
    counts: Counter[tuple[str, ...]] = Counter((status_of(row, active).value,) for row in manifest.apps.values())
    return _gauge("pvdify_apps", "Apps, by how they are.", _samples(counts, "status"))


async def _instances(host: Host, manifest: Manifest, active: frozenset[UnitName]) -> Metric:
    """Only units that should be up and are not are asked for."""
    rows = [(row.name, one, one.instance(row.name).unit) for row in manifest.apps.values() for one in row.instances]
    down = tuple(unit for _, one, unit in rows if one.is_live and unit not in active)
    states = {status.unit: status.active for status in await host.systemd.show(*down)} if down else {}
    counts: Counter[tuple[str, ...]] = Counter(
        (app, one.process, states.get(unit, "active" if one.is_live else "leaving"))
        for app, one, unit in rows
        if one.is_live or unit in active
    )
    return _gauge(
        "pvdify_instances",
        "Instances, by systemd's state of their unit; `leaving` are up and get no new requests.",
        _samples(counts, "app", "process", "state"),
    )


async def _usage(host: Host, manifest: Manifest) -> tuple[Metric, ...]:
    """What the slices of the apps take, which outlive every release."""
    apps = tuple(manifest.apps)
    usage = dict(zip(apps, await host.systemd.usage(*(slice_unit(app) for app in apps)), strict=True)) if apps else {}
    memory = tuple(Sample(one.memory, {"app": app}) for app, one in usage.items() if one.memory is not None)
    cpu = tuple(Sample(one.cpu_seconds, {"app": app}) for app, one in usage.items() if one.cpu_seconds is not None)
    return (
        _gauge("pvdify_app_memory_bytes", "Memory that an app takes, with its one-off commands.", memory),
        Metric("pvdify_app_cpu_seconds_total", MetricKind.COUNTER, "Processor time that an app took.", cpu),
    )


def _operations(tallies: tuple[Tally, ...]) -> tuple[Metric, ...]:
    counts: Counter[tuple[str, ...]] = Counter((one.name, _outcome(one)) for one in tallies)
    times: dict[str, list[float]] = {}
    for step, seconds in (step for one in tallies for step in one.steps):
        times.setdefault(step.partition(" ")[0], []).append(seconds)  # `apply` has steps such as `deploy blog`
    steps = tuple(
        Sample(value, {"step": step}, suffix)
        for step, found in sorted(times.items())
        for suffix, value in (("_sum", round(sum(found), 6)), ("_count", len(found)))
    )
    return (
        _gauge("pvdify_operations", f"Operations, by how they ended, {_KEPT}.", _samples(counts, "name", "outcome")),
        Metric("pvdify_step_seconds", MetricKind.SUMMARY, f"How long steps took that were done, {_KEPT}.", steps),
    )


def _outcome(one: Tally) -> str:
    if one.outcome is not None:
        return one.outcome.value
    return "running" if one.is_running else "dead"


def _audit_lines(host: Host) -> int:
    newest = host.state.audit_entries(limit=1)
    return newest[0].seq if newest else 0


def _gauge(name: str, text: str, samples: tuple[Sample, ...]) -> Metric:
    return Metric(name, MetricKind.GAUGE, text, samples)


def _samples(counts: Mapping[tuple[str, ...], int], *names: str) -> tuple[Sample, ...]:
    return tuple(Sample(count, dict(zip(names, key, strict=True))) for key, count in sorted(counts.items()))
