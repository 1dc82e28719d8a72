"""Ask a new instance, from the host, whether it is up: never before its start job is done, and never inside the container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import Probe, UnhealthyError
from pvdify.model.quantity import seconds
from pvdify.model.slot import HealthType

if TYPE_CHECKING:
    from pvdify.model.manifest import InstanceRow
    from pvdify.model.names import Instance
    from pvdify.model.release import Release
    from pvdify.ops.host import Host
    from pvdify.ports import Answer

_QUICK: Final = 0.02
_QUICK_FOR: Final = 1.0
_SLOW: Final = 0.1
_EARLY: Final = 0.25
"""Seconds to wait for an answer at first: what is sent before a container listens may never be answered."""
_LATE: Final = 5.0
_WATCH_EVERY: Final = 0.2
_BODY: Final = 400
_OK_BELOW_DECLARED: Final = 400
_OK_BELOW: Final = 500


async def answers(host: Host, app: str, release: Release, row: InstanceRow) -> Probe:
    """Wait until the web instance *row* answers well; raise `UnhealthyError` with the last answer when time is over.

    A declared path wants 2xx or 3xx, and no redirect is followed; without one any status below 500 will do.
    Whether the instance is up at all is for `watched` to say.
    """
    instance = row.instance(app)
    check = release.healthcheck
    if check.type is HealthType.NONE:
        await anyio.sleep(seconds(release.settle))
        return Probe(target=instance.unit)
    began = anyio.current_time()
    deadline = began + seconds(check.timeout)
    attempts = 0
    while True:
        attempts += 1
        is_early = anyio.current_time() - began < _QUICK_FOR
        if check.type is HealthType.TCP:
            probe, is_good = await _connect(host, instance, release, attempts=attempts)
        else:
            left = max(0.05, deadline - anyio.current_time())
            probe, is_good = await _get(
                host, release, row, attempts=attempts, patience=min(_EARLY if is_early else _LATE, left)
            )
        if is_good:
            return probe
        if anyio.current_time() >= deadline:
            raise UnhealthyError(_words(instance, release, probe), probe)
        await anyio.sleep(_QUICK if is_early else _SLOW)


async def watched(host: Host, instances: tuple[Instance, ...]) -> Instance:
    """Wait until one of *instances* exits or restarts, and answer it: a release that falls over while it is looked at has failed."""
    while True:
        statuses = await host.systemd.show(*(one.unit for one in instances))
        for instance, status in zip(instances, statuses, strict=True):
            if status.active != "active" or status.restarts:
                return instance
        await anyio.sleep(_WATCH_EVERY)


async def _get(host: Host, release: Release, row: InstanceRow, *, attempts: int, patience: float) -> tuple[Probe, bool]:
    path = release.healthcheck.path or "/"
    answer = await host.network.get(row.port, path, headers={"User-Agent": "pvdify-probe"}, timeout=patience)
    below = _OK_BELOW_DECLARED if release.healthcheck.path else _OK_BELOW
    is_good = answer.status is not None and answer.status < below
    return _probe(f"http://127.0.0.1:{row.port}{path}", answer, attempts=attempts), is_good


async def _connect(host: Host, instance: Instance, release: Release, *, attempts: int) -> tuple[Probe, bool]:
    """Connect to the container itself: its published port is held by conmon and always accepts."""
    containers = await host.podman.containers(instance.name)
    address = next((one.address for one in containers if one.name == instance.name), "")
    is_good = bool(address) and await host.network.connects(address, release.port, timeout=1.0)
    error = "" if is_good else f"nothing accepts connections on {address or 'the container'}:{release.port}"
    return Probe(target=f"tcp://{address}:{release.port}", error=error, attempts=attempts), is_good


def _probe(target: str, answer: Answer, *, attempts: int) -> Probe:
    return Probe(
        target=target,
        status=answer.status,
        body=answer.body[:_BODY],
        latency_ms=round(answer.latency_ms, 1),
        error=answer.error,
        attempts=attempts,
    )


def _words(instance: Instance, release: Release, probe: Probe) -> str:
    patience = release.healthcheck.timeout
    if probe.status is not None:
        return f"{instance.short} of v{instance.version} answered {probe.status} at {release.healthcheck.path or '/'} for {patience}"
    return f"{instance.short} of v{instance.version} gave no answer on container port {release.port} for {patience} ({probe.error})"
