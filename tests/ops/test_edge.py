"""The edge: which program it is, what it serves, and how it comes back to that after whatever happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import EdgeError, ProgramMissingError, RenderError, SpecError
from pvdify.model.answers import CheckStatus
from pvdify.model.edge import EdgeKind
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, ForApp, Nothing
from pvdify.ops.apply import apply, plan
from pvdify.ops.doctor import doctor
from pvdify.ops.domain_states import list_domains
from pvdify.ops.edge import follow
from pvdify.ops.edge_settings import show_edge
from pvdify.ops.host_secrets import host_secret, host_secret_names
from pvdify.ops.perform import accepted, perform
from pvdify.ops.recover import recover_all
from pvdify.render.edge import CADDY
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed
    from tests.fakes import FakeEdge

NAME = "blog.example.org"
TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
CREDENTIALS = f'{{"AccountTag": "{32 * "a"}", "TunnelSecret": "c2VjcmV0", "TunnelID": "{TUNNEL}"}}'


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """An app that serves by a name behind Caddy."""
    world = World(tmp_path)
    await world.begin("v1")
    await world.set_edge(internal_ca=True)
    await world.add(NAME)
    return world


@pytest.fixture
def caddy(world: World) -> FakeEdge:
    return world.fake.edges[EdgeKind.CADDY]


@pytest.fixture
def tunnel(world: World) -> FakeEdge:
    return world.fake.edges[EdgeKind.CLOUDFLARED]


async def to_tunnel(world: World) -> Changed:
    return await world.set_edge(EdgeKind.CLOUDFLARED, credentials=CREDENTIALS, tunnel=TUNNEL)


async def applied(world: World) -> Changed:
    return await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, Apply()))


async def test_what_is_other_about_the_edge_is_told(world: World) -> None:
    other = await world.set_edge(EdgeKind.NONE)
    anew = await world.set_edge(EdgeKind.NONE, forwards=True)
    below = await world.set_edge(EdgeKind.NONE, forwards=True, domain="apps.example.org")
    both = await world.set_edge(EdgeKind.CADDY, internal_ca=True)

    assert ("the edge is none now", "the edge none is set anew") == (other.text, anew.text)
    assert "every app has a name below apps.example.org now" == below.text
    assert "the edge is caddy now; no app has a name of the host's any more" == both.text


async def test_another_edge_takes_over_and_the_first_goes_when_it_serves(
    world: World, caddy: FakeEdge, tunnel: FakeEdge
) -> None:
    done = await to_tunnel(world)

    assert (Outcome.DONE, "the edge is cloudflared now") == (done.outcome, done.text)
    assert {NAME: 3000} == tunnel.names
    assert (False, {}) == (caddy.is_up, caddy.names)
    assert CADDY not in world.process().state.current().files


async def test_an_edge_that_does_not_start_leaves_the_one_before(
    world: World, caddy: FakeEdge, tunnel: FakeEdge
) -> None:
    tunnel.refusal = "it cannot connect"

    with pytest.raises(EdgeError):
        await to_tunnel(world)

    assert (True, {NAME: 3000}) == (caddy.is_up, caddy.names)
    assert "stop" not in caddy.actions
    assert EdgeKind.CADDY is world.process().state.current().edge.kind
    assert [] == world.problems()


async def test_where_neither_comes_up_the_one_that_was_asked_for_is_told_and_the_other_noted(
    world: World, caddy: FakeEdge, tunnel: FakeEdge
) -> None:
    tunnel.refusal = "it cannot connect"
    caddy.refusal = "somebody has its ports"

    with pytest.raises(EdgeError, match="it cannot connect"):
        await to_tunnel(world)

    record = world.process().state.records("")[0]
    assert "somebody has its ports" in "\n".join(event.text for event in record.events)
    assert EdgeKind.CADDY is world.process().state.current().edge.kind
    caddy.refusal = ""
    await applied(world)
    assert [] == world.problems()


async def test_without_an_edge_nothing_runs_and_names_wait(world: World, caddy: FakeEdge) -> None:
    await world.set_edge(EdgeKind.NONE)

    assert not caddy.is_up
    (one,) = (await list_domains(world.process(), ForApp(app=APP))).domains
    assert "no edge" in one.reason
    await world.add("www.example.org")
    await world.set_edge(internal_ca=True)
    assert {NAME, "www.example.org"} == set(caddy.names)


async def test_a_program_that_is_not_installed_is_no_edge(world: World, tunnel: FakeEdge) -> None:
    tunnel.is_installed = False
    before = world.process().state.current().number

    with pytest.raises(ProgramMissingError):
        await to_tunnel(world)

    assert before == world.process().state.current().number


async def test_names_that_the_other_edge_cannot_serve_are_no_reason_to_lose_this_one(
    world: World, caddy: FakeEdge
) -> None:
    await world.add("*.example.org")

    with pytest.raises(SpecError, match=r"\*\.example\.org"):
        await world.set_edge(internal_ca=False)

    assert {NAME, "*.example.org"} == set(caddy.names)


async def test_a_domain_of_the_host_that_would_give_away_a_name_is_refused(world: World) -> None:
    await world.add("shop.apps.example.org")

    with pytest.raises(SpecError, match="every app has the name"):
        await world.set_edge(internal_ca=True, domain="apps.example.org")

    assert [] == world.problems()


async def test_a_tunnel_wants_its_own_credentials(world: World, caddy: FakeEdge) -> None:
    other = CREDENTIALS.replace("f70ff985", "00000000")
    for credentials in (None, other, "{", "[]"):
        with pytest.raises(SpecError):
            await world.set_edge(EdgeKind.CLOUDFLARED, credentials=credentials, tunnel=TUNNEL)

    assert caddy.is_up
    assert EdgeKind.CADDY is world.process().state.current().edge.kind


async def test_credentials_that_the_tunnel_does_not_start_with_leave_those_before(
    world: World, tunnel: FakeEdge
) -> None:
    await to_tunnel(world)
    others = CREDENTIALS.replace("c2VjcmV0", "b3RoZXI=")
    tunnel.refusal = "unauthorized"

    with pytest.raises(EdgeError):
        await world.set_edge(EdgeKind.CLOUDFLARED, credentials=others, tunnel=TUNNEL)
    tunnel.refusal = ""
    await to_tunnel(world)

    assert CREDENTIALS.encode() == await opened(world)
    assert CREDENTIALS.encode() == await host_secret(world.process(), f"tunnel-{TUNNEL}")


async def test_another_tunnel_that_does_not_start_leaves_the_one_before_with_its_credentials(
    world: World, tunnel: FakeEdge
) -> None:
    await to_tunnel(world)
    other = TUNNEL.replace("f7", "a7")
    tunnel.refusal = "unauthorized"

    with pytest.raises(EdgeError):
        await world.set_edge(EdgeKind.CLOUDFLARED, credentials=CREDENTIALS.replace(TUNNEL, other), tunnel=other)

    assert (f"tunnel-{TUNNEL}",) == await host_secret_names(world.process())
    tunnel.refusal = ""
    await world.set_edge(EdgeKind.CLOUDFLARED, credentials=CREDENTIALS.replace(TUNNEL, other), tunnel=other)
    assert (f"tunnel-{other}",) == await host_secret_names(world.process())
    assert other.encode() in await opened(world)


async def test_credentials_stay_while_the_edge_is_another_and_are_not_asked_for_again(
    world: World, tunnel: FakeEdge
) -> None:
    await to_tunnel(world)
    await world.set_edge(internal_ca=True)
    assert not tunnel.is_up

    await world.set_edge(EdgeKind.CLOUDFLARED, tunnel=TUNNEL)

    assert tunnel.is_up
    assert CREDENTIALS.encode() == await opened(world)


async def opened(world: World) -> bytes:
    """What the tunnel's unit gets to see."""
    return await world.fake.seal.unseal("pvdify-tunnel", world.settings.tunnel_credentials.read_bytes())


async def test_credentials_are_in_no_journal_no_audit_and_no_error(world: World) -> None:
    await to_tunnel(world)
    with pytest.raises(SpecError) as refused:
        await world.set_edge(
            EdgeKind.CLOUDFLARED, credentials=CREDENTIALS.replace("f70ff985", "00000000"), tunnel=TUNNEL
        )

    written = [world.settings.audit, *world.settings.operations.iterdir(), *world.settings.generations.rglob("*")]
    texts = [file.read_text(errors="replace") for file in written if file.is_file()]
    assert [] == [text for text in texts if "c2VjcmV0" in text]
    assert "c2VjcmV0" not in str(refused.value) + repr(refused.value)


async def test_what_it_was_brought_to_is_known_after_a_boot_and_it_is_left_alone(world: World, caddy: FakeEdge) -> None:
    world.fake.boot()
    caddy.actions.clear()

    assert {NAME: 3000} == caddy.names
    assert not await follow(world.process())
    assert "the host is as declared; nothing to do" == (await applied(world)).text
    assert [] == caddy.actions
    (one,) = (await list_domains(world.process(), ForApp(app=APP))).domains
    assert "active" == one.state.value


async def test_an_edge_that_is_down_is_planned_and_started(world: World, caddy: FakeEdge) -> None:
    await caddy.stop()

    (one,) = (await list_domains(world.process(), ForApp(app=APP))).domains
    assert ("failed", "the edge caddy is down: `pvdify apply`") == (one.state.value, one.reason)
    assert ["caddy is down"] == [step.detail for step in (await plan(world.process(), Apply())).steps]
    assert "heal the edge" == (await applied(world)).text

    assert {NAME: 3000} == caddy.names


async def test_a_file_that_somebody_edited_is_made_again_and_read_again(world: World, caddy: FakeEdge) -> None:
    file = world.settings.current / CADDY
    good = file.read_text()
    file.write_text(good.replace(NAME, "evil.example.org"))
    caddy.boot()

    failed = [one.detail for one in (await doctor(world.process(), Nothing())).checks if one.name == "generation"]
    assert [f"edited by hand: {CADDY}"] == failed
    assert (CADDY,) == (await plan(world.process(), Apply())).drift
    await applied(world)

    assert good == (world.settings.current / CADDY).read_text()
    assert {NAME: 3000} == caddy.names


async def test_an_edge_that_cannot_be_brought_back_does_not_keep_apps_from_being_applied(
    world: World, caddy: FakeEdge
) -> None:
    await caddy.stop()
    caddy.refusal = "no"
    slot = world.settings.slot(APP)
    slot.write_text(f'drain = "7s"\n{slot.read_text()}')

    with pytest.raises(EdgeError):
        await applied(world)

    assert 2 == world.process().row(APP).live


async def test_an_edge_whose_setting_was_killed_is_brought_to_it_by_recovery(
    world: World, caddy: FakeEdge, tunnel: FakeEdge
) -> None:
    tunnel.is_stuck = True
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(to_tunnel, world)
            while not tunnel.is_up:
                await anyio.lowlevel.checkpoint()
            survivor = world.fork(world.directory.with_name("killed"))  # as the disk is when the process dies
            tunnel.is_stuck = False
            scope.cancel()
    for edge in survivor.fake.edges.values():
        edge.is_stuck = False

    assert await recover_all(survivor.process(), print)

    assert EdgeKind.CLOUDFLARED is survivor.process().state.current().edge.kind
    assert (False, {NAME: 3000}) == (
        survivor.fake.edges[EdgeKind.CADDY].is_up,
        survivor.fake.edges[EdgeKind.CLOUDFLARED].names,
    )
    assert EdgeKind.CADDY is world.process().state.current().edge.kind
    assert (True, {NAME: 3000}) == (caddy.is_up, caddy.names)


async def test_recovery_tells_of_an_edge_that_does_not_follow(world: World, caddy: FakeEdge) -> None:
    world.process().state.followed.note("something else")
    caddy.refusal = "no"
    said: list[str] = []

    assert not await recover_all(world.process(), said.append)

    assert "no" in said[0]


async def test_two_who_want_it_to_follow_ask_it_once(world: World, caddy: FakeEdge) -> None:
    world.process().state.followed.note(None)
    caddy.actions.clear()
    done: list[bool] = []

    async def want() -> None:
        done.append(await follow(world.process()))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(want)

    assert (["follow"], [False, False, True]) == (caddy.actions, sorted(done))


async def test_a_program_that_takes_no_file_keeps_the_edge_from_being_set(world: World, tunnel: FakeEdge) -> None:
    tunnel.refused_config = "no ingress rules"

    with pytest.raises(RenderError, match="no ingress rules"):
        await to_tunnel(world)

    assert [] == world.problems()


async def test_the_edge_is_shown_as_it_is(world: World, caddy: FakeEdge) -> None:
    shown = await show_edge(world.process(), Nothing())

    assert (EdgeKind.CADDY, True, 1) == (shown.edge.kind, shown.is_running, shown.names)
    await caddy.stop()
    assert not (await show_edge(world.process(), Nothing())).is_running


async def test_the_doctor_says_which_edge_runs_and_what_is_missing(world: World, caddy: FakeEdge) -> None:
    world.fake.resolver.names[NAME] = world.fake.resolver.own

    async def seen() -> list[tuple[CheckStatus, str]]:
        checks = (await doctor(world.process(), Nothing())).checks
        return [(one.status, one.detail) for one in checks if one.name in {"edge", f"domain of {APP}"}]

    assert [(CheckStatus.OK, "caddy 2.0.0 is up; 1 of 1 names are active")] == await seen()
    caddy.uncertified.add(NAME)
    assert (CheckStatus.FAIL, f"it has no certificate for {NAME}") in await seen()
    await caddy.stop()
    assert [(CheckStatus.FAIL, "the edge caddy is down")] == await seen()
    caddy.is_installed = False
    assert [(CheckStatus.FAIL, "cannot find the program caddy")] == await seen()
    await world.set_edge(EdgeKind.NONE)
    assert [(CheckStatus.OK, "none; 1 names come by a proxy of your own")] == await seen()
    await world.set_edge(EdgeKind.NONE, forwards=True)
    detail = "a proxy of your own is in front; 1 of 1 names are active"
    assert [(CheckStatus.OK, detail)] == await seen()


async def test_an_operation_on_the_edge_that_died_is_ended(world: World) -> None:
    with accepted(world.process(), "edge.set", app="", actor="ada") as running:
        running.journal.close()

    assert await recover_all(world.process(), print)

    assert [] == world.problems()
