"""A way out on which nobody is lost."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.api.gatehouse import House, house
from tests.api.ways import ASK, PATIENT, SOON, Way


def test_on_the_way_out_who_is_served_has_the_answer_and_is_told_that_it_was_the_last(way: Way) -> None:
    async def visit(house: House) -> tuple[bool, int, str, str]:
        client = await way.come()
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        leaving = asyncio.create_task(house.gate.finished(grace=0))
        await house.gate.closing.wait()
        house.released.set()
        status, answer = await client.answer()
        return await leaving, status, answer.lower(), await client.rest()

    is_finished, status, answer, rest = way.visit(visit)

    assert (True, 200, "") == (is_finished, status, rest)
    assert "connection: close" in answer


def test_on_the_way_out_who_came_in_may_still_ask(way: Way) -> None:
    async def visit(house: House) -> tuple[bool, int, str]:
        client, silent = await way.come(), await way.come_without_tls()
        await (await way.come()).ask()  # by then the others are in
        leaving = asyncio.create_task(house.gate.finished(grace=4 * SOON))
        await house.gate.closing.wait()
        status, answer = await client.ask()
        assert "" == await silent.rest()
        return await leaving, status, answer.lower()

    is_finished, status, answer = way.visit(visit)

    assert (True, 200) == (is_finished, status)
    assert "connection: close" in answer


def test_on_the_way_out_idle_connections_are_closed_and_streams_are_told(way: Way) -> None:
    async def visit(house: House) -> tuple[bool, str, str]:
        idle, stream = await way.come(), await way.come()
        await idle.ask()
        stream.say("GET /stream HTTP/1.1\nHost: pvdify\n\n")
        await stream.reader.readuntil(b"begin\n")
        leaving = asyncio.create_task(house.gate.finished(grace=10))
        closed = await idle.rest()
        house.released.set()
        return await leaving, closed, await stream.rest()

    is_finished, idle, stream = way.visit(visit)

    assert (True, "") == (is_finished, idle)
    assert "end\n" in stream


def test_on_the_way_out_a_request_that_has_arrived_is_read_before_its_connection_counts_as_idle(way: Way) -> None:
    async def visit(house: House) -> tuple[bool, int]:
        client = await way.come()
        await client.ask()
        client.say(ASK)
        is_finished = await house.gate.finished()
        return is_finished, (await client.answer())[0]

    assert (True, 200) == way.visit(visit)


def test_who_is_served_for_too_long_is_left_behind(plain: Way) -> None:
    async def visit(house: House) -> tuple[bool, str]:
        client = await plain.come()
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        return await house.gate.finished(grace=0, patience=SOON), await client.rest()

    assert (False, "") == plain.visit(visit)


def test_a_gate_closes_only_when_nobody_is_waiting_behind_it(way: Way) -> None:
    async def visit(house: House) -> list[bool]:
        client = await way.come()
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        closed = [await house.gate.close_if_empty()]
        house.released.set()
        await client.answer()
        silent = await way.come_without_tls()
        await client.ask()
        closed.append(await house.gate.close_if_empty())
        await silent.leave()
        await (await way.come()).ask()
        closed.append(await house.gate.close_if_empty())
        return closed

    assert [False, False, True] == way.visit(visit)


def test_a_gate_opens_again(way: Way) -> None:
    async def visit(house: House) -> tuple[int, bool]:
        house.gate.close()
        newcomer = asyncio.create_task(way.asked_once())
        assert not (await asyncio.wait([newcomer], timeout=SOON))[0]
        house.gate.open()
        return await newcomer, house.gate.closing.is_set()

    assert (200, False) == way.visit(visit)


def test_of_hundreds_of_requests_none_is_lost_when_one_process_follows_the_other(way: Way) -> None:
    answers: Counter[int] = Counter()

    async def client() -> None:
        for _ in range(30):
            answers[await way.asked_once()] += 1

    async def clients() -> None:
        await asyncio.gather(*[client() for _ in range(8)])

    async def processes(asking: asyncio.Task[None]) -> int:
        count = 0
        while not asking.done():
            async with house(way.listening, PATIENT, tls=way.server) as found:
                at_work = asyncio.create_task(found.until(lambda house: house.answered > 15))
                await asyncio.wait([at_work, asking], return_when=asyncio.FIRST_COMPLETED)
                at_work.cancel()
                await found.gate.finished(grace=2)
                count += 1
        return count

    async def race() -> int:
        asking = asyncio.create_task(clients())
        count = await processes(asking)
        await asking
        await way.leave()
        return count

    count = asyncio.run(race())

    assert {200: 240} == answers
    assert count > 5
