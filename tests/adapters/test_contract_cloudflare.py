"""What every `Cloudflare` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    CloudflareError,
    CloudflareLoginError,
    CloudflareUnreachableError,
    RecordInTheWayError,
    TunnelNotFoundError,
    ZoneNotFoundError,
)
from pvdify.model.cloudflare import Zone
from pvdify.model.dns import NewRecord, RecordChange
from pvdify.model.ingress import Ingress, Tunnel, new_rule
from tests.fakes.cloudflare import ACCOUNT, OTHER_ACCOUNT, TOKEN, TUNNEL, FakeTunnel, Fault

if TYPE_CHECKING:
    from tests.adapters.worlds import CloudflareWorld

TARGET = f"{TUNNEL}.cfargotunnel.com"
BLOG = NewRecord(type="CNAME", name="blog.example.org", content=TARGET, proxied=True, comment="pvdify: blog")


async def test_a_good_token_is_good_and_another_one_is_refused(cloudflare: CloudflareWorld) -> None:
    async with cloudflare.port.session(TOKEN) as session:
        await session.verify()

    async with cloudflare.port.session(TOKEN[:-1] + "X") as session:
        with pytest.raises(CloudflareLoginError) as verified:
            await session.verify()
        with pytest.raises(CloudflareLoginError) as listed:
            await session.zones()

    assert TOKEN[:-1] not in f"{verified.value}{listed.value}{verified.value.hint}"


async def test_a_token_that_was_disabled_is_no_good(cloudflare: CloudflareWorld) -> None:
    cloudflare.account.status = "disabled"

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(CloudflareLoginError, match="it is disabled"):
            await session.verify()


async def test_zones_come_with_their_account_and_whether_anybody_asks_them(cloudflare: CloudflareWorld) -> None:
    one = cloudflare.account.add_zone("example.org")
    two = cloudflare.account.add_zone("example.net", account=OTHER_ACCOUNT, status="pending")

    async with cloudflare.port.session(TOKEN) as session:
        zones = await session.zones()

    assert (
        Zone(name="example.org", id=one, status="active", account=ACCOUNT),
        Zone(name="example.net", id=two, status="pending", account=OTHER_ACCOUNT),
    ) == zones


async def test_every_page_of_a_list_is_read(cloudflare: CloudflareWorld) -> None:
    for number in range(120):
        cloudflare.account.add_zone(f"example-{number}.org")

    async with cloudflare.port.session(TOKEN) as session:
        zones = await session.zones()

    assert [f"example-{number}.org" for number in range(120)] == [zone.name for zone in zones]


async def test_records_are_those_of_a_zone_or_of_one_name(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    star = cloudflare.account.add_record(zone, "A", "*.example.org", "192.0.2.1", ttl=300, comment="by hand")
    cloudflare.account.add_record(zone, "TXT", "example.org", "v=spf1 -all")

    async with cloudflare.port.session(TOKEN) as session:
        every, of_star, of_nobody = [
            await session.records(zone, name) for name in (None, "*.example.org", "no.example.org")
        ]

    assert ["A", "TXT"] == [one.type for one in every]
    assert ((star,), ()) == (of_star, of_nobody)


async def test_a_zone_that_is_not_there_has_no_records(cloudflare: CloudflareWorld) -> None:
    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(ZoneNotFoundError):
            await session.records("a" * 32, "blog.example.org")


async def test_records_are_changed_all_at_once(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    old = cloudflare.account.add_record(zone, "A", "blog.example.org", "192.0.2.1")

    async with cloudflare.port.session(TOKEN) as session:
        (made,) = await session.change_records(RecordChange(zone=zone, gone=(old,), new=(BLOG,)))
        found = await session.records(zone)

    assert (made,) == found
    assert (BLOG.type, BLOG.content, True, BLOG.comment) == (made.type, made.content, made.proxied, made.comment)


async def test_a_record_in_the_way_keeps_all_of_a_change_from_being_made(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    cloudflare.account.add_record(zone, "CNAME", "blog.example.org", "elsewhere.example.net")
    other = NewRecord(type="A", name="www.example.org", content="192.0.2.7")

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(RecordInTheWayError):
            await session.change_records(RecordChange(zone=zone, new=(other, BLOG)))

    assert [("CNAME", "elsewhere.example.net")] == cloudflare.account.found("blog.example.org")
    assert [] == cloudflare.account.found("www.example.org")


async def test_a_record_that_is_gone_already_keeps_a_change_from_being_made(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    old = cloudflare.account.add_record(zone, "A", "blog.example.org", "192.0.2.1")
    del cloudflare.account.records[zone][old.id]

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(RecordInTheWayError):
            await session.change_records(RecordChange(zone=zone, gone=(old,), new=(BLOG,)))

    assert [] == cloudflare.account.found("blog.example.org")


async def test_a_tunnel_is_told_of_and_one_that_is_not_there_is_not_found(cloudflare: CloudflareWorld) -> None:
    cloudflare.account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home", status="down", is_remote=False)
    gone = TUNNEL.replace("f7", "a7")
    cloudflare.account.tunnels[ACCOUNT, gone] = FakeTunnel("old", deleted_at="2026-01-31T09:00:00Z")

    async with cloudflare.port.session(TOKEN) as session:
        found = await session.tunnel(ACCOUNT, TUNNEL)
        for tunnel in (gone, TUNNEL.replace("f7", "b7")):
            with pytest.raises(TunnelNotFoundError):
                await session.tunnel(ACCOUNT, tunnel)
        with pytest.raises(CloudflareLoginError):
            await session.tunnel(OTHER_ACCOUNT, TUNNEL)

    assert Tunnel(id=TUNNEL, name="home", status="down", is_remote=False) == found


async def test_an_ingress_comes_back_as_it_was_put_with_whatever_others_keep_beside_it(
    cloudflare: CloudflareWorld,
) -> None:
    tunnel = FakeTunnel("home", version=7, config={"warp-routing": {"enabled": True}, "ingress": []})
    cloudflare.account.tunnels[ACCOUNT, TUNNEL] = tunnel
    rules = (new_rule("http://127.0.0.1:3001", "blog.example.org"), new_rule("http_status:404"))

    async with cloudflare.port.session(TOKEN) as session:
        before = await session.ingress(ACCOUNT, TUNNEL)
        version = await session.put_ingress(ACCOUNT, TUNNEL, Ingress(version=7, rules=rules, rest=before.rest))
        after = await session.ingress(ACCOUNT, TUNNEL)

    assert Ingress(version=7, rules=(), rest={"warp-routing": {"enabled": True}}) == before
    assert (8, Ingress(version=8, rules=rules, rest=before.rest)) == (version, after)


async def test_a_tunnel_without_a_configuration_has_no_rules(cloudflare: CloudflareWorld) -> None:
    cloudflare.account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home")

    async with cloudflare.port.session(TOKEN) as session:
        found = await session.ingress(ACCOUNT, TUNNEL)
        with pytest.raises(TunnelNotFoundError):
            await session.ingress(ACCOUNT, TUNNEL.replace("f7", "b7"))

    assert Ingress(version=0, rules=()) == found


async def test_an_ingress_that_is_refused_says_why(cloudflare: CloudflareWorld) -> None:
    cloudflare.account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home")
    rules = (new_rule("http://127.0.0.1:3001", "blog.example.org"),)

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(CloudflareError, match="last ingress rule must match all"):
            await session.put_ingress(ACCOUNT, TUNNEL, Ingress(version=0, rules=rules))


async def test_a_change_that_may_have_arrived_is_not_made_twice(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    cloudflare.account.faults["change_records"] = [Fault.CUT_AFTER]

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(CloudflareUnreachableError):
            await session.change_records(RecordChange(zone=zone, new=(BLOG,)))

    assert ["change_records"] == cloudflare.account.asked
    assert [("CNAME", TARGET)] == cloudflare.account.found("blog.example.org")


async def test_a_token_may_do_less_than_is_asked(cloudflare: CloudflareWorld) -> None:
    zone = cloudflare.account.add_zone("example.org")
    cloudflare.account.faults["change_records"] = [Fault.FORBIDDEN]

    async with cloudflare.port.session(TOKEN) as session:
        with pytest.raises(CloudflareLoginError):
            await session.change_records(RecordChange(zone=zone, new=(BLOG,)))

    assert [] == cloudflare.account.found("blog.example.org")
