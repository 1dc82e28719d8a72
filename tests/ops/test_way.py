"""The whole way of a request: which link is broken, what that makes of a name, and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import NotFoundError
from pvdify.model.answers import CheckStatus
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_requests import CheckDomains
from pvdify.model.names import Instance
from pvdify.model.requests import ForApp, Nothing
from pvdify.ops.doctor import doctor
from pvdify.ops.domain_states import check_domains, list_domains
from pvdify.ports import Answer
from tests.fakes import REFUSED
from tests.ops.test_edge import TUNNEL, to_tunnel
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    import trio.testing

    from pvdify.model.edge_answers import DomainCheck

NAME = "blog.example.org"
UNIT = Instance(APP, 1, "web", 1).unit


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """An app that serves by a name that leads here, behind Caddy."""
    world = World(tmp_path)
    await world.begin("v1")
    await world.set_edge(internal_ca=True)
    await world.add(NAME)
    world.fake.resolver.names[NAME] = ("203.0.113.7",)
    world.fake.resolver.own = ("203.0.113.7", "2001:db8::7")
    return world


async def checked(world: World, name: str | None = NAME) -> DomainCheck:
    (one,) = (await check_domains(world.process(), CheckDomains(app=APP, domain=name))).domains
    return one


async def state_of(world: World) -> tuple[str, str]:
    one, *_ = (await list_domains(world.process(), ForApp(app=APP))).domains
    return one.state.value, one.reason


def links(one: DomainCheck) -> dict[str, str]:
    return {link.name: link.status.value for link in one.links}


def broken(one: DomainCheck) -> tuple[str, str, str]:
    """The state, the link that is to blame, and what to type."""
    link = next(link for link in one.links if link.detail == one.reason)
    return one.state.value, link.name, link.hint


async def test_a_whole_way_has_four_links_that_are_well(world: World) -> None:
    one = await checked(world)

    assert ("active", "") == (one.state.value, one.reason)
    assert {"name": "ok", "edge": "ok", "front": "ok", "release": "ok"} == links(one)
    assert ("active", "") == await state_of(world)


async def test_a_name_that_leads_nowhere_waits_for_dns(world: World) -> None:
    world.fake.resolver.names.clear()

    one = await checked(world)

    assert ("pending", "name") == broken(one)[:2]
    assert "pvdify domains --dns" in broken(one)[2]
    assert f"{NAME} leads nowhere" == one.reason


@pytest.mark.parametrize(
    ("found", "own", "status"),
    [
        (("203.0.113.7",), ("203.0.113.7",), "ok"),
        (("198.51.100.1", "203.0.113.7"), ("203.0.113.7",), "ok"),
        (("192.168.1.5",), ("192.168.1.5",), "ok"),
        (("8.8.8.8",), ("1.1.1.1",), "warn"),
        (("8.8.8.8",), ("10.0.0.5",), "ok"),
        (("8.8.8.8",), (), "ok"),
    ],
)
async def test_a_name_leads_here_or_elsewhere_as_far_as_this_host_can_tell(
    found: tuple[str, ...], own: tuple[str, ...], status: str, world: World
) -> None:
    world.fake.resolver.names[NAME], world.fake.resolver.own = found, own

    assert status == links(await checked(world))["name"]


async def test_a_name_server_that_is_silent_or_gone_is_no_verdict(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    world.fake.resolver.silent.add(NAME)
    assert "no name server says in 5 s where blog.example.org leads" == (await checked(world)).reason

    world.fake.resolver.is_down = True
    world.fake.resolver.silent.clear()

    assert "pending" == (await checked(world)).state.value


async def test_an_edge_that_is_down_is_the_broken_link(world: World) -> None:
    await world.fake.edges[EdgeKind.CADDY].stop()

    assert ("failed", "edge", "pvdify apply") == broken(await checked(world))
    assert "failed" == (await state_of(world))[0]


async def test_an_edge_that_was_not_brought_to_the_names_is_on_its_way(world: World) -> None:
    world.process().state.followed.note("something else")

    assert ("pending", "edge", "pvdify apply") == broken(await checked(world))
    assert "pending" == (await state_of(world))[0]


async def test_a_missing_certificate_is_found_by_asking_for_the_name(world: World) -> None:
    world.fake.edges[EdgeKind.CADDY].uncertified.add(NAME)

    one = await checked(world)

    assert ("failed", "edge", "journalctl -u pvdify-caddy -n 50") == broken(one)
    assert f"it has no certificate for {NAME}" == one.reason
    assert ("pending", f"{one.reason}: `pvdify domains:check blog`") == await state_of(world)


async def test_a_certificate_waits_for_dns_as_its_name_does(world: World) -> None:
    world.fake.edges[EdgeKind.CADDY].uncertified.add(NAME)
    world.fake.resolver.names.clear()

    one = await checked(world)

    assert ("pending", "name") == broken(one)[:2]
    assert "warn" == links(one)["edge"]


async def test_only_the_name_without_a_certificate_waits_for_one(world: World) -> None:
    await world.add("www.example.org")
    world.fake.edges[EdgeKind.CADDY].uncertified.add(NAME)

    found = (await list_domains(world.process(), ForApp(app=APP))).domains

    assert {NAME: "pending", "www.example.org": "active"} == {one.name: one.state.value for one in found}


async def test_an_app_in_maintenance_lets_nobody_in_by_any_name(world: World) -> None:
    await world.do("close")

    assert ("pending", "maintenance is on: `pvdify maintenance:off blog`") == await state_of(world)
    assert ("pending", "release", "pvdify maintenance:off blog") == broken(await checked(world))


async def test_a_router_that_is_down_is_the_broken_link(world: World) -> None:
    world.fake.router.is_up = False

    assert ("failed", "front", "systemctl status pvdify-router.service") == broken(await checked(world))


async def test_no_release_a_stopped_app_and_a_fallen_one_are_told_apart(world: World) -> None:
    await world.do("stop")
    assert ("pending", "release", "pvdify ps:start blog") == broken(await checked(world))
    assert "pending" == (await state_of(world))[0]

    await world.do("start")
    del world.fake.systemd.states[UNIT]
    assert ("failed", "release", "pvdify ps blog") == broken(await checked(world))
    assert "failed" == (await state_of(world))[0]


async def test_an_app_without_a_release_waits_for_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.begin()
    await world.set_edge(internal_ca=True)
    await world.add(NAME)
    world.fake.resolver.names[NAME] = world.fake.resolver.own

    assert ("pending", "no release yet") == await state_of(world)
    assert ("pending", "release") == broken(await checked(world))[:2]


async def test_a_release_that_answers_with_an_error_is_told_with_its_status(world: World) -> None:
    world.fake.network.apps[UNIT] = Answer(status=500, headers={})

    one = await checked(world)

    assert ("failed", "release", "pvdify logs blog") == broken(one)
    assert "v1 answers with status 500" == one.reason


async def test_a_front_that_a_stranger_holds_is_no_release(world: World) -> None:
    world.fake.network.holders[3000] = "nginx (pid 7)"
    world.fake.network.answers[3000] = Answer(status=200, headers={})

    assert ("failed", "release") == broken(await checked(world))[:2]


async def test_what_is_broken_first_on_this_host_is_to_blame(world: World) -> None:
    world.fake.resolver.names.clear()
    await world.fake.edges[EdgeKind.CADDY].stop()
    world.fake.network.answers[3000] = REFUSED

    one = await checked(world)

    assert ("failed", f"{NAME} leads nowhere") == (one.state.value, one.reason)
    assert {"name": "fail", "edge": "fail", "front": "fail", "release": "fail"} == links(one)


async def test_a_wildcard_is_asked_for_by_one_of_its_names(world: World) -> None:
    await world.add("*.example.org")
    world.fake.resolver.names["pvdify-check.example.org"] = ("203.0.113.7",)

    assert {"name": "ok", "edge": "ok", "front": "ok", "release": "ok"} == links(await checked(world, "*.example.org"))


async def test_only_a_name_of_the_app_is_checked(world: World) -> None:
    with pytest.raises(NotFoundError, match="blog does not have it"):
        await checked(world, "www.example.org")

    assert NAME == (await checked(world, "Blog.Example.ORG.")).name


async def test_without_an_edge_the_rest_of_the_way_is_still_looked_at(world: World) -> None:
    await world.set_edge(EdgeKind.NONE)

    one = await checked(world)

    assert {"name": "ok", "edge": "warn", "front": "ok", "release": "ok"} == links(one)
    assert "pending" == one.state.value
    await world.set_edge(EdgeKind.NONE, forwards=True)
    assert "active" == (await checked(world)).state.value
    assert ("active", "") == await state_of(world)


async def test_a_name_that_leads_past_the_tunnel_is_told(world: World) -> None:
    await to_tunnel(world)

    assert ("pending", "name") == broken(await checked(world))[:2]
    world.fake.resolver.names[NAME] = ("104.16.0.1",)
    assert "active" == (await checked(world)).state.value


async def test_a_hundred_silent_names_take_no_longer_than_one(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    names = [f"n{number}.example.org" for number in range(100)]
    await world.add(*names)
    world.fake.resolver.silent |= set(names)
    began = anyio.current_time()

    answer = await check_domains(world.process(), CheckDomains(app=APP))
    found = await doctor(world.process(), Nothing())

    assert anyio.current_time() - began < 15
    assert 100 == [one.state.value for one in answer.domains].count("pending")
    assert 100 == [one.name for one in found.checks if one.status is CheckStatus.WARN].count(f"domain of {APP}")


async def test_what_belongs_into_dns_is_said_for_each_edge(world: World) -> None:
    async def advice() -> tuple[str, ...]:
        return (await list_domains(world.process(), ForApp(app=APP))).advice

    world.fake.resolver.own = ("93.184.216.34", "2606:4700::1", "10.0.0.1")
    assert (f"{NAME}. A 93.184.216.34", f"{NAME}. AAAA 2606:4700::1") == await advice()
    world.fake.resolver.own = ("10.0.0.1",)
    assert (f"{NAME}. A (the public address of this host)",) == await advice()
    await world.set_edge(internal_ca=True, domain="apps.example.org")
    assert "*.apps.example.org. A (the public address of this host)" in await advice()
    await to_tunnel(world)
    assert (f"{NAME}. CNAME {TUNNEL}.cfargotunnel.com. ; proxied",) == await advice()
    await world.set_edge(EdgeKind.NONE)
    assert (f"{NAME}. leads to a proxy of yours, and that to http://127.0.0.1:3000",) == await advice()
