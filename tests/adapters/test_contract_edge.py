"""What every `Edge` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import EdgeError, RenderError
from pvdify.model.manifest import AppRow
from pvdify.model.slot import Environment

if TYPE_CHECKING:
    from tests.adapters.worlds import EdgeWorld


def app(name: str, front: int, *names: str) -> AppRow:
    return AppRow(
        name=name, environment=Environment.PRODUCTION, front=front, ids=2_200_000_000, created_at="", domains=names
    )


BLOG, SHOP = app("blog", 3900, "blog.example.org"), app("shop", 3901, "shop.example.org", "*.shop.example.org")


async def test_what_follows_is_up_and_leads_each_name_to_its_front(edge: EdgeWorld) -> None:
    edge.publish(BLOG, SHOP)
    await edge.port.check(edge.config)

    await edge.port.follow(edge.config)

    assert await edge.port.is_running()
    assert (await edge.port.version())[0].isdigit()
    assert 3900 == await edge.front_of("blog.example.org")
    assert 3901 == await edge.front_of("shop.example.org")
    assert 3901 == await edge.front_of("a.shop.example.org")
    assert "" == await edge.port.problem("blog.example.org")


async def test_names_come_and_go_and_following_twice_changes_nothing(edge: EdgeWorld) -> None:
    for apps in ((BLOG,), (BLOG, SHOP), (BLOG, SHOP), (SHOP,)):
        edge.publish(*apps)
        await edge.port.follow(edge.config)

    assert 3901 == await edge.front_of("shop.example.org")
    assert None is await edge.front_of("blog.example.org")


async def test_a_name_that_it_does_not_have_is_a_problem(edge: EdgeWorld) -> None:
    edge.publish(BLOG)
    await edge.port.follow(edge.config)

    edge.has_no_certificate("other.example.org")

    assert "certificate for other.example.org" in await edge.port.problem("other.example.org")


async def test_a_file_that_it_does_not_take_is_refused_and_it_serves_what_it_did(edge: EdgeWorld) -> None:
    edge.publish(BLOG)
    await edge.port.follow(edge.config)

    edge.spoil()

    with pytest.raises(RenderError, match=r"cannot use Caddyfile: .*unrecognized"):
        await edge.port.check(edge.config)
    with pytest.raises(EdgeError, match="unrecognized"):
        await edge.port.follow(edge.config)
    assert 3900 == await edge.front_of("blog.example.org")


async def test_what_is_stopped_serves_nothing_and_starts_again_with_the_file_of_now(edge: EdgeWorld) -> None:
    edge.publish(BLOG)
    await edge.port.follow(edge.config)

    await edge.port.stop()
    await edge.port.stop()

    assert not await edge.port.is_running()
    assert None is await edge.front_of("blog.example.org")
    edge.publish(SHOP)
    await edge.port.follow(edge.config)
    assert 3901 == await edge.front_of("shop.example.org")
