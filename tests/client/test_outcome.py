"""How a change ends, for whoever only waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pvdify import errors
from pvdify.cli.failures import exit_status
from pvdify.client.outcome import end_of
from pvdify.errors import (
    CancelledOperationError,
    Failure,
    HostError,
    OperationFailedError,
    PastTheSwitchError,
    PvdifyError,
    UnreachableError,
)
from tests.client.asking import BACKENDS, BEGIN, END, EVENTS, FAILURE, ID, INFO, LIVE, PULL, SUMMARY, on
from tests.client.canned import CannedHost, answers, breaks, refuses, streams

if TYPE_CHECKING:
    from pvdify.client.address import RemoteHost


@BACKENDS
def test_the_end_of_a_change_is_what_its_journal_says(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_breaks=True), streams(PULL, END))
    canned.on(INFO, answers(msgspec.structs.replace(SUMMARY, result=LIVE)))

    assert LIVE == on(there, lambda one: one.ended(ID), backend=backend)


@pytest.mark.parametrize(
    ("summary", "kind", "words", "status"),
    [
        ({"status": "failed", "failure": FAILURE}, OperationFailedError, "never answered well", 69),
        (
            {"status": "failed", "failure": Failure(phase="pull", message="cannot find", code="image-not-found")},
            errors.ImageNotFoundError,
            "cannot find",
            66,
        ),
        ({"status": "cancelled"}, CancelledOperationError, "cancelled, and everything was undone", 130),
        (
            {"status": "cancelled", "failure": Failure(phase="probe", message="cannot go on", code="cancelled")},
            CancelledOperationError,
            "cannot go on",
            130,
        ),
        ({"status": "undone"}, HostError, "recovery undid it", 69),
        (
            {"status": "dead", "failure": Failure(phase="swap", message="cannot move", code="router-failed", hint="h")},
            errors.RouterError,
            "cannot move",
            69,
        ),
    ],
    ids=["failed", "failed early", "cancelled", "cancelled with a word", "undone", "left"],
)
def test_an_operation_that_did_not_end_well_raises_what_it_would_have_where_it_ran(
    summary: dict[str, Any], kind: type[PvdifyError], words: str, status: int, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on(EVENTS, streams(BEGIN, END))
    canned.on(INFO, answers(msgspec.structs.replace(SUMMARY, **summary)))

    with pytest.raises(kind, match=words) as caught:
        on(there, lambda one: one.ended(ID))

    assert status == exit_status(caught.value)


def test_an_operation_that_nobody_takes_up_is_given_up(canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_hangs=True), streams(":\n\n", then_hangs=True))
    dead = answers(msgspec.structs.replace(SUMMARY, status="dead", ended_at=""))
    running = answers(msgspec.structs.replace(SUMMARY, status="running", ended_at=""))
    canned.on(INFO, dead, running, dead, dead)

    with pytest.raises(HostError, match="nobody took it up") as caught:
        on(there, lambda one: end_of(one, ID, look=0.1))

    assert "pvdify apply -a blog" in caught.value.hint
    assert 4 == canned.times(INFO)


def test_a_host_that_is_lost_for_good_leaves_a_way_back_to_the_operation(canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_breaks=True), breaks)

    with pytest.raises(UnreachableError) as caught:
        on(there, lambda one: one.ended(ID))

    assert f"pvdify operations:follow {ID}" in caught.value.hint


@BACKENDS
def test_a_cancelled_change_undoes_itself_but_not_past_the_switch(
    backend: str, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on(f"POST /operations/{ID}/cancel", answers(SUMMARY), refuses(PastTheSwitchError("cannot cancel")))

    assert on(there, lambda one: one.cancel(ID), backend=backend) is True
    assert on(there, lambda one: one.cancel(ID), backend=backend) is False
