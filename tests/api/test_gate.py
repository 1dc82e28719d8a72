"""Clients that are slow, silent, many or greedy."""

from __future__ import annotations

import asyncio
import resource

import pytest

from pvdify.api.connection import Limits
from tests.api.gatehouse import BODY, House
from tests.api.ways import ASK, HEAD, SOON, Way


def test_requests_are_answered_one_after_the_other_on_one_connection(way: Way) -> None:
    async def visit(_: House) -> list[int]:
        client = await way.come()
        return [(await client.ask())[0] for _ in range(3)]

    assert [200, 200, 200] == way.visit(visit)


def test_who_says_nothing_is_closed(way: Way) -> None:
    async def visit(_: House) -> str:
        return await (await way.come_without_tls()).rest()

    assert "" == way.visit(visit, Limits(head=SOON))


def test_a_tls_handshake_that_does_not_end_is_closed(way: Way) -> None:
    async def visit(_: House) -> str:
        client = await way.come_without_tls()
        client.writer.write(b"\x16\x03\x01\x02\x00\x01")
        return await client.rest()

    assert "HTTP/1.0 400" in (got := way.visit(visit, Limits(head=SOON))) or not got


def test_a_head_that_comes_slowly_is_cut_off_however_busy_it_looks(way: Way) -> None:
    async def visit(_: House) -> str:
        client = await way.come()
        dripping = asyncio.create_task(client.drip(HEAD * 20, every=SOON / 10))
        rest = await client.rest()
        await client.leave()
        await dripping
        return rest

    assert "" == way.visit(visit, Limits(head=SOON))


def test_the_head_of_a_second_request_has_no_more_time_than_that_of_the_first(way: Way) -> None:
    async def visit(_: House) -> tuple[int, str]:
        client = await way.come()
        status, _answer = await client.ask()
        client.say("G")
        return status, await client.rest()

    assert (200, "") == way.visit(visit, Limits(head=SOON))


def test_a_head_that_is_too_long_does_not_get_all_the_time_of_others(plain: Way) -> None:
    async def visit(_: House) -> str:
        client = await plain.come()
        client.say("GET / HTTP/1.1\n" + "".join(f"X-{number}: {'x' * 1000}\n" for number in range(40)))
        return await client.rest()

    assert "" == plain.visit(visit)


def test_a_connection_stays_for_the_next_request_and_is_closed_when_none_comes(way: Way) -> None:
    async def visit(_: House) -> tuple[int, int, str]:
        client = await way.come()
        first, _answer = await client.ask()
        await asyncio.sleep(SOON)  # idle on purpose
        second, _answer = await client.ask()
        return first, second, await client.rest()

    assert (200, 200, "") == way.visit(visit, Limits(keep_alive=4 * SOON))


def test_a_body_of_a_byte_at_a_time_is_refused_and_cut_off(way: Way) -> None:
    async def visit(_: House) -> tuple[int, str]:
        client = await way.come()
        client.say("POST / HTTP/1.1\nHost: pvdify\nContent-Length: 1000\n\n")
        dripping = asyncio.create_task(client.drip("x" * 1000, every=SOON / 10))
        status, head = await client.answer()
        await client.rest()
        await client.leave()
        await dripping
        return status, head.lower()

    status, head = way.visit(visit, Limits(body=SOON, linger=SOON))

    assert 408 == status
    assert "connection: close" in head


def test_a_large_body_has_more_time_as_long_as_it_comes(way: Way) -> None:
    async def visit(_: House) -> tuple[int, str]:
        client = await way.come()
        client.say(f"POST / HTTP/1.1\nHost: pvdify\nContent-Length: {BODY}\n\n")
        for _part in range(8):
            client.say("x" * (BODY // 8))
            await asyncio.sleep(SOON / 4)  # twice the fixed time in all
        status, answer = await client.answer()
        return status, answer.partition("\r\n\r\n")[2]

    assert (200, str(BODY)) == way.visit(visit, Limits(body=SOON, rate=BODY // 4))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (f"Content-Length: {BODY + 1}\n\nx", 413),
        ("Transfer-Encoding: chunked\n\n" + f"10000\n{'x' * 65_536}\n" * 9, 413),
        ("Transfer-Encoding: chunked\n\nnot a chunk\n", 400),
        ("Content-Encoding: gzip\nContent-Length: 5\n\nplain", 400),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused_at_once(plain: Way, request_: str, status: int) -> None:
    async def visit(_: House) -> int:
        client = await plain.come()
        client.say(f"POST / HTTP/1.1\nHost: pvdify\n{request_}")
        return (await client.answer())[0]

    assert status == plain.visit(visit)


def test_bodies_together_hold_no_more_than_the_limit(plain: Way) -> None:
    async def visit(_: House) -> list[str]:
        clients = [await plain.come() for _ in range(3)]
        for client in clients:
            await client.begin_body(60_000)
            client.say("x" * 50_000)
        oldest = await clients[0].rest()
        for client in clients[1:]:
            client.say("x" * 10_000)
        return [oldest, *[str((await client.answer())[0]) for client in clients[1:]]]

    assert ["", "200", "200"] == plain.visit(visit, Limits(bodies=130_000))


def test_an_answer_that_nobody_reads_ends(way: Way) -> None:
    async def visit(house: House) -> int:
        client = await way.come()
        client.say("GET /flood HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.ended == 1)
        return house.ended

    assert 1 == way.visit(visit, Limits(stall=SOON))


def test_a_client_that_leaves_while_it_is_served_costs_nothing(way: Way) -> None:
    async def visit(house: House) -> int:
        client = await way.come()
        client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        await client.leave()
        house.released.set()
        await house.until(lambda house: house.answered == 1)
        return (await (await way.come()).ask())[0]

    assert 200 == way.visit(visit)


def test_at_the_limit_the_oldest_unfinished_connection_makes_room(way: Way) -> None:
    async def visit(house: House) -> tuple[list[str], int, int]:
        served = await way.come()
        served.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        silent, slow = await way.come_without_tls(), await way.come()
        slow.say("GET /")
        newcomers = [await way.come() for _ in range(2)]
        answers = [(await newcomer.ask())[0] for newcomer in newcomers]
        gone = [await silent.rest(), await slow.rest()]
        house.released.set()
        return gone, (await served.answer())[0], sum(answers)

    assert (["", ""], 200, 400) == way.visit(visit, Limits(connections=3))


def test_a_flood_of_unfinished_connections_spares_those_that_are_idle(way: Way) -> None:
    async def visit(_: House) -> tuple[int, str]:
        idle = await way.come()
        await idle.ask()
        flood = [await way.come_without_tls() for _ in range(6)]
        return (await idle.ask())[0], await flood[0].rest()

    assert (200, "") == way.visit(visit, Limits(connections=4))


def test_a_flood_of_idle_connections_spares_those_that_still_ask(way: Way) -> None:
    async def visit(_: House) -> tuple[int, str]:
        slow = await way.come()
        slow.say("GET / HTTP/1.1\n")
        flood = []
        for _number in range(6):
            flood.append(await way.come())
            await flood[-1].ask()
        slow.say("Host: pvdify\n\n")
        return (await slow.answer())[0], await flood[0].rest()

    assert (200, "") == way.visit(visit, Limits(connections=4))


def test_a_body_that_is_still_coming_makes_room_too(plain: Way) -> None:
    async def visit(house: House) -> tuple[str, int]:
        slow = await plain.come()
        await slow.begin_body(1000)
        status, _ = await (await plain.come()).ask()
        return await slow.rest(), status

    assert ("", 200) == plain.visit(visit, Limits(connections=1))


def test_where_all_are_being_served_newcomers_wait_and_are_not_refused(way: Way) -> None:
    async def visit(house: House) -> list[int]:
        served = [await way.come() for _ in range(2)]
        for client in served:
            client.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 2)
        newcomer = asyncio.create_task(way.asked_once())
        assert not (await asyncio.wait([newcomer], timeout=SOON))[0]
        house.released.set()
        return [*[(await client.answer())[0] for client in served], await newcomer]

    assert [200, 200, 200] == way.visit(visit, Limits(connections=2))


def test_a_peer_that_has_its_share_drops_a_connection_of_its_own(plain: Way) -> None:
    async def visit(_: House) -> tuple[str, int, int]:
        other = await plain.come_without_tls(source="127.0.0.3")
        mine = [await plain.come_without_tls(source="127.0.0.2") for _ in range(3)]
        status, _answer = await mine[2].ask()
        gone = await mine[0].rest()
        return gone, status, (await other.ask())[0]

    assert ("", 200, 200) == plain.visit(visit, Limits(per_peer=2), peer=str)


def test_a_peer_all_of_whose_requests_are_being_served_gets_no_more(plain: Way) -> None:
    async def visit(house: House) -> tuple[str, int]:
        served = await plain.come_without_tls(source="127.0.0.2")
        served.say("GET /hold HTTP/1.1\nHost: pvdify\n\n")
        await house.until(lambda house: house.held == 1)
        greedy = await plain.come_without_tls(source="127.0.0.2")
        gone = await greedy.rest()
        other, _answer = await (await plain.come_without_tls(source="127.0.0.3")).ask()
        return gone, other

    assert ("", 200) == plain.visit(visit, Limits(per_peer=1), peer=str)


def test_this_machine_has_no_share(plain: Way) -> None:
    async def visit(_: House) -> list[int]:
        clients = [await plain.come() for _ in range(4)]
        return [(await client.ask())[0] for client in clients]

    assert [200] * 4 == plain.visit(visit, Limits(per_peer=1))


def test_without_descriptors_connections_wait_until_there_are_some(plain: Way) -> None:
    async def visit(house: House) -> int:
        status, _answer = await (await plain.come()).ask()
        client = await plain.come()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.writer.get_extra_info("socket").fileno() + 1, hard))
        try:
            client.say(ASK)
            await asyncio.sleep(SOON)  # in which it is not taken
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return status + (await client.answer())[0]

    assert 400 == plain.visit(visit)
