"""What every `Logs` promises."""

from __future__ import annotations

from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.model.names import Instance
from pvdify.ports import LogQuery

if TYPE_CHECKING:
    from pvdify.ports import LogLine
    from tests.adapters.worlds import LogsWorld

APPS = count()


@pytest.fixture
def app() -> str:
    """An app that nobody wrote of before."""
    import os

    return f"logs-{os.getpid()}-{next(APPS)}"


async def lines(logs: LogsWorld, query: LogQuery, *, at_least: int = 0) -> list[LogLine]:
    """What is there, at least so much: a journal takes a moment to write a line."""
    with anyio.fail_after(10):
        while True:
            found = [line async for line in logs.port.read(query)]
            if len(found) >= at_least:
                return found
            await anyio.sleep(0.02)


def write(logs: LogsWorld, app: str, *texts: str, version: int = 1, process: str = "web") -> Instance:
    instance = Instance(app, version, process, 1)
    for text in texts:
        logs.write(instance.unit, text)
    return instance


async def test_lines_come_as_they_were_written_oldest_first(logs: LogsWorld, app: str) -> None:
    instance = write(logs, app, "one", "  two ")
    logs.write(instance.unit, "wrong", is_error=True)

    found = await lines(logs, LogQuery(app=app), at_least=3)

    assert [("one", False), ("  two ", False), ("wrong", True)] == [(line.text, line.is_error) for line in found]
    assert {("web-1", 1)} == {(line.instance, line.release) for line in found}
    assert sorted(line.at for line in found) == [line.at for line in found]
    assert all(line.at.endswith("Z") for line in found)


async def test_the_last_lines_are_the_newest(logs: LogsWorld, app: str) -> None:
    write(logs, app, *(f"line {number}" for number in range(20)))
    await lines(logs, LogQuery(app=app), at_least=20)

    assert ["line 18", "line 19"] == [line.text for line in await lines(logs, LogQuery(app=app, lines=2))]
    assert [] == await lines(logs, LogQuery(app=app, lines=0))
    assert 20 == len(await lines(logs, LogQuery(app=app, lines=None)))


async def test_lines_are_chosen_by_process_release_unit_and_text(logs: LogsWorld, app: str) -> None:
    write(logs, app, "Old web")
    worker = write(logs, app, "new worker", version=2, process="worker")
    write(logs, app, "new web 100%", version=2)
    await lines(logs, LogQuery(app=app), at_least=3)

    async def texts(query: LogQuery) -> list[str]:
        return [line.text for line in await lines(logs, query)]

    assert ["new worker"] == await texts(LogQuery(app=app, process="worker"))
    assert ["Old web"] == await texts(LogQuery(app=app, release=1))
    assert ["new worker"] == await texts(LogQuery(app=app, unit=worker.unit))
    assert ["Old web"] == await texts(LogQuery(app=app, grep="old"))
    assert [] == await texts(LogQuery(app=app, grep="OLD"))
    assert ["new web 100%"] == await texts(LogQuery(app=app, grep="100%"))
    assert [] == await texts(LogQuery(app=app, grep=".*"))
    assert ["new worker"] == await texts(LogQuery(app=app, grep="new", process="worker", lines=1))


async def test_reading_goes_on_behind_a_cursor(logs: LogsWorld, app: str) -> None:
    write(logs, app, "one", "two", "three")
    found = await lines(logs, LogQuery(app=app), at_least=3)

    rest = await lines(logs, LogQuery(app=app, after_cursor=found[0].cursor, lines=1))

    assert ["two", "three"] == [line.text for line in rest]
    assert [] == await lines(logs, LogQuery(app=app, after_cursor=found[2].cursor))


async def test_followed_lines_come_once_each_and_in_order(logs: LogsWorld, app: str) -> None:
    write(logs, app, "before 1", "before 2")
    await lines(logs, LogQuery(app=app), at_least=2)
    seen: list[str] = []

    with anyio.fail_after(20):
        async with aclosing(logs.port.read(LogQuery(app=app, lines=1, follow=True))) as followed:
            async for line in followed:
                seen.append(line.text)
                if len(seen) < 4:
                    write(logs, app, f"after {len(seen)}")
                else:
                    break

    assert ["before 2", "after 1", "after 2", "after 3"] == seen


async def test_the_tail_of_a_unit_is_its_own(logs: LogsWorld, app: str) -> None:
    mine = write(logs, app, "one", "two", "three")
    write(logs, app, "other", version=2)

    assert ("two", "three") == await logs.port.tail(mine.unit, since=None, lines=2)
    assert () == await logs.port.tail(Instance(app, 9, "web", 9).unit, since=None, lines=2)
    assert not await logs.port.was_oom_killed(mine.unit, since=None)
