"""What became of each release, and which one a rollback means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import NothingToRollBackError, RefusedError, ReleaseNotFoundError
from pvdify.model.event import OperationRecord, Outcome
from pvdify.model.release import ReleaseStatus

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow

DEPLOY: Final = "releases.create"
ROLLBACK: Final = "releases.rollback"
REVERT: Final = "releases.revert"
SWITCH: Final = "generations.switch"
CHANGE: Final = "apps.change"
NAMES: Final = frozenset({"domains.add", "domains.remove", "domains.set"})
MAINTENANCE: Final = {"maintenance.on": True, "maintenance.off": False}
CONFIG: Final = frozenset({"config.set", "config.unset"})
MAKES_RELEASE: Final = frozenset({DEPLOY, CHANGE}) | CONFIG
MOVES_TRAFFIC: Final = MAKES_RELEASE | {ROLLBACK, REVERT, SWITCH}


def statuses(row: AppRow, versions: tuple[int, ...], records: tuple[OperationRecord, ...]) -> dict[int, ReleaseStatus]:
    """The status of each of *versions*; *records* are the app's operations, newest first."""
    failed = {
        record.release
        for record in records
        if record.outcome in {Outcome.FAILED, Outcome.UNDONE, Outcome.CANCELLED}
        and record.name in MOVES_TRAFFIC
        and not record.has_switched
    }
    running = {record.release for record in records if not record.is_over and record.name in MOVES_TRAFFIC}
    served = {record.release for record in records if record.has_switched}
    left = rolled_back(records)
    result: dict[int, ReleaseStatus] = {}
    for version in versions:
        if version == row.live:
            result[version] = ReleaseStatus.ACTIVE
        elif version in running:
            result[version] = ReleaseStatus.DEPLOYING
        elif version in left:
            result[version] = ReleaseStatus.ROLLED_BACK
        elif version in served or version == row.warm:
            result[version] = ReleaseStatus.SUPERSEDED
        elif version in failed:
            result[version] = ReleaseStatus.FAILED
        else:
            result[version] = ReleaseStatus.PENDING
    return result


def rolled_back(records: tuple[OperationRecord, ...]) -> frozenset[int]:
    """Releases that a rollback took the traffic from, and that no later operation gave it back."""
    left: set[int] = set()
    for record in reversed(records):
        if not record.has_switched or record.release is None:
            continue
        left.discard(record.release)
        origin = record.from_release
        if record.name in {ROLLBACK, REVERT} and origin is not None and origin != record.release:
            left.add(origin)
    return frozenset(left)


def rollback_target(
    row: AppRow,
    versions: tuple[int, ...],
    records: tuple[OperationRecord, ...],
    *,
    asked: int | None,
) -> int:
    """The release that a rollback goes to: *asked*, or the newest earlier one that was live and neither failed nor was rolled back from."""
    if row.live is None:
        raise NothingToRollBackError(
            f"cannot roll back {row.name}: it has no live release",
            hint=f"deploy one with `pvdify deploy {row.name} --image …`",
        )
    if asked is not None:
        if asked not in versions:
            raise ReleaseNotFoundError(row.name, asked)
        if asked == row.live:
            raise RefusedError(
                f"cannot roll back {row.name} to v{asked}: it is live",
                hint=f"see `pvdify releases {row.name}`",
            )
        return asked
    known = statuses(row, versions, records)
    for version in sorted((one for one in versions if one < row.live), reverse=True):
        if known[version] is ReleaseStatus.SUPERSEDED:
            return version
    raise NothingToRollBackError(
        f"cannot roll back {row.name}: no release before v{row.live} was live and good",
        hint=f"see `pvdify releases {row.name}`",
    )
