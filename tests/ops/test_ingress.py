"""A tunnel whose names Cloudflare keeps: brought to ours, shared with others, and left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pvdify.errors import (
    CloudflareError,
    CloudflareLoginError,
    CloudflareUnreachableError,
    EdgeError,
    RefusedError,
    SpecError,
    TunnelNotFoundError,
)
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.model.event import Outcome
from pvdify.model.requests import Nothing
from pvdify.ops.edge import follow
from pvdify.ops.edge_settings import show_edge
from tests.adapters.cloudflare_world import FakeCloudflareWorld, real_cloudflare
from tests.fakes.cloudflare import ACCOUNT, OTHER_ACCOUNT, TUNNEL, FakeTunnel, Fault
from tests.ops.cloud_world import NAME, REMOTE, CloudWorld, by_the_real_client
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NONE = EdgeSettings()
SSH: dict[str, Any] = {
    "hostname": "ssh.example.org",
    "service": "ssh://localhost:22",
    "originRequest": {"connectTimeout": 30},
}
LAST = {"service": "http_status:404"}
SHARED: dict[str, Any] = {"warp-routing": {"enabled": True}, "ingress": [SSH, LAST]}
CREDENTIALS = json.dumps({"AccountTag": ACCOUNT, "TunnelSecret": "c2VjcmV0", "TunnelID": TUNNEL})
UNSURE = [Fault.BROKEN, Fault.BROKEN_AFTER, Fault.CUT, Fault.CUT_AFTER, Fault.HANGS_AFTER]


@pytest.fixture
async def world(tmp_path: Path) -> CloudWorld:
    """Cloudflare is in memory, and somebody else uses the tunnel too."""
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld())
    shared(world)
    return world


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[CloudWorld]:
    """The same, and the real client asks a stand-in for Cloudflare."""
    async with by_the_real_client(tmp_path) as world:
        shared(world)
        yield world


def shared(world: CloudWorld) -> None:
    world.tunnel.config = msgspec.json.decode(msgspec.json.encode(SHARED))


def front(world: CloudWorld) -> str:
    return f"http://127.0.0.1:{world.process().row(APP).front}"


def rules(world: CloudWorld) -> list[Any]:
    assert world.tunnel.config is not None
    return list(world.tunnel.config["ingress"])


def put_by_another(world: CloudWorld, hostname: str) -> None:
    """Somebody adds a rule in the dashboard, and knows nothing of what was put since they opened it."""
    other = {"hostname": hostname, "service": "http://localhost:8080"}
    world.cloud.account.configure(ACCOUNT, TUNNEL, {**SHARED, "ingress": [SSH, other, LAST]})


async def test_names_are_put_among_the_rules_of_others_and_taken_out_again(real: CloudWorld) -> None:
    await real.add(NAME)

    assert [SSH, {"hostname": NAME, "service": front(real)}, LAST] == rules(real)
    assert {"enabled": True} == (real.tunnel.config or {})["warp-routing"]

    await real.remove(NAME)

    assert SHARED == real.tunnel.config


async def test_what_is_so_already_is_not_put_again(world: CloudWorld) -> None:
    await world.add(NAME)
    version = world.tunnel.version

    assert not await follow(world.process())
    assert await follow(world.process(), again=True)

    assert version == world.tunnel.version


async def test_a_deploy_asks_cloudflare_nothing(world: CloudWorld) -> None:
    await world.add(NAME)
    world.cloud.account.asked.clear()

    for release in ("v1", "v2"):
        await world.do(release)

    assert [] == world.cloud.account.asked


async def test_a_rule_of_somebody_else_with_our_name_is_told_of_and_nothing_changes(real: CloudWorld) -> None:
    put_by_another(real, NAME)
    before = rules(real)

    with pytest.raises(EdgeError, match="http://localhost:8080"):
        await real.add(NAME)

    assert ((), before) == (real.names(), rules(real))


@pytest.mark.parametrize("fault", UNSURE, ids=lambda one: one.name.lower())
async def test_a_change_without_an_answer_is_looked_at_and_made(real: CloudWorld, fault: Fault) -> None:
    real.cloud.account.faults["put_ingress"] = [fault]

    await real.add(NAME)

    assert ((NAME,), [SSH, {"hostname": NAME, "service": front(real)}, LAST]) == (real.names(), rules(real))


async def test_what_was_put_before_cloudflare_was_gone_is_taken_out_once_it_is_back(real: CloudWorld) -> None:
    def gone() -> None:
        real.cloud.account.faults["ingress"] = [Fault.BROKEN] * 100

    real.cloud.account.faults["put_ingress"] = [Fault.CUT_AFTER]
    real.cloud.account.meanwhile["put_ingress"] = gone
    with pytest.raises(CloudflareUnreachableError):
        await real.add(NAME)
    assert ((), NAME) == (real.names(), rules(real)[1]["hostname"])

    real.cloud.account.faults.clear()
    assert await follow(real.process())

    assert SHARED == real.tunnel.config


async def test_a_token_that_may_not_change_tunnels_changes_nothing(real: CloudWorld) -> None:
    real.cloud.account.faults["put_ingress"] = [Fault.FORBIDDEN]

    with pytest.raises(CloudflareLoginError):
        await real.add(NAME)

    assert ((), SHARED) == (real.names(), real.tunnel.config)


async def test_somebody_who_changes_the_tunnel_right_after_us_keeps_their_rule_and_we_put_ours_again(
    real: CloudWorld,
) -> None:
    account = real.cloud.account
    account.meanwhile["put_ingress"] = lambda: account.meanwhile.update(
        ingress=lambda: put_by_another(real, "wiki.example.org")
    )

    await real.add(NAME)

    assert ["ssh.example.org", "wiki.example.org", NAME, ""] == list(real.tunnel.hostnames)


async def test_somebody_who_changed_the_tunnel_between_our_look_and_our_change_is_told_of(real: CloudWorld) -> None:
    real.cloud.account.meanwhile["put_ingress"] = lambda: put_by_another(real, "wiki.example.org")

    await real.add(NAME)

    assert "somebody changed the tunnel" in real.notes()
    assert front(real) == real.tunnel.hostnames[NAME]


async def test_somebody_who_never_stops_changing_the_tunnel_is_given_up_on(world: CloudWorld) -> None:
    account = world.cloud.account

    def again() -> None:
        put_by_another(world, "wiki.example.org")
        account.meanwhile["ingress"] = again

    account.meanwhile["ingress"] = again

    with pytest.raises(CloudflareError, match="somebody else changes it"):
        await world.add(NAME)

    assert () == world.names()


async def test_a_tunnel_that_is_not_there_is_refused_and_the_edge_stays(tmp_path: Path) -> None:
    with real_cloudflare() as cloud:
        world = CloudWorld(tmp_path)
        await world.start(cloud, NONE)
        other = msgspec.structs.replace(REMOTE, tunnel=TUNNEL.replace("f7", "a7"))

        with pytest.raises(TunnelNotFoundError):
            await world.put_edge(other)
        with pytest.raises(CloudflareLoginError):
            await world.put_edge(msgspec.structs.replace(REMOTE, account=OTHER_ACCOUNT))

    assert NONE == world.process().state.current().edge


async def test_a_tunnel_that_reads_a_file_of_its_own_is_refused(tmp_path: Path) -> None:
    world = CloudWorld(tmp_path)
    await world.start(FakeCloudflareWorld(), NONE)
    world.tunnel.is_remote = False

    with pytest.raises(RefusedError, match="a file of its own"):
        await world.put_edge(REMOTE)

    assert (NONE, None) == (world.process().state.current().edge, world.tunnel.config)


async def test_another_edge_takes_our_rules_out_of_the_tunnel(real: CloudWorld) -> None:
    await real.add(NAME)

    await real.put_edge(NONE)

    assert (NONE, SHARED) == (real.process().state.current().edge, real.tunnel.config)


async def test_another_edge_comes_also_where_cloudflare_is_gone_and_what_stays_is_told(world: CloudWorld) -> None:
    await world.add(NAME)
    world.cloud.account.faults["ingress"] = [Fault.BROKEN]

    changed = await world.put_edge(NONE)

    assert (Outcome.DONE, front(world)) == (changed.outcome, world.tunnel.hostnames[NAME])
    assert f"rules of pvdify's stay in the tunnel {TUNNEL}" in world.notes()


async def test_another_tunnel_has_the_names_and_the_one_before_has_none(world: CloudWorld) -> None:
    await world.add(NAME)
    other = TUNNEL.replace("f7", "a7")
    world.cloud.account.tunnels[ACCOUNT, other] = FakeTunnel("away")

    await world.put_edge(msgspec.structs.replace(REMOTE, tunnel=other))

    assert SHARED == world.tunnel.config
    assert {NAME: front(world), "": LAST["service"]} == world.cloud.account.tunnels[ACCOUNT, other].hostnames


async def test_an_edge_that_cannot_be_brought_to_the_names_leaves_the_one_before(world: CloudWorld) -> None:
    await world.put_edge(NONE)
    await world.add(NAME)
    put_by_another(world, NAME)

    with pytest.raises(EdgeError):
        await world.put_edge(REMOTE)

    assert (NONE, "http://localhost:8080") == (
        world.process().state.current().edge,
        world.tunnel.hostnames[NAME],
    )


async def test_without_credentials_somebody_else_runs_the_tunnel_and_with_them_this_host_does(
    world: CloudWorld,
) -> None:
    program = world.fake.edges[EdgeKind.CLOUDFLARED]
    await world.add(NAME)
    shown = await show_edge(world.process(), Nothing())
    assert (False, True) == (program.is_up, shown.is_running)
    world.tunnel.status = "down"
    assert not (await show_edge(world.process(), Nothing())).is_running

    await world.put_edge(REMOTE, credentials=CREDENTIALS)
    assert program.is_up
    await world.add("www.example.org")

    assert (True, ["follow"]) == (program.is_up, program.actions)
    assert {NAME, "www.example.org", "ssh.example.org", ""} == set(world.tunnel.hostnames)


async def test_credentials_of_another_tunnel_do_not_count(world: CloudWorld) -> None:
    await world.put_edge(REMOTE, credentials=CREDENTIALS)
    other = TUNNEL.replace("f7", "a7")

    with pytest.raises(SpecError, match="not kept yet"):
        await world.put_edge(EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel=other))

    await world.put_edge(msgspec.structs.replace(REMOTE, managed=Managed.LOCAL))
    assert EdgeKind.CLOUDFLARED is world.process().state.current().edge.kind
