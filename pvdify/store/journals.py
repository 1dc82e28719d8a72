"""All journals of a host: begin one, find some, go on with a dead one, forget old ones."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pvdify.errors import AppBusyError, NotFoundError, StateError
from pvdify.model.bookmark import bookmark
from pvdify.store.files import sync_directory, told
from pvdify.store.journal import FINISHED, Journal, JournalFile, Lines, file_named, opened, read_lines
from pvdify.store.locks import is_locked, try_flock
from pvdify.store.tail import Tail
from pvdify.store.tally import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable
    from pathlib import Path

    from pvdify.model.event import Accepted, Event, OperationRecord
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve
    from pvdify.store.tally import Tally

_TIME: Final = "%Y%m%d-%H%M%S-%f"
_MILLISECOND: Final = timedelta(milliseconds=1)
_TELLING: Final = 10
_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Journals:
    """The directory `operations/`."""

    def __init__(self, settings: Settings, reserve: Reserve, now: Callable[[], datetime]) -> None:
        self._path = settings.operations
        self._reserve = reserve
        self._now = now
        self._tallies = Tallies(settings.operations)

    def new_id(self, now: datetime) -> str:
        """The time to the millisecond, and four letters; never before the newest id that is there.

        For example `20261123-203700-123k7qz`.
        """
        now = now.astimezone(UTC)
        newest = next((name for name in self._names() if file_named(name)), None)
        if newest:
            now = max(now, _behind(newest))
        letters = "".join(secrets.choice(_LETTERS) for _ in range(4))
        return f"{now.strftime(_TIME)[:-3]}{letters}"

    def begin(self, accepted: Accepted, *, boot_id: str) -> Journal:
        """Make the file, hold it, and write the first line."""
        name = f"{accepted.id}.{accepted.app}.jsonl" if accepted.app else f"{accepted.id}.jsonl"
        path = self._path / name
        if not file_named(name):
            raise StateError(f"cannot begin the journal {path}: {accepted.id} is no operation's id")
        with told(f"begin the journal {path}"):
            descriptor = self._reserve.spend(lambda: opened(path, new=True))
            journal = Journal(descriptor, path, Lines((), 0), reserve=self._reserve, now=self._now)
            try:
                try_flock(descriptor)
                journal.accept(accepted, boot_id)
                sync_directory(self._path)
            except BaseException:
                path.unlink(missing_ok=True)
                journal.close()
                raise
        return journal

    def resume(self, id_: str) -> Journal:
        """Hold a dead operation's journal, cut off a torn line, and go on behind it."""
        path = self._found(id_)
        with told(f"go on with the journal {path}"):
            descriptor = opened(path, new=False)
            try:
                lines = self._held(descriptor, path, id_)
                os.ftruncate(descriptor, lines.size)
            except BaseException:
                os.close(descriptor)
                raise
        return Journal(descriptor, path, lines, reserve=self._reserve, now=self._now)

    def record(self, id_: str) -> OperationRecord | None:
        """One operation."""
        file = self._file(id_)
        return read_lines(self._path / file.name).record() if file else None

    def records(self, app: str | None, *, unfinished_only: bool, limit: int | None) -> tuple[OperationRecord, ...]:
        """Operations, newest first."""
        found: list[OperationRecord] = []
        for file in self._files(app):
            if limit is not None and len(found) >= limit:
                break
            if unfinished_only and self._is_marked(file):
                continue
            record = read_lines(self._path / file.name).record()
            if record is not None and not (unfinished_only and record.is_over):
                found.append(record)
        return tuple(found)

    def tail(self, id_: str, after: int) -> tuple[Event, ...]:
        """The events behind number *after*."""
        file = self._file(id_)
        return read_lines(self._path / file.name).events[max(0, after + 1) :] if file else ()

    def news(self, after: str | None) -> Tail:
        """A tail of all of them."""
        return Tail(self._path, bookmark(after) if after else None)

    def tallies(self, count: int) -> tuple[Tally, ...]:
        """The newest ones, counted."""
        return self._tallies.newest(count)

    def is_running(self, id_: str) -> bool:
        """Whether the journal is held."""
        file = self._file(id_)
        return file is not None and self._is_locked(file)

    def collect(self, keep: int, apps: Collection[str]) -> int:
        """Remove what is finished and tells nothing any more; the apps that are gone share one quota."""
        groups: dict[str | None, list[JournalFile]] = {}
        for file in self._files():
            is_there = file.app in apps or not file.app
            groups.setdefault(file.app if is_there else None, []).append(file)
        old = [file for app, files in groups.items() for file in self._useless(files, keep, is_there=app is not None)]
        with told(f"collect in {self._path}"):
            for file in old:
                (self._path / file.name).unlink(missing_ok=True)
        return len(old)

    def _useless(self, files: list[JournalFile], keep: int, *, is_there: bool) -> list[JournalFile]:
        """What can go of one app's journals, newest first: what says alone what became of a release stays ten times as long."""
        if len(files) <= keep:
            return []
        told: set[Hashable] = set()
        useless = []
        for number, file in enumerate(files):
            record = read_lines(self._path / file.name).record()
            if record is None or not record.is_over:
                if record is None and number >= keep and not self._is_locked(file):
                    useless.append(file)  # killed before its first line was safe: nobody was told of it
                continue
            news = _tells(record) - told if is_there and number < _TELLING * keep else set()
            told |= news
            if number >= keep and not news:
                useless.append(file)
        return useless

    def _names(self) -> list[str]:
        """What is there, newest first."""
        with told(f"read {self._path}"):
            try:
                names = [path.name for path in self._path.iterdir()]
            except FileNotFoundError:
                return []
        return sorted(names, reverse=True)

    def _files(self, app: str | None = None) -> list[JournalFile]:
        """The journals, of *app* or of all, newest first."""
        end = None if app is None else (f".{app}.jsonl" if app else ".jsonl")
        wanted = (name for name in self._names() if end is None or name.endswith(end))
        found = [file for name in wanted if (file := file_named(name))]
        return [file for file in found if app is None or file.app == app]

    def _file(self, id_: str) -> JournalFile | None:
        return next((file for file in self._files() if file.id == id_), None)

    def _found(self, id_: str) -> Path:
        file = self._file(id_)
        if file is None:
            raise NotFoundError(f"cannot find operation {id_}", hint="list an app's with `pvdify operations APP`")
        return self._path / file.name

    def _held(self, descriptor: int, path: Path, id_: str) -> Lines:
        if not try_flock(descriptor):
            raise AppBusyError(path.name.split(".")[1] if path.name.count(".") > 1 else "the host", f"operation {id_}")
        lines = read_lines(path)
        record = lines.record()
        if record is None or record.is_over:
            reason = "it has its end" if record else "nothing was written to it"
            raise StateError(f"cannot go on with operation {id_}: {reason}")
        return lines

    def _is_marked(self, file: JournalFile) -> bool:
        """Whether the file says, without being opened, that it has its end."""
        try:
            return (self._path / file.name).stat().st_mode & 0o777 == FINISHED
        except FileNotFoundError:
            return True

    def _is_locked(self, file: JournalFile) -> bool:
        with told(f"look at the journal {file.name}"):
            try:
                descriptor = os.open(self._path / file.name, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            try:
                return is_locked(descriptor)
            finally:
                os.close(descriptor)


def _behind(name: str) -> datetime:
    """The millisecond after the one in *name*."""
    try:
        return datetime.strptime(name[:19], _TIME).replace(tzinfo=UTC) + _MILLISECOND
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _tells(record: OperationRecord) -> set[Hashable]:
    """What only the newest of an app's operations is asked for: what became of a release, and who took the traffic from it."""
    tells: set[Hashable] = set()
    if record.release is not None:
        tells.add((record.name, record.has_switched, "to", record.release))
    if record.from_release is not None:
        tells.add((record.name, record.has_switched, "from", record.from_release))
    return tells
