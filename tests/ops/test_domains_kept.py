"""Names of apps in everything else that is done: declared by hand, patched, deployed, switched, and below the host's own domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from pvdify.errors import DomainTakenError, PvdifyError, SpecError
from pvdify.model.edge import EdgeKind
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, ChangeApp, DestroyApp, SwitchGeneration
from pvdify.model.slot import Environment, Slot
from pvdify.ops.apply import plan
from pvdify.ops.change import change_app
from pvdify.ops.destroy import destroy_app
from pvdify.ops.perform import perform
from pvdify.ops.switch import switch_generation
from tests.ops.named import NAME, applied, behind_caddy, create, edit, slot_of
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes import FakeEdge


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return await behind_caddy(tmp_path)


@pytest.fixture
def caddy(world: World) -> FakeEdge:
    return world.fake.edges[EdgeKind.CADDY]


async def test_what_an_operator_wrote_into_a_slot_is_planned_and_applied(world: World, caddy: FakeEdge) -> None:
    await world.add("old.example.org")
    edit(world, '["Blog.Example.ORG", "www.example.org"]')

    planned = await plan(world.process(), Apply())
    done = await applied(world)

    assert [(APP, "domains", f"+{NAME} +www.example.org -old.example.org")] == [
        (one.app, one.action, one.detail) for one in planned.steps
    ]
    assert "domains blog" == done.text
    assert {NAME, "www.example.org"} == set(caddy.names)
    assert () == (await plan(world.process(), Apply())).steps


async def test_what_an_operator_wrote_is_taken_up_with_the_next_name(world: World, caddy: FakeEdge) -> None:
    edit(world, '["www.example.org"]')

    await world.add(NAME)

    assert {NAME, "www.example.org"} == set(caddy.names)
    assert {NAME, "www.example.org"} == set(world.process().slot(APP).domains)


async def test_another_edit_of_the_slot_still_waits_when_a_name_is_added(world: World) -> None:
    slot_of(world).write_text(f'drain = "7s"\n{slot_of(world).read_text()}')

    await world.add(NAME)

    state = world.process().state
    assert state.is_edited(state.current().apps[APP])
    assert [(APP, "release")] == [(one.app, one.action) for one in (await plan(world.process(), Apply())).steps]


async def test_names_that_cannot_be_applied_stay_declared_and_not_in_force(world: World, caddy: FakeEdge) -> None:
    await world.add(NAME, app="shop")
    edit(world, f'["{NAME}"]')

    with pytest.raises(DomainTakenError):
        await applied(world)

    assert {NAME: 3001} == caddy.names
    assert (NAME,) == world.process().slot(APP).domains
    assert ["domains"] == [one.action for one in (await plan(world.process(), Apply())).steps]


async def test_a_new_app_that_is_applied_has_its_names_before_its_release(world: World, caddy: FakeEdge) -> None:
    slot = msgspec.structs.replace(
        world.process().slot("shop"), name="new", bind_port=None, domains=("new.example.org",)
    )
    image = msgspec.structs.replace(slot, image="ghcr.io/org/blog:v1")

    planned = await plan(world.process(), Apply(slots=(image,)))
    await applied(world, Apply(slots=(image,)))

    assert ["create", "domains", "deploy"] == [one.action for one in planned.steps if one.app == "new"]
    assert {"new.example.org": 3002} == caddy.names


async def test_a_patch_replaces_the_names_with_all_else_it_says(world: World, caddy: FakeEdge) -> None:
    await world.add("old.example.org")

    changed = await world.change(domains=[NAME], env={"LEVEL": "debug"})

    assert 2 == changed.release
    assert {NAME: 3000} == caddy.names
    assert [] == world.problems()


async def test_a_patch_of_nothing_but_names_makes_no_release(world: World, caddy: FakeEdge) -> None:
    changed = await world.change(domains=[NAME])

    assert (Outcome.DONE, 1) == (changed.outcome, changed.release)
    assert {NAME: 3000} == caddy.names
    await world.change(domains=None)
    assert {} == caddy.names
    assert [] == world.problems()


async def test_a_patch_that_fails_later_takes_its_names_back(world: World, caddy: FakeEdge) -> None:
    await world.add("old.example.org")
    before = slot_of(world).read_bytes(), world.seen()
    world.fake.systemd.broken["pvdify-blog-v2-*"] = "exit-code"

    with pytest.raises(PvdifyError):
        await world.change(domains=[NAME], env={"LEVEL": "debug"})

    assert before == (slot_of(world).read_bytes(), world.seen())
    assert [] == world.problems()


async def test_a_patch_with_anothers_name_is_refused_before_anything_begins(world: World) -> None:
    await world.add(NAME, app="shop")
    number = world.process().state.current().number

    with pytest.raises(DomainTakenError):
        await world.change(domains=[NAME], env={"LEVEL": "debug"})

    assert number == world.process().state.current().number


async def test_a_deploy_a_rollback_and_a_scale_never_touch_the_edge(world: World, caddy: FakeEdge) -> None:
    await world.add(NAME)
    before = list(caddy.actions)

    for what in ("v2", "rollback", "scale", "restart", "stop", "start"):
        await world.do(what)

    assert before == caddy.actions
    assert {NAME: 3000} == caddy.names


async def test_a_switch_to_an_earlier_generation_keeps_the_names_of_now(world: World, caddy: FakeEdge) -> None:
    number = world.process().state.current().number
    await world.do("v2")
    await world.add(NAME)

    await perform(
        world.process(),
        "generations.switch",
        app="",
        actor="ada",
        run=lambda host, one: switch_generation(host, one, SwitchGeneration(number=number)),
    )

    assert 1 == world.process().row(APP).live
    assert {NAME: 3000} == caddy.names
    assert [] == world.problems()


async def test_every_app_has_a_name_below_the_hosts_domain_as_long_as_it_is_there(
    world: World, caddy: FakeEdge
) -> None:
    await world.set_edge(internal_ca=True, domain="apps.example.org")
    await create(world, "new")
    assert {"blog.apps.example.org": 3000, "new.apps.example.org": 3002, "shop.apps.example.org": 3001} == caddy.names

    await perform(
        world.process(),
        "apps.destroy",
        app="new",
        actor="ada",
        run=lambda host, one: destroy_app(host, one, DestroyApp(app="new")),
    )

    assert {"blog.apps.example.org", "shop.apps.example.org"} == set(caddy.names)
    await world.set_edge(internal_ca=True)
    assert {} == caddy.names


async def test_a_name_below_the_hosts_domain_is_that_apps_alone(world: World) -> None:
    await world.set_edge(internal_ca=True, domain="apps.example.org")

    for name in ("shop.apps.example.org", "unborn.apps.example.org"):
        with pytest.raises(SpecError, match="below the host's domain"):
            await world.add(name)
    with pytest.raises(SpecError, match="every app has its name"):
        await world.remove("blog.apps.example.org")
    await world.add("a.b.apps.example.org")

    assert Outcome.UNCHANGED is (await world.add("blog.apps.example.org")).outcome
    assert [] == world.problems()


async def test_an_app_is_made_and_unmade_though_the_edge_does_not_follow(world: World, caddy: FakeEdge) -> None:
    await world.set_edge(internal_ca=True, domain="apps.example.org")
    caddy.refusal = "no"

    made = await create(world, "new")

    assert Outcome.DONE is made.outcome
    assert "new.apps.example.org" not in caddy.names
    caddy.refusal = ""
    assert "heal the edge" == (await applied(world)).text
    assert "new.apps.example.org" in caddy.names


async def test_two_apps_names_at_once_are_both_served(world: World, caddy: FakeEdge) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.add, NAME)
        tasks.start_soon(lambda: world.add("shop.example.org", app="shop"))

    assert {NAME: 3000, "shop.example.org": 3001} == caddy.names
    assert [] == world.problems()


async def test_a_name_may_be_written_in_any_script(world: World, caddy: FakeEdge) -> None:
    await world.add("Bücher.example")

    assert {"xn--bcher-kva.example": 3000} == caddy.names
    assert Outcome.DONE is (await world.remove("xn--bcher-kva.example")).outcome


async def test_a_change_of_an_app_that_does_not_run_has_its_names_at_once(world: World, caddy: FakeEdge) -> None:
    request = ChangeApp(app="shop", domains=("shop.example.org",), drain="7s")

    await perform(
        world.process(), "apps.change", app="shop", actor="ada", run=lambda host, one: change_app(host, one, request)
    )

    assert {"shop.example.org": 3001} == caddy.names


async def test_a_file_of_a_project_with_a_name_that_its_app_may_not_have_declares_nothing(world: World) -> None:
    await world.add(NAME)
    taken = msgspec.structs.replace(world.process().slot("shop"), domains=(NAME,))
    new = Slot(name="wiki", environment=Environment.STAGING, domains=(NAME,))
    before = (slot_of(world, "shop").read_bytes(), world.process().state.current().number)

    for slot in (taken, new):
        with pytest.raises(DomainTakenError, match="it is blog's"):
            await plan(world.process(), Apply(slots=(slot,)))
        with pytest.raises(DomainTakenError, match="it is blog's"):
            await applied(world, Apply(slots=(slot,)))

    assert before == (slot_of(world, "shop").read_bytes(), world.process().state.current().number)
    assert not slot_of(world, "wiki").parent.exists()
    assert [] == world.problems()


async def test_a_file_that_declares_a_name_for_two_apps_gives_it_to_neither(world: World, caddy: FakeEdge) -> None:
    slots = tuple(msgspec.structs.replace(world.process().slot(app), domains=(NAME,)) for app in (APP, "shop"))

    with pytest.raises(DomainTakenError):
        await applied(world, Apply(slots=slots))

    assert {} == caddy.names
    assert () == world.process().slot(APP).domains


async def test_a_file_moves_a_name_from_one_app_to_another(world: World, caddy: FakeEdge) -> None:
    await world.add(NAME, app="shop")
    front = world.process().row(APP).front
    wanted = {APP: (NAME,), "shop": ()}
    slots = tuple(msgspec.structs.replace(world.process().slot(app), domains=names) for app, names in wanted.items())

    await applied(world, Apply(slots=slots))

    assert {NAME: front} == caddy.names
    assert () == (await plan(world.process(), Apply())).steps
