"""What every `Network` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.adapters.worlds import NetworkWorld


async def test_an_answer_comes_as_it_is(network: NetworkWorld) -> None:
    async with network.answers(302, {"Location": "/x", "X-Pvdify-Instance": "v1-web-1"}, "moved") as port:
        answer = await network.port.get(port, "/", headers={}, timeout=5)

    assert (302, "moved", "") == (answer.status, answer.body, answer.error)
    assert "v1-web-1" == (answer.headers or {})["x-pvdify-instance"]
    assert 0 < answer.latency_ms < 5000


async def test_a_closed_port_is_an_answer_too(network: NetworkWorld) -> None:
    answer = await network.port.get(network.is_closed(), "/", headers={}, timeout=5)

    assert (None, "connection refused") == (answer.status, answer.error)
    assert not await network.port.connects("127.0.0.1", network.is_closed(), timeout=1)


async def test_an_open_port_connects_and_has_a_holder(network: NetworkWorld) -> None:
    async with network.answers(200, {}, "") as port:
        assert await network.port.connects("127.0.0.1", port, timeout=5)
        assert "(pid " in (await network.port.holder(port) or "")

    assert await network.port.holder(network.is_closed()) is None


async def test_only_free_ports_are_reserved(network: NetworkWorld) -> None:
    free = network.is_closed()
    async with network.answers(200, {}, "") as taken:
        assert (free,) == await network.port.reserve((taken, free), 1)
        assert () == await network.port.reserve((taken,), 1)
    assert () == await network.port.reserve((free,), 0)
