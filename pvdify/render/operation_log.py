"""An operation as a log: one line for each event, and what made it fail, in full."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pvdify.model.event import EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.errors import Failure, Probe
    from pvdify.model.event import Event, OperationRecord

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_STEPS: Final = {EventKind.ACCEPTED: "accept", EventKind.END: "end"}
_STEP: Final = 16
_NAME: Final = 10


def operation_log(record: OperationRecord) -> str:
    """All that *record* tells, for a person; what others wrote is made printable."""
    return "".join(f"{line}\n" for event in record.events for line in _lines(record, event))


def _lines(record: OperationRecord, event: Event) -> Iterator[str]:
    step = event.step or _STEPS.get(event.kind, "")
    yield f"{event.at}  {step:<{_STEP}} {_printable(_text(record, event))}".rstrip()
    if event.failure is not None:
        yield from _failure(event.failure)


def _text(record: OperationRecord, event: Event) -> str:
    match event.kind:
        case EventKind.ACCEPTED:
            app = f" of {record.app}" if record.app else ""
            return f"{record.name}{app} by {record.actor}, operation {record.id}"
        case EventKind.BEGIN:
            return "begins"
        case EventKind.DONE:
            return _joined("done" if event.ms is None else f"done in {event.ms / 1000:.3f} s", event.text)
        case EventKind.NOTE | EventKind.PROGRESS:
            return event.text
        case EventKind.FAILED:
            return _joined("failed", event.text)
        case EventKind.END:
            return _joined(event.outcome or "end", event.text)


def _joined(word: str, text: str) -> str:
    return f"{word}: {text}" if text else word


def _failure(failure: Failure) -> Iterator[str]:
    pairs = (
        ("phase", [failure.phase]),
        ("reason", failure.message.split("\n")),
        ("code", [failure.code]),
        ("probe", _probe(failure.probe) if failure.probe else []),
        ("ended", [failure.exit.words] if failure.exit else []),
        ("last lines", [*failure.log_tail]),
        ("unchanged", [failure.unchanged]),
        ("next", [failure.hint]),
    )
    for name, lines in pairs:
        for number, text in enumerate(lines if any(lines) else ()):
            yield f"    {'' if number else name:<{_NAME}}  {_printable(text)}".rstrip()


def _probe(probe: Probe) -> list[str]:
    times = f"{probe.attempts} times" if probe.attempts > 1 else "once"
    return [f"{probe.words} after {probe.latency_ms / 1000:.3f} s, asked {times}", *probe.body.splitlines()]


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), _COLOUR.sub("", text))
