"""What a service and systemd tell each other, and when it goes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pvdify.api.gate import Gate
from pvdify.api.service import Service
from tests.api.gatehouse import WELL, Client, House, tcp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

SOON = 0.1
NEVER = 60.0

PROGRAM = """
import asyncio
from aiohttp import web
from pvdify.api.gate import Gate
from pvdify.api.service import Service, inherited

async def answer(request):
    return web.Response(text="answered")

async def main():
    gate, server = Gate(), web.Server(answer)
    sockets = inherited()
    print(sorted((name, len(found)) for name, found in sockets.items()), flush=True)
    for found in sockets.values():
        gate.listen(found[0], server)
    await Service(gate, lambda: False, idle=60).run()

asyncio.run(main())
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with tcp() as found:
        yield found


async def serve(
    listening: socket.socket,
    *,
    idle: float = NEVER,
    is_busy: Callable[[House], bool] = lambda _: False,
    heartbeat: float | None = None,
    meanwhile: Callable[[House], Awaitable[None]] | None = None,
) -> list[str]:
    """Run a service to its end, and return what it told systemd."""
    told: list[str] = []
    house = House(Gate())
    async with house.served() as server, asyncio.timeout(WELL):
        house.gate.listen(listening, server)
        service = Service(
            house.gate, lambda: is_busy(house), heartbeat=heartbeat, idle=idle, grace=SOON, notify=told.append
        )
        running = asyncio.create_task(service.run())
        if meanwhile is not None:
            await meanwhile(house)
        await running
    return told


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_service_says_when_it_is_ready_and_when_it_goes(listening: socket.socket) -> None:
    async def meanwhile(_: House) -> None:
        client = await Client.to(listening)
        assert 200 == (await client.ask())[0]
        stop()
        assert "" == await client.rest()
        await client.leave()

    told = asyncio.run(serve(listening, meanwhile=meanwhile))

    assert ["READY=1", "STOPPING=1"] == told


def test_a_request_that_is_being_served_is_answered_before_the_service_goes(listening: socket.socket) -> None:
    async def meanwhile(house: House) -> None:
        client = await Client.to(listening)
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        stop()
        await house.gate.closing.wait()
        house.released.set()
        assert 200 == (await client.answer())[0]
        await client.leave()

    assert ["READY=1", "STOPPING=1"] == asyncio.run(serve(listening, meanwhile=meanwhile))


def test_a_service_that_nobody_asks_goes(listening: socket.socket) -> None:
    assert ["READY=1", "STOPPING=1"] == asyncio.run(serve(listening, idle=SOON))


def test_who_comes_after_it_went_waits_for_the_next_one(listening: socket.socket) -> None:
    async def twice() -> int:
        await serve(listening, idle=SOON)
        client = await Client.to(listening)
        asking = asyncio.create_task(client.ask())
        await serve(listening, idle=SOON)
        status, _ = await asking
        await client.leave()
        return status

    assert 200 == asyncio.run(twice())


def test_a_request_keeps_a_service_as_long_as_it_takes_and_no_longer(listening: socket.socket) -> None:
    async def meanwhile(house: House) -> None:
        client = await Client.to(listening)
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        await asyncio.sleep(2 * SOON)  # far beyond the time for which it may be idle
        assert not house.gate.closing.is_set()
        house.released.set()
        assert 200 == (await client.answer())[0]
        await client.leave()

    assert ["READY=1", "STOPPING=1"] == asyncio.run(serve(listening, idle=SOON, meanwhile=meanwhile))


def test_an_operation_keeps_a_service(listening: socket.socket) -> None:
    operations = ["deploy"]
    looks: list[bool] = []

    def is_busy(house: House) -> bool:
        looks.append(house.gate.closing.is_set())
        return bool(operations)

    async def meanwhile(_: House) -> None:
        await asyncio.sleep(2 * SOON)  # far beyond the time for which it may be idle
        assert not any(looks)
        operations.clear()

    told = asyncio.run(serve(listening, idle=SOON, is_busy=is_busy, meanwhile=meanwhile))

    assert ["READY=1", "STOPPING=1"] == told
    assert [True] == [is_closing for is_closing in looks if is_closing]


def test_an_operation_that_begins_in_the_last_moment_keeps_a_service_open(listening: socket.socket) -> None:
    operations = ["deploy"]

    def is_busy(house: House) -> bool:
        return house.gate.closing.is_set() and bool(operations)

    async def meanwhile(house: House) -> None:
        await house.gate.closing.wait()
        client = await Client.to(listening)
        assert 200 == (await client.ask())[0]
        operations.clear()
        await client.leave()

    told = asyncio.run(serve(listening, idle=SOON, is_busy=is_busy, meanwhile=meanwhile))

    assert ["READY=1", "STOPPING=1"] == told


def test_of_requests_that_race_with_idle_exits_none_is_lost(listening: socket.socket) -> None:
    async def ask(pause: float) -> int:
        await asyncio.sleep(pause)
        client = await Client.to(listening)
        try:
            return (await client.ask())[0]
        finally:
            await client.leave()

    async def race() -> tuple[list[int], int]:
        asking = asyncio.gather(*[ask(number * 0.01) for number in range(100)])
        services = 0
        while not asking.done():
            await serve(listening, idle=0.005)
            services += 1
        return await asking, services

    answers, services = asyncio.run(race())

    assert [200] * 100 == answers
    assert services > 5


def test_the_watchdog_is_fed_until_the_last_answer(listening: socket.socket) -> None:
    async def meanwhile(house: House) -> None:
        client = await Client.to(listening)
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        stop()
        await asyncio.sleep(SOON)  # in which it is only waited for
        house.released.set()
        await client.answer()
        await client.leave()

    told = asyncio.run(serve(listening, heartbeat=SOON / 10, meanwhile=meanwhile))

    assert "WATCHDOG=1" in told[: told.index("STOPPING=1")]
    assert told.count("WATCHDOG=1") > 3
    assert "WATCHDOG=1" in told[told.index("STOPPING=1") :]


def test_a_process_finds_its_sockets_by_name_and_speaks_to_systemd(listening: socket.socket, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, tcp() as other:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WELL)
        script = f'exec 3<&{listening.fileno()} 4<&{other.fileno()}; LISTEN_PID=$$ exec "$0" -c "$1"'
        process = subprocess.Popen(
            ["bash", "-c", script, sys.executable, PROGRAM],
            env={
                **os.environ,
                "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "api:admin",
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
            },
            pass_fds=(listening.fileno(), other.fileno()),
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            told = [manager.recv(100)]
            with socket.create_connection(other.getsockname(), timeout=WELL) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: pvdify\r\n\r\n")
                answer = client.recv(65_536)
            process.terminate()
            told.append(manager.recv(100))
            assert process.stdout is not None
            printed = process.stdout.read()

    assert b"200 OK" in answer
    assert [b"READY=1", b"STOPPING=1"] == told
    assert ("[('admin', 1), ('api', 1)]\n", 0) == (printed, process.returncode)
