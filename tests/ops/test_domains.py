"""Names of apps: who gets one, what is refused, and what an edge or a disk that refuses leaves."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import AppBusyError, DomainTakenError, EdgeError, NotFoundError, PvdifyError, RenderError, SpecError
from pvdify.model.caller import Asked, Caller, Via
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_requests import AddDomains
from pvdify.model.event import Outcome
from pvdify.model.scope import Scope
from pvdify.ops.domains import add_domains
from pvdify.ops.perform import perform
from tests.ops.named import NAME, NO_NAMES, applied, behind_caddy, slot_of
from tests.ops.world import APP, World
from tests.store.faults import MAKES, broken

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes import FakeEdge


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return await behind_caddy(tmp_path)


@pytest.fixture
def caddy(world: World) -> FakeEdge:
    return world.fake.edges[EdgeKind.CADDY]


async def test_whoever_names_an_app_that_nobody_leads_to_is_told_what_would(world: World) -> None:
    await world.set_edge(EdgeKind.NONE)
    added = await world.add(NAME)
    await world.set_edge(EdgeKind.NONE, forwards=True)
    led = await world.add("www.example.org")

    assert added.text.startswith(f"{APP} is {NAME} now; the host has no edge yet: `pvdify edge:set caddy`")
    assert f"{APP} is www.example.org now" == led.text


async def test_a_name_is_declared_in_force_and_served_and_so_it_goes(world: World, caddy: FakeEdge) -> None:
    added = await world.add("Blog.Example.ORG.", NAME)

    assert (Outcome.DONE, f"{APP} is {NAME} now") == (added.outcome, added.text)
    assert {NAME: 3000} == caddy.names
    assert (NAME,) == world.process().slot(APP).domains
    assert [] == world.problems()

    removed = await world.remove(f"{NAME}.")

    assert f"{APP} is not {NAME} any more" == removed.text
    assert {} == caddy.names
    assert [] == world.problems()


async def test_comments_and_order_of_a_slot_outlive_its_names(world: World) -> None:
    slot_of(world).write_text(f"# ours\n{slot_of(world).read_text()}# the end\n")
    await applied(world)
    before = slot_of(world).read_text()

    await world.add(NAME)
    assert "# ours" in slot_of(world).read_text()
    await world.remove(NAME)

    assert before.split("domains")[0] == slot_of(world).read_text().split("domains")[0]
    assert "# the end" in slot_of(world).read_text()


async def test_what_is_there_already_changes_nothing(world: World, caddy: FakeEdge) -> None:
    await world.add(NAME)
    number, actions = world.process().state.current().number, list(caddy.actions)

    again = await world.add(NAME.upper())

    assert Outcome.UNCHANGED is again.outcome
    assert (number, actions) == (world.process().state.current().number, caddy.actions)


async def test_all_of_several_names_are_given_or_none(world: World, caddy: FakeEdge) -> None:
    await world.add("shop.example.org", app="shop")
    before = slot_of(world).read_bytes(), world.seen()

    with pytest.raises(DomainTakenError) as refused:
        await world.add(NAME, "shop.example.org", "www.example.org")

    assert "pvdify domains:remove shop shop.example.org" == refused.value.hint
    assert before == (slot_of(world).read_bytes(), world.seen())
    assert [] == world.problems()


async def test_a_deploy_ends_with_the_name_that_people_type(world: World) -> None:
    before = await world.do("v2")
    assert "http://127.0.0.1:3000/" == before.url
    await world.add(NAME)

    deployed = await world.do("v3")

    assert f"https://{NAME}/" == deployed.url


async def test_whose_a_name_is_stays_untold_to_who_may_not_see_that_app(world: World) -> None:
    await world.add("shop.example.org", app="shop")
    asked = Asked(caller=Caller(name="ci", via=Via.API, scopes=frozenset({Scope.DEPLOY}), apps=(APP,)))
    request = AddDomains(app=APP, domains=("shop.example.org",))

    with pytest.raises(DomainTakenError) as refused:
        await perform(
            world.process(), "domains.add", app=APP, actor=asked, run=lambda host, one: add_domains(host, one, request)
        )

    journal = world.process().state.records(APP)[0]
    told = [str(refused.value), refused.value.hint, *(event.text for event in journal.events), str(journal.failure)]
    assert [] == [text for text in told if "shop'" in text or "shop " in text]


async def test_of_two_apps_that_want_a_name_at_once_one_gets_it(world: World, caddy: FakeEdge) -> None:
    ended: dict[str, str] = {}

    async def want(app: str) -> None:
        try:
            await world.add(NAME, app=app)
            ended[app] = "has it"
        except PvdifyError as error:
            ended[app] = error.code

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(want, APP)
        tasks.start_soon(want, "shop")

    assert ["domain-taken", "has it"] == sorted(ended.values())
    (owner,) = [app for app, end in ended.items() if end == "has it"]
    assert {NAME: world.process().row(owner).front} == caddy.names
    assert [] == world.problems()


async def test_the_same_name_twice_at_once_for_one_app_is_one_operation(world: World) -> None:
    ended: list[str] = []

    async def want() -> None:
        try:
            ended.append((await world.add(NAME)).outcome.value)
        except AppBusyError:
            ended.append("busy")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(want)
        tasks.start_soon(want)

    assert ["busy", "done"] == sorted(ended)
    assert [] == world.problems()


@pytest.mark.parametrize("name", NO_NAMES)
async def test_what_is_no_name_is_refused_and_changes_nothing(name: str, world: World) -> None:
    before = slot_of(world).read_bytes(), world.process().state.current().number

    with pytest.raises(SpecError):
        await world.add("good.example.org", name)

    assert before == (slot_of(world).read_bytes(), world.process().state.current().number)
    assert [] == world.problems()


async def test_a_name_that_the_app_does_not_have_cannot_be_taken_from_it(world: World) -> None:
    await world.add(NAME, app="shop")

    with pytest.raises(NotFoundError, match="blog does not have it"):
        await world.remove(NAME)

    assert (NAME,) == world.process().row("shop").domains


async def test_a_wildcard_and_what_it_covers_may_be_two_apps(world: World, caddy: FakeEdge) -> None:
    await world.add("*.example.org")
    await world.add("shop.example.org", app="shop")

    assert {"*.example.org": 3000, "shop.example.org": 3001} == caddy.names


async def test_caddy_without_an_authority_of_its_own_gets_no_wildcard(world: World) -> None:
    await world.set_edge(internal_ca=False)

    with pytest.raises(SpecError, match="DNS challenge"):
        await world.add("*.example.org")

    assert [] == world.problems()


async def test_an_edge_that_refuses_leaves_names_slot_and_edge_as_they_were(world: World, caddy: FakeEdge) -> None:
    await world.add(NAME)
    before, asked = (slot_of(world).read_bytes(), world.seen()), len(caddy.actions)
    caddy.refusal = "no"

    with pytest.raises(EdgeError, match=r"slot\.toml is as it was"):
        await world.add("www.example.org")

    assert ["follow"] == caddy.actions[-1:]
    assert asked + 1 == len(caddy.actions), "it still serves what it did: nothing is asked of it to undo that"
    assert before == (slot_of(world).read_bytes(), world.seen())
    assert [] == world.problems()
    caddy.refusal = ""
    await world.add("www.example.org")
    assert {NAME, "www.example.org"} == set(caddy.names)


async def test_a_file_that_the_edge_would_not_take_is_never_in_force(world: World, caddy: FakeEdge) -> None:
    number = world.process().state.current().number
    caddy.refused_config = "unrecognized directive"

    with pytest.raises(RenderError, match="unrecognized directive"):
        await world.add(NAME)

    assert number == world.process().state.current().number
    assert [] == world.problems()


async def test_on_a_full_disk_a_name_is_refused_as_a_whole_or_given(world: World, tmp_path: Path) -> None:
    failed = 0
    for at in range(60):
        other = world.fork(tmp_path.with_name(f"{tmp_path.name}-{at}"))
        with broken(errno.ENOSPC, names=MAKES, at=at):
            try:
                await other.add(NAME)
                break
            except PvdifyError:
                failed += 1
        await other.add("next.example.org")  # with room again: it recovers first

        assert [] == other.problems(), at
    assert failed > 10
