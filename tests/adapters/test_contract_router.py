"""What every `Router` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import RenderError, RouterError
from pvdify.model.manifest import AppRow, InstanceRow, RouterRow
from pvdify.model.slot import Environment
from pvdify.ports import Server, Workers
from pvdify.render.router import mark_of

if TYPE_CHECKING:
    from tests.adapters.worlds import RouterWorld

OLD, NEW = "v1-web-1", "v2-web-1"
FIRST, SECOND = Server(name=OLD, port=20_001), Server(name=NEW, port=20_002)


def app(*ordinals: int, name: str = "blog", front: int = 3000, is_checked: bool = False) -> AppRow:
    return AppRow(
        name=name,
        environment=Environment.PRODUCTION,
        front=front,
        ids=2_200_000_000,
        created_at="",
        live=1,
        instances=tuple(
            InstanceRow(release=1, process="web", ordinal=number, port=20_000 + number, is_live=True)
            for number in ordinals
        ),
        router=RouterRow(is_checked=is_checked),
    )


async def test_a_reload_reads_the_file_in_force(router: RouterWorld) -> None:
    router.publish(app(1), app(3, name="shop", front=3001))

    await router.port.reload()

    assert await router.port.is_running()
    assert (FIRST,) == await router.port.servers("blog")
    assert (Server(name="v1-web-3", port=20_003),) == await router.port.servers("shop")


async def test_it_tells_which_configuration_it_has_read(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()
    before = await router.port.mark()
    router.publish(app(2))
    assert mark_of(router.config.read_text()) == before  # a swap of servers it is told without a reload

    router.publish(app(1), app(3, name="shop", front=3001))

    assert before == await router.port.mark()
    await router.port.reload()
    assert mark_of(router.config.read_text()) == await router.port.mark() != before


async def test_a_swap_lets_the_new_server_in_and_the_old_one_finish(router: RouterWorld) -> None:
    blog = app(1)
    router.publish(blog)
    await router.port.reload()
    await router.port.reconcile("blog", (FIRST,))

    async with router.request(blog, OLD):
        await router.port.reconcile("blog", (SECOND,))

        assert (SECOND,) == await router.port.servers("blog")
        assert {OLD, NEW} <= set(await router.port.known("blog"))
        assert Workers.BUSY is await router.port.drained("blog", (OLD,))
        assert Workers.DRAINED is await router.port.drained("blog", (NEW,))
    await _drains(router, OLD)


async def test_a_worker_from_before_a_reload_counts_in_a_drain(router: RouterWorld) -> None:
    blog = app(1)
    router.publish(blog)
    await router.port.reload()
    await router.port.reconcile("blog", (FIRST,))

    async with router.request(blog, OLD):
        await router.port.reload()
        await router.port.reconcile("blog", (SECOND,))

        assert Workers.BUSY is await router.port.drained("blog", (OLD,))
    await _drains(router, OLD)


async def test_reconciling_twice_changes_nothing_and_back_again_works(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()

    for servers in ((SECOND,), (SECOND,), (FIRST,), (FIRST, SECOND), (), (FIRST,)):
        await router.port.reconcile("blog", servers)

        assert servers == await router.port.servers("blog")


async def test_a_server_that_moved_is_reached_where_it_is(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()
    moved = Server(name=OLD, port=20_009)

    await router.port.reconcile("blog", (moved,))

    assert (moved,) == await router.port.servers("blog")


async def test_servers_of_several_are_checked(router: RouterWorld) -> None:
    checked = tuple(Server(name=f"v1-web-{number}", port=20_000 + number, is_checked=True) for number in (1, 2, 3))
    router.publish(app(1, 2, is_checked=True))
    await router.port.reload()

    await router.port.reconcile("blog", checked)  # nobody listens there: it is for the checks to find that out


async def test_forgotten_servers_are_gone_and_unknown_ones_fine(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()
    await router.port.reconcile("blog", (SECOND,))

    await router.port.forget("blog", (OLD, "v9-web-9"))
    await router.port.forget("blog", (OLD,))

    assert (SECOND,) == await router.port.servers("blog")
    await router.port.reconcile("blog", (FIRST,))
    assert (FIRST,) == await router.port.servers("blog")


async def test_held_requests_get_no_server_until_there_is_one(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()

    await router.port.hold("blog")

    assert () == await router.port.servers("blog")
    await router.port.reconcile("blog", (SECOND,))
    assert (SECOND,) == await router.port.servers("blog")


async def test_an_app_that_the_router_does_not_know_is_an_error(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.reload()

    for change in (
        router.port.reconcile("shop", (FIRST,)),
        router.port.forget("shop", (OLD,)),
        router.port.hold("shop"),
        router.port.servers("shop"),
    ):
        with pytest.raises(RouterError, match="shop"):
            await change


async def test_a_configuration_is_checked_before_it_is_read(router: RouterWorld) -> None:
    router.publish(app(1))
    await router.port.check(router.config)
    await router.port.reload()

    router.spoil()

    with pytest.raises(RenderError, match=r"cannot use haproxy\.cfg: .*unknown keyword"):
        await router.port.check(router.config)
    with pytest.raises(RouterError, match=r"cannot reload the router: .*unknown keyword"):
        await router.port.reload()
    router.publish(app(1))
    await router.port.reload()
    assert (FIRST,) == await router.port.servers("blog")


async def _drains(router: RouterWorld, server: str) -> None:
    """Wait until the router has noticed that the last request of *server* is over."""
    with anyio.fail_after(5):
        while await router.port.drained("blog", (server,)) is not Workers.DRAINED:  # noqa: ASYNC110 - it tells nobody
            await anyio.sleep(0.01)
