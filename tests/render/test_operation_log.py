"""An operation's log: all of it, a line for each event, and nothing that moves a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import Exit, Failure, Probe
from pvdify.model.event import Event, EventKind, Outcome, record_of
from pvdify.render.operation_log import operation_log

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

FAILURE = Failure(
    phase="probe",
    message="cannot give the traffic to v3 of blog: it never answered well",
    code="unhealthy",
    hint="read more with `pvdify logs blog --release v3`",
    probe=Probe(target="http://127.0.0.1:20001/health", status=503, body="no\ndatabase", latency_ms=12.3, attempts=87),
    exit=Exit(unit="pvdify-blog-v3-web-1.service", status=1),
    log_tail=("starting", "\x1b[31mgiving up\x1b[0m\x07", "\u202etxt"),
    unchanged="v2 still serves",
)
EVENTS = (
    Event(
        seq=0,
        at="2026-01-31T09:00:00.123Z",
        kind=EventKind.ACCEPTED,
        data={"id": "20260131-090000-123k7qz", "name": "releases.create", "app": "blog", "actor": "ada"},
    ),
    Event(seq=1, at="2026-01-31T09:00:00.130Z", kind=EventKind.BEGIN, step="pull"),
    Event(seq=2, at="2026-01-31T09:00:00.600Z", kind=EventKind.PROGRESS, step="pull", text="2 of 5 layers"),
    Event(seq=3, at="2026-01-31T09:00:01.000Z", kind=EventKind.DONE, step="pull", ms=870.0),
    Event(seq=4, at="2026-01-31T09:00:01.001Z", kind=EventKind.NOTE, step="pull", text="release v3\nof blog"),
    Event(seq=5, at="2026-01-31T09:00:01.002Z", kind=EventKind.BEGIN, step="probe"),
    Event(
        seq=6,
        at="2026-01-31T09:00:31.002Z",
        kind=EventKind.END,
        outcome=Outcome.FAILED,
        text=FAILURE.message,
        failure=FAILURE,
    ),
)


def log_of(*events: Event) -> str:
    record = record_of(events)
    assert record is not None
    return operation_log(record)


def test_a_failed_deploy_is_told_in_full(golden: SnapshotAssertion) -> None:
    assert log_of(*EVENTS) == golden(name="_log/failed-deploy.txt")


def test_every_event_is_a_line() -> None:
    assert len(EVENTS) == sum(line.startswith("2026-") for line in log_of(*EVENTS).splitlines())


def test_one_on_its_way_is_told_as_far_as_it_is() -> None:
    assert log_of(*EVENTS[:3]) == "".join(log_of(*EVENTS).splitlines(keepends=True)[:3])


def test_what_went_well_and_what_was_left_are_said_in_a_word() -> None:
    end = msgspec.structs.replace(EVENTS[6], outcome=Outcome.DONE, text="v3 of blog is live", failure=None)
    left = Event(seq=6, at="2026-01-31T09:00:31.002Z", kind=EventKind.FAILED, step="route", text="no router")

    assert log_of(*EVENTS[:6], end).endswith("done: v3 of blog is live\n")
    assert log_of(*EVENTS[:6], left).endswith("route            failed: no router\n")


def test_nothing_that_others_wrote_moves_a_cursor() -> None:
    assert not [char for char in log_of(*EVENTS) if ord(char) < 32 and char != "\n"]
    assert "\u202e" not in log_of(*EVENTS)
