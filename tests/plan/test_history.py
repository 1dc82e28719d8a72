from __future__ import annotations

import pytest

from pvdify.errors import NothingToRollBackError, RefusedError, ReleaseNotFoundError
from pvdify.model.event import OperationRecord, Outcome
from pvdify.model.release import ReleaseStatus
from pvdify.plan.history import DEPLOY, REVERT, ROLLBACK, rollback_target, statuses
from tests.plan.worlds import row


def record(
    name: str, version: int, *, origin: int | None, outcome: Outcome | None = Outcome.DONE, switched: bool = True
) -> OperationRecord:
    return OperationRecord(
        id=f"{name}-{version}",
        name=name,
        app="blog",
        actor="me",
        started_at="2026-01-02",
        release=version,
        from_release=origin,
        outcome=outcome,
        has_switched=switched,
    )


def deploys(*versions: int) -> tuple[OperationRecord, ...]:
    """Good deploys, newest first, as the journal gives them."""
    origins = (None, *versions)
    return tuple(reversed([record(DEPLOY, version, origin=origins[n]) for n, version in enumerate(versions)]))


def test_each_release_has_the_status_that_its_operations_gave_it() -> None:
    failed = record(DEPLOY, 3, origin=2, outcome=Outcome.FAILED, switched=False)
    going = record(DEPLOY, 4, origin=2, outcome=None, switched=False)

    known = statuses(row(live=2, warm=1), (4, 3, 2, 1), (going, failed, *deploys(1, 2)))

    assert {
        4: ReleaseStatus.DEPLOYING,
        3: ReleaseStatus.FAILED,
        2: ReleaseStatus.ACTIVE,
        1: ReleaseStatus.SUPERSEDED,
    } == known


def test_a_rollback_goes_to_the_newest_earlier_release_that_was_live() -> None:
    failed = record(DEPLOY, 3, origin=2, outcome=Outcome.FAILED, switched=False)

    assert 2 == rollback_target(row(live=4), (4, 3, 2, 1), (*deploys(4), failed, *deploys(1, 2)), asked=None)


def test_a_second_rollback_goes_further_back() -> None:
    records = (record(ROLLBACK, 2, origin=3), *deploys(1, 2, 3))

    assert 1 == rollback_target(row(live=2, warm=3), (3, 2, 1), records, asked=None)


def test_a_release_that_was_rolled_back_from_is_not_met_again_by_itself() -> None:
    records = (record(DEPLOY, 4, origin=2), record(REVERT, 2, origin=3), *deploys(1, 2, 3))

    assert 2 == rollback_target(row(live=4, warm=2), (4, 3, 2, 1), records, asked=None)


def test_a_named_release_is_taken_whatever_became_of_it() -> None:
    assert 3 == rollback_target(row(live=2), (3, 2, 1), (record(ROLLBACK, 2, origin=3), *deploys(1, 2, 3)), asked=3)


def test_the_live_release_and_unknown_ones_are_refused() -> None:
    with pytest.raises(RefusedError, match="it is live"):
        rollback_target(row(live=2), (2, 1), (), asked=2)
    with pytest.raises(ReleaseNotFoundError):
        rollback_target(row(live=2), (2, 1), (), asked=7)


def test_with_nothing_good_before_it_a_rollback_says_so() -> None:
    with pytest.raises(NothingToRollBackError):
        rollback_target(row(live=1), (1,), deploys(1), asked=None)
    with pytest.raises(NothingToRollBackError):
        rollback_target(row(), (), (), asked=None)
