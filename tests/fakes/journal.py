"""A journal, a terminal and a clock in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio

from pvdify.model.names import UnitName, instance_of
from pvdify.ports import LogLine, LogQuery, Output

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@dataclass
class FakeLogs:
    """A journal that a test writes by `write`."""

    lines: list[tuple[UnitName, LogLine]] = field(default_factory=list)
    oom_killed: set[UnitName] = field(default_factory=set)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def write(self, unit: str, text: str, *, is_error: bool = False, at: datetime | None = None) -> None:
        """Let the container of *unit* write a line."""
        instance = instance_of(unit)
        number = len(self.lines)
        moment = at or datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
        line = LogLine(
            at=moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            instance=instance.short if instance else "",
            release=instance.version if instance else None,
            text=text,
            is_error=is_error,
            cursor=str(number),
        )
        self.lines.append((UnitName(unit), line))
        self._news.set()
        self._news = anyio.Event()

    async def read(self, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        found = [line for unit, line in self.lines if _fits(unit, line, query)]
        if query.lines is not None and query.after_cursor is None:
            found = found[max(0, len(found) - query.lines) :]
        seen = len(self.lines)
        for line in found:
            yield line
        while query.follow:
            while seen < len(self.lines):
                unit, line = self.lines[seen]
                seen += 1
                if _fits(unit, line, query):
                    yield line
            await self._news.wait()

    async def tail(self, unit: UnitName, *, since: datetime | None, lines: int) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        found = [
            line.text
            for owner, line in self.lines
            if owner == unit and (since is None or datetime.fromisoformat(line.at) >= since)
        ]
        return tuple(found[max(0, len(found) - lines) :])

    async def was_oom_killed(self, unit: UnitName, *, since: datetime | None) -> bool:
        await anyio.lowlevel.checkpoint()
        return unit in self.oom_killed


@dataclass
class FakeConsole:
    """A terminal where nothing is typed, and where programs write what they were given."""

    status: int = 0
    ran: list[tuple[tuple[str, ...], bool]] = field(default_factory=list)
    says: tuple[Output, ...] = ()
    hangs: bool = False
    """Whether programs go on after what they write, until they are killed."""
    killed: list[tuple[str, ...]] = field(default_factory=list)

    async def run(self, argv: tuple[str, ...], *, interactive: bool) -> int:
        await anyio.lowlevel.checkpoint()
        self.ran.append((argv, interactive))
        return self.status

    async def stream(self, argv: tuple[str, ...]) -> AsyncGenerator[Output, None]:
        self.ran.append((argv, False))
        is_over = False
        try:
            for output in self.says:
                await anyio.lowlevel.checkpoint()
                yield output
            if self.hangs:
                await anyio.sleep_forever()
            is_over = True
            yield Output(status=self.status)
        finally:
            if not is_over:
                self.killed.append(argv)


@dataclass
class FakeClock:
    """A clock that goes on by *tick* whenever someone looks at it."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    tick: timedelta = timedelta(milliseconds=1)
    boot: str = "00000000-0000-4000-8000-000000000001"

    def now(self) -> datetime:
        self.at += self.tick
        return self.at

    def boot_id(self) -> str:
        return self.boot


def _fits(unit: UnitName, line: LogLine, query: LogQuery) -> bool:
    instance = instance_of(unit)
    if instance is None or instance.app != query.app:
        return False
    return (
        (query.process is None or instance.process == query.process)
        and (query.release is None or instance.version == query.release)
        and (query.unit is None or unit == query.unit)
        and (query.since is None or line.at >= query.since)
        and (query.grep is None or query.grep in (line.text.lower() if query.grep == query.grep.lower() else line.text))
        and (query.after_cursor is None or int(line.cursor) > int(query.after_cursor))
    )
