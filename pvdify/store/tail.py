"""A tail of all journals of a host: what is written to any of them, in the order in which it happened.

One look costs the same however many operations are over: the directory is read only when its modification time says that something
came or went, and of the journals only those that have no end yet are looked at, by their size.
"""

from __future__ import annotations

import heapq
import os
import time
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from pvdify.model.bookmark import Bookmark, accepted_at, mark_before, mark_of
from pvdify.model.event import EventKind
from pvdify.store.files import read_at, told
from pvdify.store.journal import FINISHED, JournalFile, file_named, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pvdify.model.event import Event

_SURE: Final = 100_000_000
"""Nanoseconds after which another change of a directory has another modification time."""
_id: Final = attrgetter("id")
_START: Final = "00000000-000000-000"


@dataclass(frozen=True, slots=True)
class Told:
    """An event, whose it is, and the cursor behind it; *first* is the operation's first event."""

    cursor: str
    operation: str
    first: Event
    event: Event


@dataclass(slots=True)
class _Open:
    """A journal that is not told to its end: *size* bytes of it are read."""

    file: JournalFile
    size: int = 0
    read: int = 0
    first: Event | None = None
    at: str = ""
    is_over: bool = False


@dataclass(slots=True)
class Tail:
    """The journals in *path*, from a bookmark on, or from now on."""

    path: Path
    bookmark: Bookmark | None = None
    _known: set[str] = field(default_factory=set)
    _waiting: deque[JournalFile] = field(default_factory=deque)
    _open: dict[str, _Open] = field(default_factory=dict)
    _heap: list[tuple[str, str, int, Event]] = field(default_factory=list)
    _told: dict[str, int] = field(default_factory=dict)
    _mark: str = _START
    _sure_to: str = _START
    _modified: int = -1

    def __post_init__(self) -> None:
        """Find what is there; without a bookmark it is known, whatever it says."""
        with told(f"read {self.path}"):
            self._look_around()
            if self.bookmark is None:
                self._know_all()
            else:
                self._skip(self.bookmark)

    def news(self, limit: int) -> tuple[Told, ...]:
        """At most *limit* of the next events; none if there are none now. What only tells of progress is left out."""
        found: list[Told] = []
        with told(f"read {self.path}"):
            self._look_around()
            for one in [*self._open.values()]:
                self._read(one)
            while len(found) < limit:
                while self._waiting and (not self._heap or accepted_at(self._waiting[0].id) <= self._heap[0][0]):
                    self._open_next()
                if not self._heap:
                    break
                news = self._tell(heapq.heappop(self._heap))
                if news is not None:
                    found.append(news)
        return tuple(found)

    def _look_around(self) -> None:
        """Notice journals that are new."""
        modified = self.path.stat().st_mtime_ns
        if modified == self._modified:
            return
        is_sure = time.time_ns() - modified > _SURE
        with os.scandir(self.path) as entries:
            names = {entry.name for entry in entries}
        files = [file for name in names - self._known if (file := file_named(name))]
        self._known &= names
        self._modified = modified if is_sure else -1
        self._expect(files)

    def _expect(self, files: Iterable[JournalFile]) -> None:
        new = sorted(files, key=_id)
        if not new:
            return
        self._known.update(file.name for file in new)
        self._waiting = deque(sorted([*self._waiting, *new], key=_id))
        self._sure_to = max(self._sure_to, mark_before(new[-1].id))

    def _know_all(self) -> None:
        """Go to the end of every journal: only those that have no end, or that a cursor will name, are read."""
        while self._waiting:
            file = self._waiting.popleft()
            if file.id < self._sure_to and self._is_finished(file):
                continue
            self._told[file.id] = 0
            self._open[file.id] = one = _Open(file)
            self._read(one)
        while self._heap:
            self._tell(heapq.heappop(self._heap))

    def _skip(self, bookmark: Bookmark) -> None:
        """Leave out what *bookmark* knows; one that is ahead of all that is there comes from elsewhere, or from before a loss."""
        here = Bookmark(min(bookmark.mark, self._sure_to), bookmark.told)
        self._waiting = deque(file for file in self._waiting if here.known(file.id) is not None)
        self._told = {file.id: here.known(file.id) or 0 for file in self._waiting if file.id in here.told}

    def _open_next(self) -> None:
        file = self._waiting.popleft()
        self._told.setdefault(file.id, 0)
        self._open[file.id] = one = _Open(file)
        self._read(one)

    def _read(self, one: _Open) -> None:
        """Put what was written to a journal since the last look in its place among the others' events."""
        if one.is_over:
            return
        try:
            path = self.path / one.file.name
            if path.stat().st_size == one.size:
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._forget(one)
            return
        try:
            os.lseek(descriptor, one.size, os.SEEK_SET)
            lines = lines_of(read_at(descriptor), first=one.read)
        finally:
            os.close(descriptor)
        one.size += lines.size
        one.read += len(lines.events)
        known = self._told[one.file.id]
        for event in lines.events:
            one.first = one.first or event
            one.at = max(one.at, event.at)  # a clock that goes back must not mix up the lines of one journal
            one.is_over = event.kind is EventKind.END
            if event.seq >= known:
                heapq.heappush(self._heap, (one.at, one.file.id, event.seq, event))
        if one.is_over and one.read <= known:
            self._close(one.file.id)

    def _tell(self, entry: tuple[str, str, int, Event]) -> Told | None:
        _, id_, seq, event = entry
        one = self._open[id_]
        self._told[id_] = seq + 1
        if event.kind is EventKind.END:
            self._close(id_)
        if event.kind is EventKind.PROGRESS or one.first is None:
            return None
        return Told(self._here().text(), id_, one.first, event)

    def _close(self, id_: str) -> None:
        """All of a journal is told."""
        self._open.pop(id_, None)

    def _forget(self, one: _Open) -> None:
        """A journal is gone."""
        id_ = one.file.id
        self._heap = [entry for entry in self._heap if entry[1] != id_]
        heapq.heapify(self._heap)
        self._close(id_)
        self._told.pop(id_, None)

    def _here(self) -> Bookmark:
        """What is told by now."""
        mark = min(self._sure_to, mark_of(self._waiting[0].id)) if self._waiting else self._sure_to
        if mark != self._mark:
            self._mark = mark
            self._told = {id_: count for id_, count in self._told.items() if id_ in self._open or id_ >= mark}
        return Bookmark(mark, self._told)

    def _is_finished(self, file: JournalFile) -> bool:
        try:
            return (self.path / file.name).stat().st_mode & 0o777 == FINISHED
        except FileNotFoundError:
            return True
