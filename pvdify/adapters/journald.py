"""The journal, through systemd's own library: what containers wrote, and what the kernel did to them.

A container's lines come from conmon and have `CONTAINER_NAME`; `LogExtraFields=` of its unit adds `PVDIFY_APP` and its kin. Podman's own
remarks on the container have the unit's fields too, but no `CONTAINER_NAME`.
"""

from __future__ import annotations

import re
from collections import deque
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from pvdify.adapters.process import run
from pvdify.errors import SpecError
from pvdify.model.names import instance_of
from pvdify.model.patterns import closed
from pvdify.ports import LogLine, LogQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from systemd.journal import Reader

    from pvdify.model.names import UnitName

_BATCH: Final = 500
_LOOK_AGAIN: Final = 1.0
_AGO: Final = re.compile(closed(r"(?P<number>[0-9]{1,6})\s*(?P<unit>s|min|m|h|d)(?: ago)?"))
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_ERROR: Final = 3
_OUT_OF_MEMORY: Final = "fe6faa94e7774663a0da52717891d8ef"
"""`SD_MESSAGE_UNIT_OUT_OF_MEMORY` in systemd's sd-messages.h."""


class Journald:
    """`Logs` of this machine. `grep` is plain text that a line contains, not an expression: nobody's pattern can take for ever."""

    async def read(self, query: LogQuery) -> AsyncIterator[LogLine]:
        since = moment(query.since, now=datetime.now(UTC)) if query.since else None
        reader = await anyio.to_thread.run_sync(_reader, query)
        with closing(reader):
            for line in await anyio.to_thread.run_sync(_history, reader, query, since):
                yield line
            while query.follow:
                for line in await anyio.to_thread.run_sync(_batch, reader, query):
                    yield line
                with anyio.move_on_after(_LOOK_AGAIN):
                    await anyio.wait_readable(reader.fileno())
                reader.process()

    async def tail(self, unit: UnitName, *, since: datetime | None, lines: int) -> tuple[str, ...]:
        await run("journalctl", "--sync")  # what a container wrote just before it died may still be on its way
        query = LogQuery(app="", unit=unit, lines=lines)
        reader = await anyio.to_thread.run_sync(_reader, query)
        with closing(reader):
            found = await anyio.to_thread.run_sync(_history, reader, query, since)
        return tuple(line.text for line in found)

    async def was_oom_killed(self, unit: UnitName, *, since: datetime | None) -> bool:
        return await anyio.to_thread.run_sync(partial(_was_oom_killed, unit, since=since))


def moment(text: str, *, now: datetime) -> datetime:
    """The time that *text* means: ISO 8601, or how long ago (`90s`, `10m`, `2h`, `1d`).

    >>> moment("10m", now=datetime(2026, 1, 1, 12, tzinfo=UTC)).isoformat()
    '2026-01-01T11:50:00+00:00'
    """
    match = _AGO.search(text.strip())
    if match:
        return now - timedelta(seconds=int(match["number"]) * _UNITS[match["unit"]])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        message = f"cannot read {text!r} as a time: write 10m, 2h, 1d or 2026-01-31T12:00:00"
        raise SpecError(message, pointer="/since") from error
    return found.astimezone(UTC)


def _reader(query: LogQuery) -> Reader:
    from systemd.journal import Reader

    reader = Reader()
    if query.unit is not None:
        reader.add_match(CONTAINER_NAME=query.unit.removesuffix(".service"))
    else:
        reader.add_match(PVDIFY_APP=query.app)
    if query.process is not None:
        reader.add_match(PVDIFY_PROCESS=query.process)
    if query.release is not None:
        reader.add_match(PVDIFY_RELEASE=f"v{query.release}")
    return reader


def _history(reader: Reader, query: LogQuery, since: datetime | None) -> tuple[LogLine, ...]:
    """What is there already; afterwards *reader* stands behind it."""
    if query.after_cursor is not None:
        reader.seek_cursor(query.after_cursor)
        reader.get_next()  # the line itself was seen
        return tuple(_lines(reader, query))
    if query.lines is None or since is not None:
        if since is not None:
            reader.seek_realtime(since)
        else:
            reader.seek_head()
        return tuple(deque(_lines(reader, query), maxlen=query.lines))
    found: deque[LogLine] = deque()
    reader.seek_tail()
    newest = ""
    while len(found) < query.lines:
        entry = reader.get_previous()
        if not entry:
            break
        newest = newest or str(entry["__CURSOR"])
        line = _line(entry)
        if line is not None and _fits(line, query):
            found.appendleft(line)
    if newest:
        reader.seek_cursor(newest)
        reader.get_next()
    else:
        reader.seek_tail()
        reader.get_previous()
    return tuple(found)


def _batch(reader: Reader, query: LogQuery) -> tuple[LogLine, ...]:
    found: list[LogLine] = []
    for line in _lines(reader, query):
        found.append(line)
        if len(found) >= _BATCH:
            break
    return tuple(found)


def _lines(reader: Reader, query: LogQuery) -> Iterator[LogLine]:
    while entry := reader.get_next():
        line = _line(entry)
        if line is not None and _fits(line, query):
            yield line


def _fits(line: LogLine, query: LogQuery) -> bool:
    return query.grep is None or query.grep in line.text


def _line(entry: dict[str, Any]) -> LogLine | None:
    """*entry* as an app's line; None if it is somebody else's about the app."""
    instance = instance_of(str(entry.get("CONTAINER_NAME", "")))
    if instance is None or "PODMAN_EVENT" in entry:
        return None
    message = entry.get("MESSAGE", "")
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    at = entry["__REALTIME_TIMESTAMP"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return LogLine(
        at=at,
        instance=instance.short,
        release=instance.version,
        text=text.rstrip("\n"),
        is_error=entry.get("PRIORITY") == _ERROR,
        cursor=str(entry["__CURSOR"]),
    )


def _was_oom_killed(unit: UnitName, *, since: datetime | None) -> bool:
    from systemd.journal import Reader

    with closing(Reader()) as reader:
        reader.add_match(MESSAGE_ID=_OUT_OF_MEMORY)
        reader.add_match(UNIT=unit)
        if since is not None:
            reader.seek_realtime(since)
        else:
            reader.seek_head()
        return bool(reader.get_next())
