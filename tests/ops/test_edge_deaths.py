"""Killed at any line, whoever sets the edge types the same again, and it is set; two never do so at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import AppBusyError, EdgeError
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.edge_requests import SetEdge
from pvdify.model.event import Outcome
from pvdify.ops.edge_settings import set_edge
from pvdify.ops.perform import accepted, performed
from pvdify.ops.recover import recover_all
from tests.ops.test_edge import CREDENTIALS, NAME, TUNNEL, opened, to_tunnel
from tests.ops.world import Cut, Killed, World

if TYPE_CHECKING:
    from pathlib import Path

LINES = 40
OTHERS = CREDENTIALS.replace("c2VjcmV0", "b3RoZXI=")
AS_TUNNEL = EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel=TUNNEL)
AS_CADDY = EdgeSettings(kind=EdgeKind.CADDY, internal_ca=True)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """An app with a name, and no edge."""
    world = World(tmp_path / "begun")
    await world.begin("v1")
    await world.add(NAME)
    return world


def kill() -> None:
    raise Killed


async def dies(world: World, request: SetEdge, at: int) -> bool:
    """The edge is set by a process that is killed at a line of its journal; whether it got so far."""
    host = world.process()
    with accepted(host, "edge.set", app="", actor="ada") as running:
        cut = Cut(running.journal, at, bool(at % 2), kill)
        running.journal = cut  # type: ignore[assignment]  # the same, but mortal
        try:
            await performed(host, running, lambda host, one: set_edge(host, one, request))
        except Killed:
            cut.journal.close()
            return True
    return False


async def test_caddy_is_set_by_typing_it_again(world: World, tmp_path: Path) -> None:
    lines = 0
    for at in range(1, LINES):
        other = world.fork(tmp_path / str(at))
        if not await dies(other, SetEdge(edge=AS_CADDY), at):
            break
        lines = at

        await other.set_edge(internal_ca=True)

        assert {NAME: 3000} == other.fake.edges[EdgeKind.CADDY].names, at
        assert {"unfinished edge.set"} >= set(other.problems()), at
    assert lines > 6


@pytest.mark.parametrize("is_recovered", [True, False])
async def test_other_credentials_reach_the_unit_of_the_tunnel_by_typing_it_again(
    world: World, tmp_path: Path, *, is_recovered: bool
) -> None:
    await to_tunnel(world)
    request = SetEdge(edge=AS_TUNNEL, credentials=OTHERS)
    lines = 0
    for at in range(1, LINES):
        other = world.fork(tmp_path / str(at))
        if not await dies(other, request, at):
            break
        lines = at

        if is_recovered:
            assert await recover_all(other.process(), print)
        again = await other.set_edge(EdgeKind.CLOUDFLARED, credentials=OTHERS, tunnel=TUNNEL)

        assert Outcome.DONE is again.outcome
        assert OTHERS.encode() == await opened(other), at
        assert {NAME: 3000} == other.fake.edges[EdgeKind.CLOUDFLARED].names, at
    assert lines > 6


async def test_an_edge_that_is_down_is_started_by_setting_it_again(world: World) -> None:
    await world.set_edge(internal_ca=True)
    caddy = world.fake.edges[EdgeKind.CADDY]
    await caddy.stop()

    assert Outcome.DONE is (await world.set_edge(internal_ca=True)).outcome
    assert Outcome.UNCHANGED is (await world.set_edge(internal_ca=True)).outcome

    assert {NAME: 3000} == caddy.names


async def test_a_router_that_has_not_read_of_the_edge_does_so_when_it_is_set_again(world: World) -> None:
    await world.set_edge(EdgeKind.NONE, forwards=True)
    world.fake.router.read = "something else"

    assert Outcome.DONE is (await world.set_edge(EdgeKind.NONE, forwards=True)).outcome

    assert [] == world.problems()


async def test_two_never_set_it_at_once(world: World) -> None:
    host = world.process()

    with accepted(host, "edge.set", app="", actor="ada"), pytest.raises(AppBusyError, match="cannot change the edge"):
        await world.set_edge(internal_ca=True)

    assert EdgeKind.NONE is world.process().state.current().edge.kind


async def test_credentials_that_were_no_good_are_not_there_any_more_where_there_were_none(world: World) -> None:
    world.fake.edges[EdgeKind.CLOUDFLARED].refusal = "unauthorized"

    with pytest.raises(EdgeError):
        await to_tunnel(world)

    assert not world.settings.tunnel_credentials.exists()


async def test_refused_credentials_leave_no_doubt_about_the_edge_before(world: World) -> None:
    await to_tunnel(world)
    tunnel = world.fake.edges[EdgeKind.CLOUDFLARED]
    await world.set_edge(internal_ca=True)
    tunnel.refusal = "unauthorized"

    with pytest.raises(EdgeError):
        await world.set_edge(EdgeKind.CLOUDFLARED, credentials=OTHERS, tunnel=TUNNEL)

    assert Outcome.UNCHANGED is (await world.set_edge(internal_ca=True)).outcome
    assert [] == world.problems()
