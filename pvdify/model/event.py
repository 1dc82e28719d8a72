"""Events: the lines of an operation's journal, and what they add up to."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pvdify.errors import Failure


class EventKind(StrEnum):
    """What a line of the journal says."""

    ACCEPTED = "accepted"
    BEGIN = "begin"
    DONE = "done"
    NOTE = "note"
    PROGRESS = "progress"
    FAILED = "failed"
    END = "end"


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNDONE = "undone"
    CANCELLED = "cancelled"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: a step is written before it is begun, and again when it is done."""

    seq: int
    at: str
    kind: EventKind
    step: str = ""
    text: str = ""
    ms: float | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    data: dict[str, str | int | float | bool | None] = msgspec.field(default_factory=dict)


class Accepted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first thing that is known of an operation; the data of its first event."""

    id: str
    name: str
    app: str
    actor: str
    at: str
    release: int | None = None


class OperationRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A journal, read as a whole."""

    id: str
    name: str
    app: str
    actor: str
    started_at: str
    release: int | None = None
    from_release: int | None = None
    outcome: Outcome | None = None
    ended_at: str = ""
    step: str = ""
    has_switched: bool = False
    switched_at: str = ""
    boot_id: str = ""
    failure: Failure | None = None
    text: str = ""
    answered: int | None = None
    generation: int | None = None
    config: int | None = None
    serving_ms: float | None = None
    url: str = ""
    events: tuple[Event, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the journal has its end."""
        return self.outcome is not None


def record_of(events: tuple[Event, ...]) -> OperationRecord | None:
    """What *events* add up to; None where even the first line never reached the disk."""
    if not events or events[0].kind is not EventKind.ACCEPTED:
        return None
    first = events[0]
    data = first.data
    release, from_release = data.get("release"), None
    outcome: Outcome | None = None
    ended_at = step = switched_at = ""
    failure: Failure | None = None
    has_switched = False
    last = first
    for event in events[1:]:
        if event.kind is EventKind.BEGIN:
            step = event.step
        if event.kind is EventKind.NOTE and "release" in event.data:
            release, from_release = event.data["release"], event.data.get("from_release")
        if event.kind is EventKind.DONE and event.step == "switch":
            has_switched, switched_at = True, event.at
        if event.kind is EventKind.END:
            outcome, ended_at, last = event.outcome, event.at, event
        failure = event.failure or failure
    answered, config, generation, serving_ms = (
        last.data.get(name) for name in ("release", "config", "generation", "serving_ms")
    )
    return OperationRecord(
        id=str(data["id"]),
        name=str(data["name"]),
        app=str(data["app"]),
        actor=str(data["actor"]),
        started_at=first.at,
        release=release if isinstance(release, int) else None,
        from_release=from_release if isinstance(from_release, int) else None,
        outcome=outcome,
        ended_at=ended_at,
        step=step,
        has_switched=has_switched,
        switched_at=switched_at,
        boot_id=str(data.get("boot_id", "")),
        failure=failure,
        text=last.text,
        answered=answered if isinstance(answered, int) else None,
        config=config if isinstance(config, int) else None,
        generation=generation if isinstance(generation, int) else None,
        serving_ms=serving_ms if isinstance(serving_ms, int | float) else None,
        url=str(last.data.get("url") or ""),
        events=events,
    )
