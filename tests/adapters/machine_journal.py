"""The real journal, where it differs from a list of lines."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest
from systemd import journal

from pvdify.adapters.journald import Journald, moment
from pvdify.errors import SpecError
from pvdify.model.names import Instance
from pvdify.ports import LogQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.ports import LogLine

APPS = count()


@pytest.fixture
def web() -> Instance:
    return Instance(f"machine-{os.getpid()}-{next(APPS)}", 1, "web", 1)


def send(web: Instance, message: str, **fields: str) -> None:
    fields = {"CONTAINER_NAME": web.name, "PRIORITY": "6", "PVDIFY_APP": web.app, **fields}
    journal.send(message, **fields)


async def lines(query: LogQuery, *, at_least: int) -> list[LogLine]:
    with anyio.fail_after(10):
        while True:
            found = [line async for line in Journald().read(query)]
            if len(found) >= at_least:
                return found
            await anyio.sleep(0.02)


async def test_a_line_that_conmon_cut_is_one_line(web: Instance) -> None:
    other = Instance(web.app, 2, "web", 1)
    send(web, "x" * 8192, CONTAINER_PARTIAL_MESSAGE="true")
    send(other, "between\n")
    send(web, "y" * 8192, CONTAINER_PARTIAL_MESSAGE="true")
    send(web, "end\n")
    send(web, "last\n")

    found = await lines(LogQuery(app=web.app), at_least=3)

    assert ["between", "x" * 8192 + "y" * 8192 + "end", "last"] == [line.text for line in found]
    assert ("end", "last") == tuple(
        text[-4:].strip("y") for text in await Journald().tail(web.unit, since=None, lines=2)
    )


async def test_last_words_without_a_line_break_are_told(web: Instance) -> None:
    send(web, "panic: \n")
    send(web, "out of luck", CONTAINER_PARTIAL_MESSAGE="true")

    assert ("panic: ", "out of luck") == await Journald().tail(web.unit, since=None, lines=20)


async def test_what_podman_says_of_a_container_is_not_its_output(web: Instance) -> None:
    journal.send("container start", PODMAN_EVENT="start", PVDIFY_APP=web.app, PRIORITY="6")
    journal.send("container died", PODMAN_EVENT="died", PVDIFY_APP=web.app, CONTAINER_NAME=web.name, PRIORITY="6")
    send(web, "mine\n")

    assert ["mine"] == [line.text for line in await lines(LogQuery(app=web.app), at_least=1)]


async def test_what_others_than_root_say_is_no_line_of_an_app(web: Instance) -> None:
    fields = (f"CONTAINER_NAME={web.name}", f"PVDIFY_APP={web.app}", "PRIORITY=6", "MESSAGE=forged", "")
    await anyio.run_process(["logger", "--journald"], input="\n".join(fields).encode(), user="nobody")
    send(web, "mine\n")

    assert ["mine"] == [line.text for line in await lines(LogQuery(app=web.app), at_least=1)]
    assert ("mine",) == await Journald().tail(web.unit, since=None, lines=20)


async def test_bytes_that_are_no_text_are_shown_as_far_as_they_go(web: Instance) -> None:
    journal.sendv(*(b"MESSAGE=caf\xe9\x00!\n", f"CONTAINER_NAME={web.name}", f"PVDIFY_APP={web.app}", b"PRIORITY=6"))

    assert ["caf�\0!"] == [line.text for line in await lines(LogQuery(app=web.app), at_least=1)]


@pytest.fixture(params=["UTC", "<-05>+5", "<+05>-5"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


async def test_lines_are_chosen_by_time_in_every_time_zone(web: Instance, zone: str) -> None:
    send(web, "early\n")
    await lines(LogQuery(app=web.app), at_least=1)
    between = datetime.now(UTC)
    send(web, "late\n")
    await lines(LogQuery(app=web.app), at_least=2)

    after = await lines(LogQuery(app=web.app, since=between.isoformat(), lines=None), at_least=1)

    assert ["late"] == [line.text for line in after]
    assert ["late"] == [line.text for line in await lines(LogQuery(app=web.app, since=between.isoformat()), at_least=1)]
    assert ("late",) == await Journald().tail(web.unit, since=between, lines=9)
    assert ["early", "late"] == [line.text for line in await lines(LogQuery(app=web.app, since="10m"), at_least=2)]


async def test_times_are_what_systemd_takes_them_for() -> None:
    now = datetime.now(UTC)

    assert timedelta(minutes=9) < now - await moment("10m") < timedelta(minutes=11)
    assert timedelta(hours=1) < now - await moment("2 hours ago") < timedelta(hours=3)
    assert await moment("yesterday") < now
    assert datetime(2026, 1, 31, 12, tzinfo=UTC) == await moment("2026-01-31T12:00:00Z")
    with pytest.raises(SpecError, match="cannot read 'soon-ish' as a time"):
        await moment("soon-ish")
    with pytest.raises(SpecError, match="that is no cursor"):
        [line async for line in Journald().read(LogQuery(app="blog", after_cursor="nonsense"))]


async def test_a_killed_unit_ran_out_of_memory_if_systemd_or_the_kernel_says_so(web: Instance) -> None:
    logs, before = Journald(), datetime.now(UTC)
    journal.send(
        f"{web.unit}: A process of this unit has been killed by the OOM killer.",
        MESSAGE_ID="fe6faa94e7774663a0da52717891d8ef",
        UNIT=web.unit,
    )

    assert await logs.was_oom_killed(web.unit, since=None)
    assert await logs.was_oom_killed(web.unit, since=before)
    assert not await logs.was_oom_killed(web.unit, since=datetime.now(UTC) + timedelta(seconds=1))
    assert not await logs.was_oom_killed(Instance(web.app, 9, "web", 1).unit, since=None)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_following_ends_at_once_when_nobody_listens_any_more(web: Instance, backend: str) -> None:
    async def follow() -> None:
        async for _ in Journald().read(LogQuery(app=web.app, follow=True)):
            pass

    async def leave() -> None:
        with anyio.fail_after(5), anyio.move_on_after(0.3):
            await follow()

    anyio.run(leave, backend=backend)
