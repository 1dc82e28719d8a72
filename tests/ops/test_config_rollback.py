"""Who goes back to a release goes back to its config, unless the config of now is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.errors import OperationFailedError
from pvdify.model.event import Outcome
from pvdify.model.release import same_release
from pvdify.model.requests import Rollback, SwitchGeneration
from pvdify.ops.perform import perform
from pvdify.ops.rollback import rollback
from pvdify.ops.switch import switch_generation
from pvdify.ops.watch import revert
from tests.ops.configured import CANARY, declared, given, numbers, shown
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v1 has no config, v2 has c1, and v3 with c2 is live."""
    world = World(tmp_path)
    await world.begin("v1")
    await world.set({"KEY": f"1 {CANARY}", "GONE": CANARY}, {"tls.key": CANARY.encode()})
    await world.set({"KEY": f"2 {CANARY}", "GONE": None, "NEW": CANARY}, {"tls.key": f"2 {CANARY}".encode()})
    return world


async def back(world: World, version: int | None = None, *, keeps: bool = False) -> Changed:
    request = Rollback(app=APP, version=version, keep_config=keeps)
    return await perform(
        world.process(), "releases.rollback", app=APP, actor="ada", run=lambda host, one: rollback(host, one, request)
    )


async def test_a_rollback_brings_the_config_of_its_release_back_and_says_by_name_what_is_other(world: World) -> None:
    changed = await back(world)

    assert (Outcome.DONE, 2, 1) == (changed.outcome, changed.release, changed.config)
    assert (
        "blog is back at v2, with c1 (c2 before; added GONE; changed KEY, secrets/tls.key; removed NEW)" == changed.text
    )
    assert (1, 2, (2, 1), (3, 2, 1)) == numbers(world)
    assert f"1 {CANARY}" == given(world, 2)["KEY"]
    assert [] == world.problems()


async def test_what_is_set_or_deployed_next_goes_on_from_there(world: World) -> None:
    await back(world)

    await world.do("v2")
    await world.set({"MORE": "x"})

    assert given(world, 2) == given(world, 4)
    assert {"KEY", "GONE", "MORE", "/run/secrets/tls.key"} == given(world, 5).keys()
    assert 3 == numbers(world)[0]


async def test_a_release_without_config_comes_back_without(world: World) -> None:
    changed = await back(world, 1)

    assert "blog is back at v1, without config (c2 before; removed KEY, NEW, secrets/tls.key)" == changed.text
    assert (None, 1) == numbers(world)[:2]
    assert {} == given(world, 1)
    await world.do("v2")
    assert {} == given(world, 4)
    assert [] == world.problems()


async def test_a_rollback_to_the_same_config_says_nothing_of_it(world: World) -> None:
    await world.do("v2")

    assert "blog is back at v3" == (await back(world)).text


async def test_what_waits_for_the_next_release_is_left_behind_and_told(world: World) -> None:
    await world.set({"LATER": "x"}, deploys=False)

    changed = await back(world)

    assert "removed LATER, NEW)" in changed.text
    assert (1, 2, (3, 2, 1)) == numbers(world)[:3]


async def test_a_rollback_that_fails_leaves_the_config_as_it_was(world: World) -> None:
    before = world.seen()
    world.fake.systemd.crashing = {"pvdify-blog-v2-*": 1}

    with pytest.raises(OperationFailedError):
        await back(world)

    assert before == world.seen()
    assert [] == world.problems()


async def test_with_the_config_of_now_it_is_a_new_release_and_other_in_nothing_else(world: World) -> None:
    await world.change(env={"LEVEL": "debug"})

    changed = await back(world, 2, keeps=True)

    state = world.process().state
    old, new = state.release(APP, 2), state.release(APP, 5)
    assert (Outcome.DONE, 5, 2) == (changed.outcome, changed.release, changed.config)
    assert (
        "v5 of blog is live: v2 again, with c2 (c1 then; added NEW; changed KEY, secrets/tls.key; removed GONE)"
        == changed.text
    )
    assert (2, 5, (2, 1), (5, 4, 3, 2, 1)) == numbers(world)
    assert not same_release(old, new)
    assert same_release(old, msgspec.structs.replace(new, config=old.config))
    assert f"2 {CANARY}" == given(world, 5)["KEY"]
    assert {} == declared(world, 5)
    assert [] == world.problems()


async def test_with_the_config_of_now_what_the_old_slot_declared_is_hidden_by_it(world: World) -> None:
    await world.change(env={"LEVEL": "debug"})
    await world.change(env={"LEVEL": None})
    await world.set({"LEVEL": "info"})

    await back(world, 4, keeps=True)

    assert ("LEVEL",) == world.process().state.release(APP, 7).hidden_env
    assert ("info", {}) == (given(world, 7)["LEVEL"], declared(world, 7))


async def test_with_the_config_of_now_it_is_a_plain_rollback_where_that_is_the_same(world: World) -> None:
    await world.do("v2")

    changed = await back(world, keeps=True)

    assert ("blog is back at v3", 3) == (changed.text, changed.release)
    assert (4, 3, 2, 1) == numbers(world)[3]


async def test_what_waits_is_the_config_of_now(world: World) -> None:
    await world.set({"LATER": "x"}, deploys=False)

    changed = await back(world, 1, keeps=True)

    assert "v4 of blog is live: v1 again, with c3 (none then; added KEY, LATER, NEW, secrets/tls.key)" == changed.text
    assert "x" == given(world, 4)["LATER"]


async def test_a_release_of_config_that_fails_soon_is_left_with_its_config(world: World) -> None:
    verdict = await revert(world.process(), "pvdify-blog-v3-web-1.service")

    assert verdict.startswith("blog is back at v2, with c1 (c2 before; ")
    assert (1, 2) == numbers(world)[:2]
    assert "v2 is not new" in await revert(world.process(), "pvdify-blog-v2-web-1.service")


async def test_an_older_generation_brings_the_config_of_its_release_back(world: World) -> None:
    number = world.process().state.current().number
    await world.set({"KEY": "3"})
    request = SwitchGeneration(number=number)

    changed = await perform(
        world.process(),
        "generations.switch",
        app="",
        actor="ada",
        run=lambda host, one: switch_generation(host, one, request),
    )

    assert (2, 3) == numbers(world)[:2]
    assert f"2 {CANARY}" == given(world, 3)["KEY"]
    told = [event.text for event in world.process().state.tail(changed.operation, -1)]
    assert "blog is back at v3, with c2 (c3 before; changed KEY)" in told
    assert [] == world.problems()


@pytest.mark.parametrize("keeps", [True, False])
async def test_what_is_other_is_never_told_by_value_and_its_telling_never_fails(world: World, *, keeps: bool) -> None:
    world.settings.age_key.unlink()
    world.fake.secrets.is_missing = True

    changed = await back(world, keeps=keeps)

    assert Outcome.DONE is changed.outcome
    assert "the host's age key is gone" in changed.text
    assert CANARY not in changed.text
    assert [] == world.problems()


async def test_no_rollback_tells_a_value(world: World) -> None:
    said = [await back(world), await back(world, 3), await back(world, 1), await back(world, 2, keeps=True)]

    assert CANARY not in f"{said}"
    assert CANARY in f"{(await shown(world, 1)).vars}"


async def test_what_waits_outlives_a_release_that_fails_soon(world: World) -> None:
    await world.set({"LATER": "x"}, deploys=False)

    await revert(world.process(), "pvdify-blog-v3-web-1.service")

    assert (3, 2) == numbers(world)[:2]
