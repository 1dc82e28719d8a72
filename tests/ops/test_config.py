"""What setting config promises, on a host in memory."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    AppBusyError,
    DiskLowError,
    KeyMissingError,
    OperationFailedError,
    PreconditionError,
    ProgramMissingError,
    SecretsError,
    SpecError,
)
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, ShowConfig, UnsetConfig
from pvdify.ops.apply import apply, plan
from pvdify.ops.config import show_config, unset_config
from pvdify.ops.perform import perform
from tests.ops.configured import CANARY, declared, everything, given, numbers, shown
from tests.ops.world import APP, World
from tests.store.faults import MAKES, broken

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v1 is live, without config."""
    world = World(tmp_path)
    await world.begin("v1")
    return world


async def unset(world: World, key: str) -> Changed:
    request = UnsetConfig(app=APP, key=key)
    return await perform(
        world.process(), "config.unset", app=APP, actor="ada", run=lambda host, one: unset_config(host, one, request)
    )


async def test_what_is_set_is_a_new_version_and_a_release_of_the_same_image(world: World) -> None:
    changed = await world.set({"KEY": "one", "OTHER": " two "}, {"tls.key": b"secret"})

    state = world.process().state
    assert (Outcome.DONE, 2, 1) == (changed.outcome, changed.release, changed.config)
    assert "c1 of blog is set (added KEY, OTHER, secrets/tls.key), and v2 of blog is live with c1" == changed.text
    assert (1, 2, (1,), (2, 1)) == numbers(world)
    assert state.release(APP, 1).image == state.release(APP, 2).image
    assert state.current().apps[APP].config == state.release(APP, 2).config
    assert {"KEY": "one", "OTHER": " two ", "/run/secrets/tls.key": "secret"} == given(world, 2)
    assert ("v2-web-1",) == world.fake.router.serving(APP)
    assert [] == world.problems()


async def test_what_is_not_named_stays(world: World) -> None:
    await world.set({"KEY": "one", "OTHER": "two"}, {"tls.key": b"secret"})

    changed = await world.set({"OTHER": "three", "MORE": ""})

    assert "c2 of blog is set (added MORE; changed OTHER), and v3 of blog is live with c2" == changed.text
    assert {"KEY": "one", "OTHER": "three", "MORE": "", "/run/secrets/tls.key": "secret"} == given(world, 3)


async def test_who_made_it_and_when_is_kept_with_it(world: World) -> None:
    changed = await world.set({"KEY": "one"})

    meta = world.process().state.configs.meta(APP, 1)
    assert ("ada", changed.operation, ("KEY",)) == (meta.created_by, meta.operation, meta.keys)
    assert meta.created_at


async def test_without_a_deploy_it_waits_for_the_next_release(world: World) -> None:
    before = world.seen()[:-2]

    changed = await world.set({"KEY": "one"}, deploys=False)

    assert (Outcome.DONE, None, 1) == (changed.outcome, changed.release, changed.config)
    assert "c1 of blog is set (added KEY); the next release gets it: `pvdify deploy blog` makes one" == changed.text
    assert (1, 1, (1,), (1,)) == numbers(world)
    assert before == world.seen()[:-2]
    assert () == (await plan(world.process(), Apply())).steps
    assert Outcome.UNCHANGED is (await world.do("apply")).outcome
    assert (1, 1, (1,), (1,)) == numbers(world)
    assert [] == world.problems()


@pytest.mark.parametrize("what", ["v1", "v2", "change"])
async def test_the_next_release_gets_what_waits_whatever_makes_it(world: World, what: str) -> None:
    await world.set({"KEY": "one"}, deploys=False)

    changed = await world.do(what)

    assert (Outcome.DONE, 2, 1) == (changed.outcome, changed.release, changed.config)
    assert {"KEY": "one"} == given(world, 2)
    assert [] == world.problems()


async def test_an_edit_that_is_applied_takes_what_waits_along(world: World) -> None:
    await world.set({"KEY": "one"}, deploys=False)
    world.settings.slot(APP).write_text('name = "blog"\n[env]\nLEVEL = "debug"\n')

    await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, Apply()))

    assert {"KEY": "one"} == given(world, 2)
    assert {"LEVEL": "debug"} == declared(world, 2)
    assert () == (await plan(world.process(), Apply())).steps


@pytest.mark.parametrize("what", ["scale", "restart", "recount", "stop"])
async def test_what_makes_no_release_goes_on_with_the_config_of_the_live_one(world: World, what: str) -> None:
    await world.set({"KEY": "one"})
    await world.set({"KEY": "two"}, deploys=False)

    await world.do(what)
    if what == "stop":
        await world.do("start")

    assert (2, 2, (2, 1), (2, 1)) == numbers(world)
    assert {"KEY": "one"} == given(world, 2)
    assert [] == world.problems()


async def test_what_waits_goes_with_the_next_that_is_set(world: World) -> None:
    await world.set({"KEY": "one"}, deploys=False)

    await world.set({"OTHER": "two"})

    assert (2, 2, (2, 1), (2, 1)) == numbers(world)
    assert {"KEY": "one", "OTHER": "two"} == given(world, 2)


@pytest.mark.parametrize("deploys", [True, False])
async def test_what_is_set_already_changes_nothing(world: World, *, deploys: bool) -> None:
    await world.set({"KEY": "one", "OTHER": "two"}, {"tls.key": b"secret"})
    before, number = everything(world.settings.app(APP)), world.process().state.current().number

    changed = await world.set({"KEY": "one"}, {"tls.key": b"secret"}, deploys=deploys)

    assert (Outcome.UNCHANGED, 2, 1) == (changed.outcome, changed.release, changed.config)
    assert "the config of blog is so already; nothing to do" == changed.text
    assert number == world.process().state.current().number
    assert before.keys() == everything(world.settings.app(APP)).keys()
    assert (1, 2, (1,), (2, 1)) == numbers(world)


async def test_what_is_set_already_and_waits_is_released(world: World) -> None:
    await world.set({"KEY": "one"}, deploys=False)

    changed = await world.set({"KEY": "one"})

    assert "the config of blog was so already, and v2 of blog is live with c1" == changed.text
    assert (1, 2, (1,), (2, 1)) == numbers(world)


async def test_what_is_set_already_and_shall_wait_is_said_to_wait(world: World) -> None:
    await world.set({"KEY": "one"}, deploys=False)

    changed = await world.set({"KEY": "one"}, deploys=False)

    assert "the config of blog is so already; the next release gets it: `pvdify deploy blog` makes one" in changed.text
    assert (1, 1, (1,), (1,)) == numbers(world)


async def test_before_the_first_release_it_waits_for_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.begin()

    changed = await world.set({"KEY": "one"})

    waits = "the next release gets it: `pvdify deploy blog --image IMAGE` makes one"
    assert f"c1 of blog is set (added KEY); {waits}" == changed.text
    await world.do("v1")
    assert {"KEY": "one"} == given(world, 1)
    assert [] == world.problems()


async def test_what_is_set_while_the_app_is_stopped_waits_also_for_its_start(world: World) -> None:
    await world.set({"KEY": "one"})
    await world.do("stop")

    await world.set({"KEY": "two"})

    assert (2, 2, (2, 1), (2, 1)) == numbers(world)
    assert () == world.fake.router.serving(APP)
    started, restarted = await world.do("start"), await world.do("restart")
    assert "blog runs again at v2, with c1 (c2 waits for the next release)" == started.text
    assert restarted.text.endswith(", with c1 (c2 waits for the next release)")
    assert {"KEY": "one"} == given(world, 2)
    await world.do("v1")
    assert {"KEY": "two"} == given(world, 3)
    assert [] == world.problems()


async def test_a_variable_is_forgotten_and_the_last_one_too(world: World) -> None:
    await world.set({"KEY": "one", "OTHER": "two"})

    changed = await unset(world, "KEY")

    assert "c2 of blog is set (removed KEY), and v3 of blog is live with c2" == changed.text
    assert {"OTHER": "two"} == given(world, 3)
    await unset(world, "OTHER")
    assert {} == given(world, 4)
    assert ({}, {}) == ((await shown(world)).vars, (await shown(world)).files)
    assert [] == world.problems()


async def test_what_is_not_there_is_not_forgotten(world: World) -> None:
    with pytest.raises(SpecError, match="cannot unset KEY: blog has no such variable or file"):
        await unset(world, "KEY")
    await world.set({"KEY": "one"}, {"tls.key": b"secret"})

    with pytest.raises(SpecError, match=r"cannot unset secrets/tls\.pem") as caught:
        await world.set({"KEY": "two"}, {"tls.pem": None})

    assert ("/files/tls.pem", "see `pvdify config blog`") == (caught.value.pointer, caught.value.hint)
    assert (1, 2, (1,), (2, 1)) == numbers(world)


async def test_a_file_is_forgotten_by_its_bare_name_where_no_variable_has_it(world: World) -> None:
    await world.set({"both": "one"}, {"both": b"two", "cert": b"three"})

    changed = await unset(world, "cert")
    await unset(world, "both")

    assert "c2 of blog is set (removed secrets/cert), and v3 of blog is live with c2" == changed.text
    assert ({}, {"both": b"two"}) == ((await shown(world)).vars, (await shown(world)).files)


async def test_what_cannot_be_set_leaves_all_as_it_was(world: World) -> None:
    with pytest.raises(SpecError, match="cannot set PORT"):
        await world.set({"KEY": "one", "PORT": "80"})

    assert (None, 1, (), (1,)) == numbers(world)
    assert [] == world.problems()


async def test_config_wins_over_what_the_slot_declares(world: World) -> None:
    await world.change(env={"LEVEL": "debug", "ZONE": "UTC"})

    await world.set({"LEVEL": CANARY})

    assert {"LEVEL": CANARY} == given(world, 3)
    assert {"ZONE": "UTC"} == declared(world, 3)
    assert ("LEVEL",) == world.process().state.release(APP, 3).hidden_env
    await unset(world, "LEVEL")
    assert {} == given(world, 4)
    assert {"LEVEL": "debug", "ZONE": "UTC"} == declared(world, 4)


async def test_what_the_slot_declares_later_is_hidden_as_well(world: World) -> None:
    await world.set({"LEVEL": "debug"})

    await world.change(env={"LEVEL": "info"})

    assert ({"LEVEL": "debug"}, {}) == (given(world, 3), declared(world, 3))
    assert () == (await plan(world.process(), Apply())).steps


async def test_only_what_somebody_looked_at_is_changed(world: World) -> None:
    await world.set({"KEY": "one"}, base=0)
    await world.set({"KEY": "two"}, base=1)

    for base in (0, 1, 3):
        with pytest.raises(PreconditionError, match=f"it is c2 by now, and not c{base}") as caught:
            await world.set({"KEY": "three"}, base=base)
        assert "look at it again: `pvdify config blog`" == caught.value.hint

    assert {"KEY": "two"} == (await shown(world)).vars
    assert (2, 3, (2, 1), (3, 2, 1)) == numbers(world)


async def test_two_cannot_set_at_once(world: World) -> None:
    with world.process().state.app_lock(APP, "config.set by ada"), pytest.raises(AppBusyError, match="by ada"):
        await world.set({"KEY": "one"})

    assert (None, 1, (), (1,)) == numbers(world)


async def test_a_release_that_fails_leaves_the_config_as_it_was_and_a_second_try_works(world: World) -> None:
    await world.set({"KEY": "one"})
    before = world.seen()
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 1}

    with pytest.raises(OperationFailedError) as caught:
        await world.set({"KEY": CANARY})

    assert before == world.seen()
    assert "v2 still serves; c2 of blog is not in force, its config is c1 as before" == caught.value.failure.unchanged
    assert (1, 2) == numbers(world)[:2]
    assert {"KEY": "one"} == (await shown(world)).vars
    assert CANARY not in f"{caught.value}{caught.value.failure}"
    world.fake.systemd.crashing = {}
    changed = await world.set({"KEY": "three"})
    assert (4, 3) == (changed.release, changed.config), "no number is given twice"
    assert {"KEY": "three"} == given(world, 4)
    assert [] == world.problems()


async def test_no_number_is_ever_another_config(world: World) -> None:
    """Also not that of a version which was written and never in force, or which somebody went back from."""
    await world.set({"KEY": "one"})
    await world.set({"KEY": "two"})
    await world.do("rollback")

    changed = await world.set({"KEY": "three"})

    assert 3 == changed.config
    assert [{"KEY": "one"}, {"KEY": "two"}, {"KEY": "three"}] == [(await shown(world, one)).vars for one in (1, 2, 3)]


async def test_without_sops_nothing_is_set_and_all_else_goes_on(world: World) -> None:
    await world.set({"KEY": "one"})
    world.fake.secrets.is_missing = True

    with pytest.raises(ProgramMissingError, match="sops"):
        await world.set({"KEY": "two"})

    assert (1, 2, (1,), (2, 1)) == numbers(world)
    await world.do("v2")
    await world.do("rollback")
    assert {"KEY": None} == (await show_config(world.process(), ShowConfig(app=APP))).vars
    assert [] == world.problems()


async def test_what_sops_says_of_its_failure_is_told(world: World) -> None:
    world.fake.secrets.fails = "cannot encrypt with sops: no entropy"

    with pytest.raises(SecretsError, match="no entropy"):
        await world.set({"KEY": CANARY})

    assert (None, 1, (), (1,)) == numbers(world)
    assert Outcome.FAILED is world.process().state.records(APP)[0].outcome


async def test_without_the_hosts_key_nothing_is_set_and_what_is_sealed_still_deploys(world: World) -> None:
    await world.set({"KEY": "one"})
    world.settings.age_key.unlink()

    with pytest.raises(KeyMissingError, match="the host's age key is gone"):
        await world.set({"KEY": "two"})

    await world.do("v2")
    assert {"KEY": "one"} == given(world, 3)


async def test_a_full_disk_leaves_all_as_it_was_and_a_second_try_works(world: World, tmp_path: Path) -> None:
    await world.set({"KEY": "one"})
    errors = []
    for at in range(0, 40, 3):
        other = world.fork(tmp_path / f"full-{at}")
        with broken(errno.ENOSPC, names=MAKES, at=at):
            try:
                await other.set({"KEY": "two"}, deploys=False)
                break
            except DiskLowError as error:
                errors.append(error)

        assert {"KEY": "one"} == (await shown(other)).vars
        await other.set({"KEY": "two"})
        assert {"KEY": "two"} == given(other, 3)
        assert [] == other.problems()
    assert len(errors) > 8


async def test_destroyed_with_its_app_all_of_it_is_gone_and_the_next_of_that_name_begins_anew(world: World) -> None:
    await world.set({"KEY": "one"}, {"tls.key": b"secret"})

    await world.do("destroy")

    assert not world.settings.app(APP).exists()
    await world.do("create")
    await world.do("v1")
    assert {} == given(world, 1)
    assert 1 == (await world.set({"KEY": "two"})).config
    assert {"KEY": "two"} == given(world, 2)
