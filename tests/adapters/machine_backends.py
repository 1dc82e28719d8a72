"""Every role of the machine under both event loops: the command line runs on one, the API on the other."""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import HostError
from pvdify.model.edge import EdgeKind
from pvdify.model.names import Instance
from pvdify.ports import LogQuery, Output, Ports, Pull, Server, Workers
from pvdify.wiring import local_host
from tests.adapters.edge_world import RealEdge
from tests.adapters.real_worlds import SETTINGS, RealPodman, RealRouter
from tests.adapters.test_contract_edge import app as named
from tests.adapters.test_contract_podman import Told
from tests.adapters.test_contract_router import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

UNIT = Instance("loops", 1, "web", 1).unit


async def systemd(ports: Ports) -> None:
    await ports.systemd.lend({UNIT: b"[Service]\nExecStart=/bin/sleep 1000\n"})
    await ports.systemd.start(UNIT, timeout=10)
    assert [UNIT] == [status.unit for status in await ports.systemd.matching("pvdify-loops-*")]
    assert {UNIT} == await ports.systemd.active("pvdify-loops-*")
    await ports.systemd.stop(UNIT)
    await ports.systemd.take_back(UNIT)


async def quadlet(ports: Ports) -> None:
    await ports.quadlet.verify({UNIT: b"[Service]\nExecStart=/bin/true\n"})
    assert await ports.quadlet.version() >= (5, 3, 0)


async def router(ports: Ports) -> None:
    world = RealRouter()
    world.publish(app(1))
    await ports.router.reload()
    await ports.router.reconcile("blog", (Server(name="v2-web-1", port=20_002),))
    assert Workers.DRAINED is await ports.router.drained("blog", ("v1-web-1",))
    await ports.router.forget("blog", ("v1-web-1",))
    world.close()


async def edge(ports: Ports) -> None:
    world, program = RealEdge(), ports.edges[EdgeKind.CADDY]
    world.publish(named("blog", 3900, "blog.example.org"))
    await program.follow(world.config)
    assert await program.is_running()
    await program.follow(world.config)
    assert 3900 == await world.front_of("blog.example.org")
    assert "" == await program.problem("blog.example.org")
    await program.stop()
    world.close()


async def resolver(ports: Ports) -> None:
    assert isinstance(await ports.resolver.addresses(), tuple)
    with suppress(HostError):  # a bed without a name server says so
        assert () == await ports.resolver.resolve("nobody.invalid")


async def podman(ports: Ports) -> None:
    reference = f"{RealPodman.open}/{RealPodman.image}"
    image = await ports.podman.pull(Pull(reference=reference), Told())
    assert image.id in {one.id for one in await ports.podman.images()}
    assert () == await ports.podman.containers("pvdify-loops-")


async def network(ports: Ports) -> None:
    assert 200 == (await ports.network.get(5000, "/v2/", headers={}, timeout=5)).status
    assert await ports.network.connects("127.0.0.1", 5000, timeout=5)
    assert "registry" in (await ports.network.holder(5000) or "")


async def logs(ports: Ports) -> None:
    assert [] == [line async for line in ports.logs.read(LogQuery(app="loops"))]
    assert () == await ports.logs.tail(UNIT, since=None, lines=5)


async def console(ports: Ports) -> None:
    assert 3 == await ports.console.run(("sh", "-c", "exit 3"), interactive=False)
    async with aclosing(ports.console.stream(("sh", "-c", "echo out; exit 3"))) as output:
        assert [Output(data=b"out\n"), Output(status=3)] == [one async for one in output]


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
@pytest.mark.parametrize("role", [systemd, quadlet, router, edge, resolver, podman, network, logs, console])
def test_a_role_is_played_under_both_loops(backend: str, role: Callable[[Ports], Awaitable[None]]) -> None:
    anyio.run(role, local_host(SETTINGS).ports, backend=backend)
