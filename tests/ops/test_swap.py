"""What a swap promises, on a host in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import (
    AppBusyError,
    OperationFailedError,
    PortsUsedUpError,
    PortTakenError,
    ProgramTooOldError,
    RefusedError,
    RouterError,
    StateError,
)
from pvdify.model.event import Outcome
from pvdify.model.manifest import INSTANCE_FIRST, INSTANCE_LAST
from pvdify.model.requests import Apply
from pvdify.model.slot import Slot
from pvdify.ops.apply import apply, plan
from pvdify.ops.perform import accepted, perform
from pvdify.ports import Answer
from tests.fakes import FakeNetwork
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed


class Thief(FakeNetwork):
    """Whatever port is looked at, a stranger has it by now."""

    async def holder(self, port: int) -> str | None:
        await anyio.lowlevel.checkpoint()
        return f"nginx (pid 7) at {port}"


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1", "v2")
    return world


async def test_the_old_instance_serves_until_the_new_one_does(world: World) -> None:
    actions = world.fake.router.actions

    await world.do("v3")

    assert [] == world.problems()
    assert ("v3-web-1",) == world.fake.router.serving(APP)
    assert actions.index("reconcile blog: v3-web-1") < actions.index("forget blog: v2-web-1")


async def test_an_instance_that_exits_is_explained_and_leaves_the_live_one_serving(world: World) -> None:
    before = world.seen()
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}

    with pytest.raises(OperationFailedError, match="exited with status 3") as caught:
        await world.do("v3")

    assert "v2 still serves" == caught.value.failure.unchanged
    assert "probe" == caught.value.failure.phase
    assert before == world.seen()
    assert [] == world.problems()


async def test_an_instance_that_answers_badly_is_given_up_after_its_time(world: World, autojump_clock: object) -> None:
    before = world.seen()
    world.fake.network.apps = {"pvdify-blog-v3-*": Answer(status=500, body="sick")}

    with pytest.raises(OperationFailedError) as caught:
        await world.do("v3")

    probe = caught.value.failure.probe
    assert probe is not None
    assert (500, "sick") == (probe.status, probe.body)
    assert before == world.seen()
    assert [] == world.problems()


async def test_a_router_that_is_down_is_said_before_anything_starts(world: World) -> None:
    world.fake.router.is_up = False
    before = world.seen()[:3]

    with pytest.raises(RouterError, match="the router is down"):
        await world.do("v3")

    assert before == world.seen()[:3]


async def test_a_change_that_fails_behind_the_switch_is_finished_by_the_next_command(world: World) -> None:
    world.fake.router.refusal = "not now"
    with pytest.raises(RouterError) as caught:
        await world.do("v3")
    world.fake.router.refusal = ""

    assert "pvdify apply -a blog" in caught.value.hint
    await world.do("restart")

    assert 3 == world.seen()[0]
    assert [] == world.problems()


async def test_one_operation_at_a_time_and_the_holder_is_named(world: World) -> None:
    with accepted(world.process(), "ps.restart", app=APP, actor="eve"), pytest.raises(AppBusyError) as caught:
        await world.do("v3")

    assert "ps.restart" in caught.value.holder
    assert "eve" in caught.value.holder


async def test_the_same_release_again_changes_nothing(world: World) -> None:
    number = world.process().state.current().number

    done = await world.do("v2")

    assert Outcome.UNCHANGED == done.outcome
    assert number == world.process().state.current().number


async def test_a_port_that_a_stranger_took_is_replaced_once(world: World) -> None:
    world.fake.systemd.broken = {"pvdify-blog-v3-web-1.service": "exit-code"}
    world.fake.network = Thief(systemd=world.fake.systemd, router=world.fake.router)

    await world.do("v3")

    assert ("v3-web-2",) == world.fake.router.serving(APP)
    assert [] == world.problems()


async def test_a_port_that_is_taken_again_is_named_with_its_holder(world: World) -> None:
    before = world.seen()
    world.fake.systemd.broken = {"pvdify-blog-v3-web-*.service": "exit-code"}
    world.fake.network = Thief(systemd=world.fake.systemd, router=world.fake.router)

    with pytest.raises(PortTakenError, match="nginx"):
        await world.do("v3")

    assert before == world.seen()
    assert [] == world.problems()


async def test_an_undo_that_fails_is_made_up_for_by_the_next_command(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}
    world.fake.router.refusal = "not now"
    with pytest.raises(RouterError):
        await world.do("v3")
    world.fake.router.refusal = ""

    await world.do("restart")

    assert 2 == world.seen()[0]
    assert [] == world.problems()


async def test_apply_starts_what_should_run_and_routes_to_it(world: World) -> None:
    as_declared = world.seen()
    (live,) = world.process().row(APP).live_instances()
    await world.fake.systemd.stop(live.instance(APP).unit)
    world.fake.router.backends[APP].ready.clear()

    planned = await plan(world.process(), Apply())
    await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, Apply()))

    assert ["heal"] == [step.action for step in planned.steps]
    assert as_declared == world.seen()
    assert () == (await plan(world.process(), Apply())).steps


async def test_a_slot_that_was_taken_away_is_said(world: World) -> None:
    world.settings.slot(APP).unlink()

    with pytest.raises(StateError, match=r"slot\.toml is gone"):
        await world.do("v3")


async def test_a_scale_is_no_edit_of_the_slot(world: World) -> None:
    await world.do("scale")

    state = world.process().state
    assert not state.is_edited(state.current().apps[APP])


async def test_a_scale_that_fails_leaves_a_slot_that_nobody_edited(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v2-*": 3}

    with pytest.raises(OperationFailedError):
        await world.do("scale")

    state = world.process().state
    assert not state.is_edited(state.current().apps[APP])


async def test_an_edit_that_waits_to_be_applied_is_still_one_after_a_scale(world: World) -> None:
    path = world.settings.slot(APP)
    path.write_text(path.read_text() + '\n[env]\nA = "1"\n')

    await world.do("scale")

    state = world.process().state
    assert state.is_edited(state.current().apps[APP])


async def test_a_stopped_app_may_be_scaled_without_an_edit(world: World) -> None:
    await world.do("stop")

    await world.do("scale")

    state = world.process().state
    assert not state.is_edited(state.current().apps[APP])


async def test_apply_finishes_what_died(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}
    world.fake.router.refusal = "not now"
    with pytest.raises(RouterError):
        await world.do("v3")
    world.fake.router.refusal = ""

    assert Outcome.DONE == (await _applied(world)).outcome

    assert [] == world.problems()


async def _applied(world: World) -> Changed:
    return await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, Apply()))


async def test_an_app_that_apply_could_not_make_is_not_declared_either(world: World) -> None:
    front = world.process().row(APP).front
    wish = Apply(slots=(Slot(name="other", bind_port=front),))

    with pytest.raises(RefusedError, match="another app has it"):
        await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, wish))

    assert not world.settings.app("other").exists()
    assert (APP,) == world.process().state.slots()


async def test_a_host_that_is_too_old_is_refused_before_anything_is_written(world: World) -> None:
    world.fake.systemd.installed = 252
    before = world.seen()

    with pytest.raises(ProgramTooOldError, match="systemd 252"):
        await world.do("v3")

    assert before == world.seen()
    assert [] == world.problems()


async def test_when_every_instance_port_is_taken_it_says_so(world: World) -> None:
    world.fake.network.holders = dict.fromkeys(range(INSTANCE_FIRST, INSTANCE_LAST + 1), "nginx (pid 7)")
    before = world.seen()

    with pytest.raises(PortsUsedUpError, match="free ports"):
        await world.do("v3")

    assert before == world.seen()
