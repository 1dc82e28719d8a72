"""How one app's row goes from what serves now to what shall serve: the rows of every generation on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pvdify.model.manifest import AppRow, InstanceRow, RouterRow, router_row
from pvdify.model.names import WEB
from pvdify.model.slot import HealthType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.release import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A planned change of one app's live instances.

    *kept* and *starting* together are live afterwards; *leaving* were live and are to be stopped.
    *starting* rows that the generation does not have yet carry port 0 until they are given one.
    """

    release: Release
    kept: tuple[InstanceRow, ...]
    starting: tuple[InstanceRow, ...]
    leaving: tuple[InstanceRow, ...]
    formation: Mapping[str, int]


def swap(row: AppRow, release: Release, *, counts: Mapping[str, int], fresh: frozenset[str] = frozenset()) -> Swap:
    """What must start and what must leave so that *counts* instances of *release* are live.

    Instances that run are kept and stopped ones with a unit are used again, lowest ordinal first, but for processes in *fresh*.
    """
    kept: list[InstanceRow] = []
    starting: list[InstanceRow] = []
    for process in sorted(release.processes):
        count = counts.get(process, 1)
        have = sorted(
            (one for one in row.of(release.version) if one.process == process),
            key=lambda one: (not one.is_live, one.ordinal),
        )
        used = {one.ordinal for one in have}
        chosen = [] if process in fresh else have[:count]
        kept += [one for one in chosen if one.is_live]
        starting += [one for one in chosen if not one.is_live]
        free = (ordinal for ordinal in range(1, 1_000_000) if ordinal not in used)
        starting += [
            InstanceRow(release=release.version, process=process, ordinal=next(free))
            for _ in range(count - len(chosen))
        ]
    leaving = tuple(one for one in row.live_instances() if one not in kept)
    return Swap(
        release=release,
        kept=tuple(kept),
        starting=tuple(starting),
        leaving=leaving,
        formation={**row.formation, **{name: counts.get(name, 1) for name in release.processes}},
    )


def needs_port(instance: InstanceRow) -> bool:
    """Whether the instance must be given a port before it can start."""
    return instance.process == WEB and instance.port == 0


def with_ports(instances: tuple[InstanceRow, ...], ports: tuple[int, ...]) -> tuple[InstanceRow, ...]:
    """*instances*, the ones without a port given the next of *ports*."""
    rest = iter(ports)
    return tuple(msgspec.structs.replace(one, port=next(rest)) if needs_port(one) else one for one in instances)


def prepared(row: AppRow, starting: tuple[InstanceRow, ...]) -> AppRow:
    """*row* with units for *starting*; nothing that is live changes."""
    names = {_key(one) for one in starting}
    others = tuple(one for one in row.instances if _key(one) not in names)
    return msgspec.structs.replace(
        row, instances=_sorted(others + tuple(_is_live(one, is_live=False) for one in starting))
    )


def switched(row: AppRow, change: Swap, *, at: str) -> AppRow:
    """*row* (which has units for all of them) with exactly the kept and the started instances live.

    The release that was live becomes warm; what was warm before it goes. Instances that leave keep their units, since they still run.
    """
    live = {_key(one) for one in (*change.kept, *change.starting)}
    version = change.release.version
    warm = row.live if row.live not in {None, version} else (row.warm if row.warm != version else None)
    instances = tuple(
        _is_live(one, is_live=_key(one) in live) for one in row.instances if one.release in {version, warm, row.live}
    )
    row = msgspec.structs.replace(
        row,
        live=version,
        warm=warm,
        image=change.release.image,
        formation=dict(sorted(change.formation.items())),
        instances=_sorted(instances),
        is_stopped=False,
        updated_at=at,
    )
    return msgspec.structs.replace(row, router=router_of(row, change.release))


def settled(row: AppRow) -> AppRow:
    """*row* without the units that neither the live release runs nor the warm one keeps; a stopped app keeps those it starts with."""
    kept = {row.warm} - {row.live} | ({row.live} if row.is_stopped else set())
    return msgspec.structs.replace(
        row, instances=tuple(one for one in row.instances if one.is_live or one.release in kept)
    )


def stopped(row: AppRow, *, at: str) -> AppRow:
    """*row* with nothing live; the units stay, and a start makes as many of them live as the formation says."""
    instances = tuple(_is_live(one, is_live=False) for one in row.instances)
    return msgspec.structs.replace(row, instances=instances, is_stopped=True, updated_at=at)


def router_of(row: AppRow, release: Release) -> RouterRow:
    """What the router must know of *row* when *release* is live."""
    check = release.healthcheck
    web = release.processes.get(WEB)
    return router_row(
        path=check.path,
        interval=check.interval,
        is_checked=len(row.servers()) > 1 and check.type is HealthType.HTTP,
        holds=web is not None and not web.overlap,
    )


def _key(row: InstanceRow) -> tuple[int, str, int]:
    return row.release, row.process, row.ordinal


def _is_live(row: InstanceRow, *, is_live: bool) -> InstanceRow:
    return row if row.is_live is is_live else msgspec.structs.replace(row, is_live=is_live)


def _sorted(rows: tuple[InstanceRow, ...]) -> tuple[InstanceRow, ...]:
    return tuple(sorted(rows, key=_key))
