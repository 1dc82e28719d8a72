"""Journals: one file per operation, one JSON line per event, each safe on the disk before what it announces is done.

A file is called `<id>.<app>.jsonl` (`<id>.jsonl` where the operation concerns no single app), so that one app's operations are
found without opening a file. Whoever runs the operation holds a lock on its journal; once the end is written, the file becomes
read-only, so that looking for unfinished ones opens no finished one. Both are short cuts: the lines are the truth.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import StateError
from pvdify.model.bookmark import OPERATION_PATTERN
from pvdify.model.event import Event, EventKind, record_of
from pvdify.model.patterns import closed
from pvdify.store.files import PRIVATE, read_at, told, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from pvdify.errors import Failure
    from pvdify.model.event import Accepted, OperationRecord, Outcome
    from pvdify.store.reserve import Reserve

    Data = Mapping[str, str | int | float | bool | None]

FINISHED: Final = 0o400
_EVENT: Final = msgspec.json.Decoder(Event)
_NAME: Final = re.compile(closed(rf"(?P<id>{OPERATION_PATTERN})(?:\.(?P<app>[a-z0-9-]{{1,40}}))?\.jsonl"))


@dataclass(frozen=True, slots=True, order=True)
class JournalFile:
    """A journal by its name alone."""

    id: str
    app: str
    name: str


def file_named(name: str) -> JournalFile | None:
    """The journal that a file is, if it is one.

    >>> file_named("20261123-203700-123k7qz.blog.jsonl")
    JournalFile(id='20261123-203700-123k7qz', app='blog', name='20261123-203700-123k7qz.blog.jsonl')
    """
    match = _NAME.search(name)
    return JournalFile(match["id"], match["app"] or "", name) if match else None


def stamp_of(now: datetime) -> str:
    """*now* as it is written everywhere: ISO 8601, UTC, milliseconds."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Lines:
    """What is to be read of a journal; *size* is where the whole lines end and a torn one begins."""

    events: tuple[Event, ...]
    size: int

    def record(self) -> OperationRecord | None:
        """What they add up to; None where even the first line never reached the disk."""
        return record_of(self.events)


def lines_of(text: bytes, *, first: int = 0) -> Lines:
    """Read lines, of which the first has number *first*, up to one that is torn.

    A power cut can only have spoiled what was not yet safe, and that is at the end.
    """
    events: list[Event] = []
    size = 0
    for line in text.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            event = _EVENT.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            break
        if event.seq != first + len(events):
            break
        events.append(event)
        size += len(line)
    return Lines(tuple(events), size)


class Journal:
    """The journal of an operation that this process runs."""

    def __init__(
        self, descriptor: int, path: Path, lines: Lines, *, reserve: Reserve, now: Callable[[], datetime]
    ) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._size = lines.size
        self._seq = len(lines.events)
        self._reserve = reserve
        self._now = now

    def accept(self, accepted: Accepted, boot_id: str) -> Event:
        """Write the first line."""
        data: dict[str, str | int | float | bool | None] = {
            "id": accepted.id,
            "name": accepted.name,
            "app": accepted.app,
            "actor": accepted.actor,
            "boot_id": boot_id,
        }
        if accepted.release is not None:
            data["release"] = accepted.release
        return self._append(Event(seq=self._seq, at=accepted.at, kind=EventKind.ACCEPTED, data=data))

    def write(
        self,
        kind: EventKind,
        *,
        step: str = "",
        text: str = "",
        ms: float | None = None,
        outcome: Outcome | None = None,
        failure: Failure | None = None,
        data: Data | None = None,
    ) -> Event:
        """Write one line; it is safe when this returns, unless it only tells of progress. Nothing may follow the end."""
        return self._append(
            Event(
                seq=self._seq,
                at=stamp_of(self._now()),
                kind=kind,
                step=step,
                text=text,
                ms=ms,
                outcome=outcome,
                failure=failure,
                data=dict(data or {}),
            )
        )

    def close(self) -> None:
        """Let go of the journal without an end: from here on the operation counts as dead."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _append(self, event: Event) -> Event:
        descriptor = self._descriptor
        if descriptor is None:
            raise StateError(f"cannot write to the journal {self._path}: it is closed")
        line = msgspec.json.encode(event) + b"\n"
        with told(f"write the journal {self._path}"):
            self._reserve.spend(lambda: self._put(descriptor, line))
            self._size += len(line)
            self._seq += 1
            if event.kind is not EventKind.PROGRESS:
                self._sync(descriptor)
            if event.kind is EventKind.END:
                os.fchmod(descriptor, FINISHED)
                self.close()
        return event

    def _sync(self, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError:
            self.close()  # nobody knows what of it is on the disk: whoever recovers the operation will see
            raise

    def _put(self, descriptor: int, line: bytes) -> None:
        try:
            write_whole(descriptor, line)
        except OSError:
            os.ftruncate(descriptor, self._size)  # half a line would hide all that follow it
            raise


def read_lines(path: Path) -> Lines:
    """The lines of a journal; none if it is not there (any more)."""
    with told(f"read the journal {path}"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return Lines((), 0)
        try:
            return lines_of(read_at(descriptor))
        finally:
            os.close(descriptor)


def opened(path: Path, *, new: bool) -> int:
    """Open a journal to append to it."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if new else 0)
    return os.open(path, flags, PRIVATE)
