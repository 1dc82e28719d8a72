"""Names that DNS leads here: made, found, in the way, and taken back, also where Cloudflare fails in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import (
    CloudflareLoginError,
    DomainTakenError,
    NotFoundError,
    RecordInTheWayError,
    RefusedError,
    ZoneNotFoundError,
)
from pvdify.model.caller import Caller
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.edge_requests import AddDomains
from pvdify.model.event import Outcome
from pvdify.model.requests import CreateApp, Nothing
from pvdify.ops.cloudflare import logout
from pvdify.ops.create import create_app
from pvdify.ops.domains import add_domains
from pvdify.ops.perform import perform
from tests.adapters.cloudflare_world import FakeCloudflareWorld
from tests.fakes.cloudflare import OTHER_ACCOUNT, Fault
from tests.ops.cloud_world import NAME, TARGET, CloudWorld, by_the_real_client
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OURS = [("CNAME", TARGET)]
CADDY = EdgeSettings(kind=EdgeKind.CADDY)


@pytest.fixture
async def world(tmp_path: Path) -> CloudWorld:
    """Cloudflare is in memory."""
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld())
    return world


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[CloudWorld]:
    async with by_the_real_client(tmp_path) as world:
        yield world


async def test_a_name_is_added_and_led_here_and_removed_again(real: CloudWorld) -> None:
    added = await real.lead()

    (record,) = real.cloud.account.records[real.zone].values()
    assert (Outcome.DONE, (NAME,), OURS) == (added.outcome, real.names(), real.found())
    assert (True, "pvdify: blog") == (record.proxied, record.comment)

    await real.remove(NAME)

    assert ((), []) == (real.names(), real.found())
    assert () == real.process().state.elsewhere.records(APP)


async def test_a_name_that_is_declared_no_more_stays_in_dns_as_is_told_and_can_be_taken_from_there(
    real: CloudWorld,
) -> None:
    await real.lead()

    await real.change(domains=[])
    assert (OURS, ()) == (real.found(), real.names())
    assert f"pvdify domains:remove {APP} {NAME}" in real.notes()
    await real.remove(NAME)

    assert [] == real.found()


async def test_what_is_so_already_changes_nothing(world: CloudWorld) -> None:
    await world.lead()
    before = dict(world.cloud.account.records[world.zone])

    again = await world.lead()

    assert (Outcome.UNCHANGED, before) == (again.outcome, world.cloud.account.records[world.zone])


async def test_a_name_that_an_app_has_is_led_here_later(world: CloudWorld) -> None:
    await world.add(NAME)
    assert [] == world.found()

    done, again = await world.point(), await world.point()

    assert ([Outcome.DONE, Outcome.UNCHANGED], OURS) == ([done.outcome, again.outcome], world.found())


async def test_a_name_that_an_app_does_not_have_is_not_led_here(world: CloudWorld) -> None:
    with pytest.raises(NotFoundError):
        await world.point()

    assert [] == world.found()


async def test_a_name_outside_of_the_zones_is_refused_and_nothing_changes(world: CloudWorld) -> None:
    with pytest.raises(ZoneNotFoundError, match=r"www\.example\.net"):
        await world.lead(NAME, "www.example.net")

    assert ((), []) == (world.names(), world.found())


async def test_a_zone_of_another_account_than_the_tunnels_is_refused(world: CloudWorld) -> None:
    world.cloud.account.add_zone("example.net", account=OTHER_ACCOUNT)

    with pytest.raises(RefusedError, match="another account"):
        await world.lead("www.example.net")

    assert ((), []) == (world.names(), world.found("www.example.net"))


@pytest.mark.parametrize("type_", ["CNAME", "A", "AAAA"])
async def test_a_record_of_somebody_else_is_shown_and_stays(real: CloudWorld, type_: str) -> None:
    content = {"CNAME": "pages.example.net", "A": "192.0.2.1", "AAAA": "2001:db8::1"}[type_]
    real.cloud.account.add_record(real.zone, type_, NAME, content)
    before = real.process().state.current().number

    with pytest.raises(RecordInTheWayError, match=content) as told:
        await real.lead()

    assert "--force" in told.value.hint
    assert (before, 0) == (real.process().state.current().number, real.cloud.account.asked.count("put_ingress"))
    assert ((), [(type_, content)]) == (real.names(), real.found())


async def test_a_record_of_somebody_else_is_overwritten_where_that_is_said_and_mail_stays(real: CloudWorld) -> None:
    for type_, content in (("A", "192.0.2.1"), ("A", "192.0.2.2"), ("MX", "mail.example.net")):
        real.cloud.account.add_record(real.zone, type_, NAME, content)

    await real.lead(force=True)

    assert [("MX", "mail.example.net"), *OURS] == real.found()


async def test_what_others_made_or_changed_stays_where_a_domain_is_removed(world: CloudWorld) -> None:
    await world.lead(NAME, "www.example.org")
    records = world.cloud.account.records[world.zone]
    ours = next(one for one in records.values() if one.name == NAME)
    world.cloud.account.batch(world.zone, [ours.id], [])
    world.cloud.account.add_record(world.zone, "CNAME", NAME, "pages.example.net")

    await world.remove(NAME)
    assert "pages.example.net stays" in world.notes()
    await world.remove("www.example.org")

    assert ([("CNAME", "pages.example.net")], []) == (world.found(), world.found("www.example.org"))


async def test_without_a_token_nothing_is_led_here_and_what_is_removed_stays_in_dns(tmp_path: Path) -> None:
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld(), CADDY)
    await world.lead(addresses=("203.0.113.7",))
    await logout(world.process(), Nothing(), Caller(name="ada"))

    with pytest.raises(CloudflareLoginError, match="no token"):
        await world.lead("www.example.org", addresses=("203.0.113.7",))
    assert (NAME,) == world.names()
    removed = await world.remove(NAME)

    assert (Outcome.DONE, (), [("A", "203.0.113.7")]) == (removed.outcome, world.names(), world.found())
    assert f"{NAME} stays in DNS" in world.notes()
    with pytest.raises(CloudflareLoginError, match="no token"):
        await world.remove(NAME)
    assert [("A", "203.0.113.7")] == world.found()


async def test_without_a_tunnel_it_is_told_what_dns_needs_or_made_of_the_addresses_that_are_given(
    tmp_path: Path,
) -> None:
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld(), CADDY)

    told = await world.lead()
    assert f"no record is made without --address: DNS needs {NAME}. A" in told.text
    assert ((NAME,), []) == (world.names(), world.found())
    await world.point(addresses=("203.0.113.7", "2001:db8::7"))

    assert [("A", "203.0.113.7"), ("AAAA", "2001:db8::7")] == world.found()


async def test_names_in_two_zones_are_led_here_or_none_of_them(real: CloudWorld) -> None:
    other = real.cloud.account.add_zone("example.net")
    real.cloud.account.meanwhile["change_records"] = lambda: real.cloud.account.add_record(
        other, "A", "www.example.net", "192.0.2.1"
    )

    with pytest.raises(RecordInTheWayError):
        await real.lead(NAME, "www.example.net")

    assert ((), [], [("A", "192.0.2.1")]) == (real.names(), real.found(), real.found("www.example.net"))


async def test_what_was_overwritten_comes_back_where_the_rest_fails(world: CloudWorld) -> None:
    other = world.cloud.account.add_zone("example.net")
    theirs = world.cloud.account.add_record(world.zone, "CNAME", NAME, "pages.example.net", ttl=300, comment="by hand")
    world.cloud.account.meanwhile["change_records"] = lambda: world.cloud.account.add_record(
        other, "NS", "www.example.net", "ns1.example.com"
    )

    with pytest.raises(RecordInTheWayError):
        await world.lead(NAME, "www.example.net", force=True)

    (back,) = world.cloud.account.records[world.zone].values()
    assert (theirs.type, theirs.content, 300, "by hand") == (back.type, back.content, back.ttl, back.comment)
    assert () == world.process().state.elsewhere.records(APP)


async def test_two_apps_that_want_one_name_at_once_get_one_record(world: CloudWorld) -> None:
    host = world.process()
    await perform(
        host, "apps.create", app="shop", actor="ada", run=lambda h, r: create_app(h, r, CreateApp(name="shop"))
    )
    ended: list[BaseException | None] = []

    async def add(app: str) -> None:
        request = AddDomains(app=app, domains=(NAME,), dns=True)
        try:
            await perform(
                world.process(), "domains.add", app=app, actor="ada", run=lambda h, r: add_domains(h, r, request)
            )
        except DomainTakenError as error:
            ended.append(error)
        else:
            ended.append(None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(add, "blog")
        tasks.start_soon(add, "shop")

    assert [True, False] == sorted((one is None for one in ended), reverse=True)
    assert OURS == world.found()


async def test_another_host_that_is_faster_is_told_of(world: CloudWorld) -> None:
    def faster() -> None:
        world.cloud.account.add_record(world.zone, "CNAME", NAME, "other.cfargotunnel.com", comment="pvdify: blog")

    world.cloud.account.meanwhile["change_records"] = faster

    with pytest.raises(RecordInTheWayError, match=r"other\.cfargotunnel\.com"):
        await world.lead()

    assert ((), [("CNAME", "other.cfargotunnel.com")]) == (world.names(), world.found())


async def test_many_names_are_looked_at_in_one_go(world: CloudWorld) -> None:
    names = tuple(f"n{number}.example.org" for number in range(40))

    await world.lead(*names)

    assert len(names) == len(world.cloud.account.records[world.zone])
    assert 1 == world.cloud.account.asked.count("change_records")
    assert world.cloud.account.asked.count("records") <= 3


async def test_what_keeps_visitors_away_although_dns_is_right_is_told(world: CloudWorld) -> None:
    world.cloud.account.add_zone("example.net", status="pending")

    await world.lead("www.example.net", "a.b.example.org")

    assert "the zone example.net is pending" in world.notes()
    assert "a.b.example.org is more than one label below example.org" in world.notes()
    assert "www.example.net is more" not in world.notes()


async def test_a_star_is_led_here_too(world: CloudWorld) -> None:
    await world.lead("*.example.org")

    assert OURS == world.found("*.example.org")


async def test_a_removal_that_fails_on_the_host_leaves_its_record_in_dns(world: CloudWorld) -> None:
    await world.lead()
    world.fake.router.refused_config = "no"
    world.cloud.account.faults["put_ingress"] = [Fault.FORBIDDEN]

    with pytest.raises(CloudflareLoginError):
        await world.remove(NAME)

    assert ((NAME,), OURS) == (world.names(), world.found())
    assert 1 == len(world.process().state.elsewhere.records(APP))


async def test_a_name_whose_zone_is_gone_can_be_removed(real: CloudWorld) -> None:
    await real.lead()
    del real.cloud.account.zones[real.zone]

    await real.remove(NAME)

    assert () == real.names()
    assert () == real.process().state.elsewhere.records(APP)


async def test_an_app_that_goes_takes_its_records_along_and_leaves_those_of_others(world: CloudWorld) -> None:
    await world.lead(NAME, "www.example.org")
    theirs = world.cloud.account.add_record(world.zone, "A", "example.org", "192.0.2.1")

    await world.do("destroy")

    assert {theirs.id: theirs} == world.cloud.account.records[world.zone]


async def test_an_app_goes_also_where_cloudflare_does_not_answer_and_it_is_told_what_stays(world: CloudWorld) -> None:
    await world.lead()
    world.cloud.account.faults["records"] = [Fault.BROKEN]

    await world.do("destroy")

    assert OURS == world.found()
    assert f"records of {NAME} stay in DNS" in world.notes()
