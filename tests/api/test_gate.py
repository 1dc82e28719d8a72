"""Clients that are slow, silent, many or greedy; and a way out on which nobody is lost."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest

from pvdify.api.connection import Limits
from tests.api.gatehouse import BODY, Client, House, client_tls, house, server_tls, tcp, unix
from tests.api.services import certificate

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

SOON = 0.1
PATIENT = Limits()
HEAD = "GET / HTTP/1.1\nHost: pvdify\n"
ASK = f"{HEAD}\n"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the house: its socket, and the TLS of both sides."""

    listening: socket.socket
    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None
    _came: list[Client] = field(default_factory=list)

    async def come(self) -> Client:
        self._came.append(await Client.to(self.listening, self.client))
        return self._came[-1]

    async def come_without_tls(self, *, source: str = "") -> Client:
        self._came.append(await Client.to(self.listening, source=source))
        return self._came[-1]

    async def leave(self) -> None:
        """Have all who came go, whatever they were doing."""
        while self._came:
            await self._came.pop().leave()

    def visit(
        self,
        visit: Callable[[House], Awaitable[T]],
        limits: Limits = PATIENT,
        *,
        peer: Callable[[str], str | None] | None = None,
    ) -> T:
        """What *visit* finds in a house with those limits."""

        async def visited() -> T:
            async with house(self.listening, limits, tls=self.server, **({"peer": peer} if peer else {})) as found:
                try:
                    return await visit(found)
                finally:
                    await self.leave()

        return asyncio.run(visited())


@pytest.fixture(params=["tcp", "tls", "unix"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    """Every way that there is."""
    with unix(tmp_path) if request.param == "unix" else tcp() as listening:
        if request.param == "tls":
            pem = certificate(tmp_path)
            yield Way(listening, server_tls(pem), client_tls(pem))
        else:
            yield Way(listening)


@pytest.fixture
def plain() -> Iterator[Way]:
    with tcp() as listening:
        yield Way(listening)


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
        newcomer = asyncio.create_task(_one(way))
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
        newcomer = asyncio.create_task(_one(way))
        assert not (await asyncio.wait([newcomer], timeout=SOON))[0]
        house.gate.open()
        return await newcomer, house.gate.closing.is_set()

    assert (200, False) == way.visit(visit)


def test_of_hundreds_of_requests_none_is_lost_when_one_process_follows_the_other(way: Way) -> None:
    answers: Counter[int] = Counter()

    async def client() -> None:
        for _ in range(30):
            answers[await _one(way)] += 1

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


async def _one(way: Way) -> int:
    """Ask once, over a connection that is made for it."""
    client = await way.come()
    status, _ = await client.ask()
    await client.leave()
    return status
