"""The real router while others reload it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.haproxy_sockets import answered
from pvdify.adapters.process import run
from pvdify.errors import RouterError
from pvdify.ports import Server, Workers
from tests.adapters.real_worlds import SETTINGS, RealRouter
from tests.adapters.test_contract_router import SECOND, app

if TYPE_CHECKING:
    from collections.abc import Iterator

MASTER = SETTINGS.run / "router-master.sock"


@pytest.fixture
def router() -> Iterator[RealRouter]:
    world = RealRouter()
    yield world
    world.close()


async def test_a_reconcile_holds_while_somebody_reloads_the_router(router: RealRouter) -> None:
    """The file in force has the wanted servers, as it has in a deploy; whoever reloads must not bring others back."""
    router.publish(app(1))
    await router.port.reload()
    reloads = swaps = 0

    async def reload() -> None:
        nonlocal reloads
        while True:
            await answered(MASTER, "reload")
            reloads += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reload)
        while reloads < 10 or swaps % 2:
            ordinal = 1 + swaps % 2
            swaps += 1
            router.publish(app(ordinal))
            await router.port.reconcile("blog", (Server(name=f"v1-web-{ordinal}", port=20_000 + ordinal),))
        tasks.cancel_scope.cancel()

    assert ["v1-web-2"] == [server.name for server in await router.port.servers("blog")]
    await router.port.reload()
    assert ["v1-web-2"] == [server.name for server in await router.port.servers("blog")]


async def test_a_reload_that_failed_keeps_no_later_one_from_working(router: RealRouter) -> None:
    router.publish(app(1))
    await router.port.reload()
    router.spoil()
    with pytest.raises(RouterError, match="bogus"):
        await router.port.reload()
    router.close()

    router.begin()
    router.publish(app(2))
    await router.port.reload()

    assert ["v1-web-2"] == [server.name for server in await router.port.servers("blog")]


async def test_a_killed_router_is_waited_for(router: RealRouter) -> None:
    router.publish(app(1))
    await router.port.reload()
    await run("systemctl", "kill", "--signal=KILL", "pvdify-router.service")

    await router.port.reconcile("blog", (SECOND,))

    assert (SECOND,) == await router.port.servers("blog")


async def test_a_router_that_does_not_run_is_busy_and_says_so(router: RealRouter) -> None:
    router.publish(app(1))
    await run("systemctl", "stop", "pvdify-router.service")
    try:
        assert not await router.port.is_running()
        assert Workers.BUSY is await router.port.drained("blog", ("v1-web-1",))
        with pytest.raises(RouterError, match="it does not answer"):
            await answered(MASTER, "reload", patience=0.3)
    finally:
        await run("systemctl", "start", "pvdify-router.service")
    assert await router.port.is_running()


async def test_a_checked_server_that_is_added_is_checked(router: RealRouter) -> None:
    router.publish(app(1, 2, is_checked=True))
    await router.port.reload()
    added = Server(name="v1-web-3", port=20_003, is_checked=True, interval="50ms")

    await router.port.reconcile("blog", (Server(name="v1-web-1", port=20_001, is_checked=True), added))

    with anyio.fail_after(10):
        while await router.port.servers("blog"):  # noqa: ASYNC110 -- nobody listens there, as the checks find out
            await anyio.sleep(0.02)
