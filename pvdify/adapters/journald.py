"""The journal, through systemd's own library: what containers wrote, and what the kernel did to them.

A container's lines come from conmon and have `CONTAINER_NAME`; `LogExtraFields=` of its unit adds `PVDIFY_APP` and its kin. Podman's own
remarks on the container have the unit's fields too, but no `CONTAINER_NAME`. conmon writes a long line in parts, and a last one without
its end as a part that nothing follows.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from pvdify.adapters.process import run
from pvdify.errors import HostError, SpecError
from pvdify.model.names import instance_of
from pvdify.ports import LogLine, LogQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from systemd.journal import Reader

    from pvdify.model.names import UnitName

_BATCH: Final = 500
_LOOK_AGAIN: Final = 1.0
_LONGEST: Final = 1024 * 1024
_ERROR: Final = 3
_ROOT: Final = "0"
"""Whose process wrote an entry: conmon's and systemd's are root's, and what anybody else calls a line of an app is none."""
_OUT_OF_MEMORY: Final = "fe6faa94e7774663a0da52717891d8ef"
"""`SD_MESSAGE_UNIT_OUT_OF_MEMORY` in systemd's sd-messages.h."""
_SECONDS: Final = re.compile(r"UNIX seconds: @(\d+(?:\.\d+)?)")


class Journald:
    """`Logs` of this machine."""

    async def read(self, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        since = await moment(query.since) if query.since else None
        with closing(await anyio.to_thread.run_sync(_reader, query)) as reader:
            tape = _Tape(reader, query)
            await tape.rewind(since)
            while True:
                lines, is_end = await anyio.to_thread.run_sync(tape.batch)
                for line in lines:
                    yield line
                if is_end and not query.follow:
                    break
                if is_end and not await _stirs(reader):
                    for line in tape.unfinished():
                        yield line
            for line in tape.unfinished():
                yield line

    async def tail(self, unit: UnitName, *, since: datetime | None, lines: int) -> tuple[str, ...]:
        await _written()
        query = LogQuery(app="", unit=unit, lines=lines)
        with closing(await anyio.to_thread.run_sync(_reader, query)) as reader:
            tape = _Tape(reader, query)
            await tape.rewind(since)
            found: list[LogLine] = []
            is_end = False
            while not is_end:
                batch, is_end = await anyio.to_thread.run_sync(tape.batch)
                found += batch
            found += tape.unfinished()
        return tuple(line.text for line in found[max(0, len(found) - lines) :])

    async def was_oom_killed(self, unit: UnitName, *, since: datetime | None) -> bool:
        await _written()
        return await anyio.to_thread.run_sync(partial(_was_oom_killed, unit, since))


async def moment(text: str) -> datetime:
    """The time that *text* means to systemd (`yesterday`, `2 hours ago`, `-1h`), in ISO 8601, or how long ago (`90s`, `10m`)."""
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except ValueError:
        pass
    for candidate in (text.strip(), f"-{text.strip()}"):
        done = await run("systemd-analyze", "timestamp", "--", candidate)
        match = _SECONDS.search(done.stdout)
        if match and not done.returncode:
            return datetime.fromtimestamp(float(match[1]), UTC)
    raise SpecError(
        f"cannot read {text[:40]!r} as a time", pointer="/since", hint="write 10m, yesterday or 2026-01-31 12:00"
    )


class _Tape:
    """The lines that fit a query, read in small batches, so that whoever waits for them can stop waiting."""

    def __init__(self, reader: Reader, query: LogQuery) -> None:
        self._reader = reader
        self._query = query
        self._parts: dict[tuple[int | None, str], LogLine] = {}
        self._wanted = query.lines or 0
        self._first: dict[str, Any] | None = None

    async def rewind(self, since: datetime | None) -> None:
        """Go to the first line that is wanted."""
        if self._query.after_cursor is not None:
            try:
                self._reader.seek_cursor(self._query.after_cursor)
            except (OSError, ValueError) as error:
                raise SpecError("cannot go on with the logs: that is no cursor", pointer="/after") from error
        elif self._query.lines is None:
            self._seek(since)
        elif self._query.lines == 0:
            await anyio.to_thread.run_sync(self._to_the_end)
        else:
            self._reader.seek_tail()
            while not await anyio.to_thread.run_sync(self._step_back, since):
                pass

    def batch(self) -> tuple[list[LogLine], bool]:
        """The next lines that fit, and whether there are no more now."""
        found: list[LogLine] = []
        for _ in range(_BATCH):
            entry = self._reader.get_next()
            if not entry:
                return found, True
            line = _line(entry)
            if line is None or line.cursor == self._query.after_cursor:
                continue
            owner = (line.release, line.instance)
            begun = self._parts.pop(owner, None)
            if begun is not None:
                line = replace(line, text=begun.text + line.text)
            if _is_part(entry) and len(line.text) < _LONGEST:
                self._parts[owner] = line
            elif _fits(line, self._query):
                found.append(line)
        return found, False

    def unfinished(self) -> tuple[LogLine, ...]:
        """Lines whose end has not come."""
        lines = tuple(line for line in self._parts.values() if _fits(line, self._query))
        self._parts.clear()
        return lines

    def _step_back(self, since: datetime | None) -> bool:
        """Look at earlier entries; whether the reader now stands before the first line that is wanted."""
        for _ in range(_BATCH):
            entry = self._reader.get_previous()
            if not entry or (since is not None and entry["__REALTIME_TIMESTAMP"] < since):
                self._seek(since)
                return True
            line = _line(entry)
            if line is None or (self._wanted and not _fits(line, self._query)):
                continue
            if not self._wanted and not (_is_part(entry) and _is_of_one(entry, self._first)):
                self._reader.seek_cursor((self._first or entry)["__CURSOR"])
                return True
            self._wanted -= 0 if _is_part(entry) else 1
            self._first = entry
        return False

    def _to_the_end(self) -> None:
        self._reader.seek_tail()
        if not self._reader.get_previous():
            self._reader.seek_head()

    def _seek(self, since: datetime | None) -> None:
        if since is None:
            self._reader.seek_head()
        else:
            self._reader.seek_realtime(since.timestamp())


def _reader(query: LogQuery) -> Reader:
    reader = _opened()
    reader.add_match(_UID=_ROOT)
    if query.unit is not None:
        reader.add_match(CONTAINER_NAME=query.unit.removesuffix(".service"))
    else:
        reader.add_match(PVDIFY_APP=query.app)
    if query.process is not None:
        reader.add_match(PVDIFY_PROCESS=query.process)
    if query.release is not None:
        reader.add_match(PVDIFY_RELEASE=f"v{query.release}")
    return reader


def _opened() -> Reader:
    from systemd import journal

    flags = journal.LOCAL_ONLY | journal.SYSTEM
    return journal.Reader(flags=flags, converters={"__REALTIME_TIMESTAMP": _utc})


def _utc(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


async def _stirs(reader: Reader) -> bool:
    """Wait until something is written to the journal, at most a moment; whether it was."""
    try:
        watch = reader.fileno()
    except OSError as error:
        raise HostError(
            f"cannot follow the logs: {os.strerror(error.errno or 0).lower()}",
            hint="see how many watches on files root may have with `sysctl fs.inotify.max_user_instances`",
        ) from error
    with anyio.move_on_after(_LOOK_AGAIN) as waiting:
        await anyio.wait_readable(watch)
    reader.process()
    return not waiting.cancelled_caught


async def _written() -> None:
    """Wait until what was said until now stands in the journal: the last words of a container may still be on their way."""
    await run("journalctl", "--sync", timeout=10)


def _fits(line: LogLine, query: LogQuery) -> bool:
    """Whether *line* has the text that is looked for; capitals count only where they were asked for.

    Plain text and not an expression: no pattern that somebody sends can keep a process busy for ever.
    """
    if query.grep is None:
        return True
    return query.grep in (line.text.lower() if query.grep == query.grep.lower() else line.text)


def _is_part(entry: dict[str, Any]) -> bool:
    return "CONTAINER_PARTIAL_MESSAGE" in entry


def _is_of_one(entry: dict[str, Any], other: dict[str, Any] | None) -> bool:
    return other is not None and entry["CONTAINER_NAME"] == other["CONTAINER_NAME"]


def _line(entry: dict[str, Any]) -> LogLine | None:
    """*entry* as an app's line; None if it is somebody else's about the app."""
    instance = instance_of(str(entry.get("CONTAINER_NAME", "")))
    if instance is None or "PODMAN_EVENT" in entry:
        return None
    message = entry.get("MESSAGE", "")
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    at: datetime = entry["__REALTIME_TIMESTAMP"]
    return LogLine(
        at=at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        instance=instance.short,
        release=instance.version,
        text=text.removesuffix("\n"),
        is_error=entry.get("PRIORITY", _ERROR + 1) <= _ERROR,
        cursor=str(entry["__CURSOR"]),
    )


def _was_oom_killed(unit: UnitName, since: datetime | None) -> bool:
    """Whether systemd said so of *unit*, or the kernel of a control group in it."""
    with closing(_opened()) as reader:
        reader.add_match(MESSAGE_ID=_OUT_OF_MEMORY)
        reader.add_match(UNIT=unit)
        reader.add_match(_UID=_ROOT)
        if any(True for _ in _entries(reader, since)):
            return True
    with closing(_opened()) as reader:
        reader.this_boot()
        reader.add_match(_TRANSPORT="kernel")
        told = (str(entry.get("MESSAGE", "")) for entry in _entries(reader, since))
        return any(text.startswith("oom-kill:") and f"/{unit}" in text for text in told)


def _entries(reader: Reader, since: datetime | None) -> Iterator[dict[str, Any]]:
    if since is None:
        reader.seek_head()
    else:
        reader.seek_realtime(since.timestamp())
    while entry := reader.get_next():
        yield entry
