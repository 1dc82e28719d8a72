"""The token for Cloudflare, and what it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import CloudflareLoginError, NotFoundError, ZoneNotFoundError
from pvdify.model.caller import Caller
from pvdify.model.cloudflare_requests import ForZone, LoginToCloudflare
from pvdify.model.requests import Nothing
from pvdify.ops.cloudflare import list_records, list_zones, login, logout
from tests.adapters.cloudflare_world import FakeCloudflareWorld
from tests.fakes.cloudflare import TOKEN
from tests.ops.cloud_world import NAME, TARGET, CloudWorld

if TYPE_CHECKING:
    from pathlib import Path

ADA = Caller(name="ada")
OTHER = TOKEN[::-1]


@pytest.fixture
async def world(tmp_path: Path) -> CloudWorld:
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld())
    return world


async def log_in(world: CloudWorld, token: str) -> list[str]:
    answer = await login(world.process(), LoginToCloudflare(token=token), ADA)
    return [zone.name for zone in answer.zones]


async def test_a_token_that_works_is_kept_where_the_hosts_secrets_are(world: CloudWorld) -> None:
    world.cloud.account.add_zone("a.example.net")

    zones = await list_zones(world.process(), Nothing())

    assert ["a.example.net", "example.org"] == [zone.name for zone in zones.zones]
    written = [path for path in world.directory.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert [] == written


async def test_a_token_that_is_refused_is_not_kept_and_the_one_before_stays(world: CloudWorld) -> None:
    with pytest.raises(CloudflareLoginError) as told:
        await log_in(world, OTHER)

    assert OTHER not in f"{told.value}{told.value.hint}"
    assert 1 == len((await list_zones(world.process(), Nothing())).zones)


async def test_a_token_that_is_disabled_is_refused_unless_it_reaches_zones_as_one_of_an_account_does(
    world: CloudWorld,
) -> None:
    world.cloud.account.is_account_token = True
    assert ["example.org"] == await log_in(world, TOKEN)

    world.cloud.account.zones.clear()
    with pytest.raises(CloudflareLoginError):
        await log_in(world, TOKEN)


async def test_a_token_that_reaches_no_zone_is_kept_for_tunnels(world: CloudWorld) -> None:
    world.cloud.account.zones.clear()

    assert [] == await log_in(world, TOKEN)


async def test_what_was_forgotten_is_asked_with_no_more(world: CloudWorld) -> None:
    await logout(world.process(), Nothing(), ADA)

    with pytest.raises(CloudflareLoginError, match="no token"):
        await list_zones(world.process(), Nothing())
    with pytest.raises(NotFoundError):
        await logout(world.process(), Nothing(), ADA)


async def test_records_are_told_with_the_app_that_they_were_made_for(world: CloudWorld) -> None:
    world.cloud.account.add_record(world.zone, "MX", "example.org", "mail.example.net")
    world.cloud.account.add_record(world.zone, "CNAME", "old.example.org", TARGET, comment="pvdify: gone")
    await world.lead()

    answer = await list_records(world.process(), ForZone(zone="Example.ORG."))

    assert [(NAME, "blog"), ("example.org", ""), ("old.example.org", "")] == [
        (one.name, one.app) for one in answer.records
    ]


async def test_a_zone_that_the_token_does_not_reach_is_not_found(world: CloudWorld) -> None:
    with pytest.raises(ZoneNotFoundError):
        await list_records(world.process(), ForZone(zone="example.com"))


def test_a_request_with_a_token_does_not_show_it() -> None:
    assert TOKEN not in repr(LoginToCloudflare(token=TOKEN))
