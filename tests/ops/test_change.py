"""What a change of the declaration promises, on a host in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import ImageNotFoundError, OperationFailedError, RouterError, SpecError
from pvdify.model.event import Outcome
from pvdify.model.release import ReleaseStatus
from pvdify.model.requests import Apply, ForApp
from pvdify.model.slot import Environment
from pvdify.ops.apply import plan
from pvdify.ops.apps import list_apps
from pvdify.ops.releases import list_releases
from pvdify.ops.watch import revert
from pvdify.ports import Answer
from tests.fakes import FakeNetwork
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MINE = '# my blog\nname = "blog"\n\n[env]\nLEVEL = "info" # how much it says\nZONE = "UTC"\n'
THEIRS = MINE.replace("UTC", "CET")


@dataclass
class Editor(FakeNetwork):
    """Whenever an instance is asked, and says that it is sick, somebody edits a slot."""

    slot: Path | None = None

    async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
        await anyio.lowlevel.checkpoint()
        if self.slot is not None:
            self.slot.write_text(THEIRS)
        return Answer(status=500)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v2 is live, v1 warm, as an operator's own file declares it."""
    world = World(tmp_path)
    await world.begin("v1")
    world.settings.slot(APP).write_text(MINE)
    await world.do("v2")
    await world.do("apply")
    return world


def text_of(world: World) -> str:
    return world.settings.slot(APP).read_text()


async def statuses(world: World) -> dict[int, ReleaseStatus]:
    answer = await list_releases(world.process(), ForApp(app=APP))
    return {one.version: one.status for one in answer.releases}


async def test_another_environment_is_a_new_release_of_the_same_image(world: World) -> None:
    pulls = len(world.fake.podman.pulls)

    changed = await world.change(env={"LEVEL": "debug", "ZONE": None}, drain="5s")

    release = world.process().state.release(APP, 3)
    assert (Outcome.DONE, 3) == (changed.outcome, changed.release)
    assert ({"LEVEL": "debug"}, "5s", "2" * 64) == (release.env, release.drain, release.image.partition("sha256:")[2])
    assert ("v3-web-1",) == world.fake.router.serving(APP)
    assert pulls == len(world.fake.podman.pulls)
    assert 'LEVEL = "debug" # how much it says' in text_of(world)
    assert [] == world.problems()
    assert () == (await plan(world.process(), Apply())).steps


async def test_other_counts_start_instances_of_the_same_release(world: World) -> None:
    changed = await world.change(processes={"web": {"count": 3}})

    assert 2 == changed.release
    assert ("v2-web-1", "v2-web-2", "v2-web-3") == world.fake.router.serving(APP)
    assert 3 == world.process().slot(APP).processes["web"].count
    assert [] == world.problems()


async def test_processes_are_merged_by_name_and_null_removes_one(world: World) -> None:
    await world.change(processes={"worker": {"command": "bin/work", "count": 2}})

    assert {"web", "worker"} == set(world.process().slot(APP).processes)
    await world.change(processes={"worker": None})

    assert {"web"} == set(world.process().slot(APP).processes)
    assert {"pvdify-blog-v4-web-1.service"} == {*world.seen()[1]}  # type: ignore[misc]  # names of units
    assert [] == world.problems()


async def test_another_image_is_pulled_and_deployed(world: World) -> None:
    changed = await world.change(image="ghcr.io/org/blog:v3", env={"LEVEL": "debug"})

    release = world.process().state.release(APP, 3)
    assert 3 == changed.release
    assert ("3" * 64, "debug") == (release.image.partition("sha256:")[2], release.env["LEVEL"])
    assert "ghcr.io/org/blog:v3" == world.process().row(APP).declared
    assert [] == world.problems()


async def test_what_is_declared_already_changes_nothing(world: World) -> None:
    number, before = world.process().state.current().number, world.settings.slot(APP).stat()

    changed = await world.change(env={"LEVEL": "info"}, drain=None, processes={"web": {}})

    after = world.settings.slot(APP).stat()
    assert Outcome.UNCHANGED == changed.outcome
    assert number == world.process().state.current().number
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


async def test_what_makes_no_other_unit_is_only_declared(world: World) -> None:
    changed = await world.change(port=8080)

    assert (Outcome.DONE, 2) == (changed.outcome, changed.release)
    assert 8080 == world.process().slot(APP).port
    assert [] == world.problems()


async def test_an_edit_that_waited_is_applied_as_well(world: World) -> None:
    world.settings.slot(APP).write_text(MINE.replace("UTC", "CET"))

    await world.change(env={"LEVEL": "debug"})

    assert {"LEVEL": "debug", "ZONE": "CET"} == world.process().state.release(APP, 3).env
    assert [] == world.problems()


async def test_a_release_that_fails_leaves_the_declaration_as_it_was(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}
    before = world.settings.slot(APP).stat()

    with pytest.raises(OperationFailedError) as caught:
        await world.change(env={"LEVEL": "debug"})

    after = world.settings.slot(APP).stat()
    assert "v2 still serves; slot.toml is as it was" == caught.value.failure.unchanged
    assert (MINE, before.st_ino, before.st_mtime_ns) == (text_of(world), after.st_ino, after.st_mtime_ns)
    assert [] == world.problems()
    assert ReleaseStatus.FAILED is (await statuses(world))[3]


async def test_an_image_that_is_not_there_leaves_the_declaration_as_it_was(world: World) -> None:
    with pytest.raises(ImageNotFoundError, match=r"does not have it; slot\.toml is as it was"):
        await world.change(image="ghcr.io/org/blog:v9")

    assert MINE == text_of(world)
    assert [] == world.problems()


async def test_what_somebody_edited_meanwhile_stays(world: World, autojump_clock: object) -> None:
    slot = world.settings.slot(APP)
    world.fake.network = Editor(systemd=world.fake.systemd, router=world.fake.router, slot=slot)

    with pytest.raises(OperationFailedError) as caught:
        await world.change(env={"LEVEL": "debug"})

    assert THEIRS == slot.read_text()
    assert "edited meanwhile" in caught.value.failure.unchanged


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"processes": {"web": None}}, "at least one process"),
        ({"processes": {"release": {}}}, "release_command"),
        ({"watch": "1s"}, "watch is at least"),
        ({"env": {"PORT": "1"}}, "env PORT"),
        ({"capabilities": ["SYS_ADMIN"]}, "cannot be added"),
        ({"image": "no image"}, "no image"),
        ({"release_command": "a 'b"}, "split"),
    ],
)
async def test_what_cannot_be_declared_is_refused_before_anything_is_written(
    world: World, fields: dict[str, object], said: str
) -> None:
    number = world.process().state.current().number

    with pytest.raises(SpecError, match=said):
        await world.change(**fields)

    assert MINE == text_of(world)
    assert number == world.process().state.current().number


async def test_an_app_without_a_release_is_only_declared(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.begin()

    changed = await world.change(image="ghcr.io/org/blog:v1", processes={"web": {"count": 2}})

    row = world.process().row(APP)
    assert (None, {"web": 2}, "ghcr.io/org/blog:v1") == (changed.release, row.formation, row.declared)
    assert [] == world.fake.podman.pulls
    assert [] == world.problems()
    await world.do("v1")
    assert ("v1-web-1", "v1-web-2") == world.fake.router.serving(APP)


async def test_counts_of_a_stopped_app_are_what_it_starts_with(world: World) -> None:
    await world.do("stop")

    await world.change(processes={"web": {"count": 2}})

    assert [] == world.problems()
    await world.do("start")
    assert ("v2-web-1", "v2-web-2") == world.fake.router.serving(APP)


async def test_what_takes_a_release_of_a_stopped_app_waits_for_apply(world: World) -> None:
    await world.do("stop")
    number = world.process().state.current().number

    changed = await world.change(env={"LEVEL": "debug"})

    state = world.process().state
    assert "pvdify apply -a blog" in changed.text
    assert number == state.current().number
    assert state.is_edited(state.current().apps[APP])
    assert ["release"] == [one.action for one in (await plan(world.process(), Apply())).steps]


async def test_an_environment_is_what_the_listing_says(world: World) -> None:
    await world.change(environment="staging")

    (app,) = (await list_apps(world.process(), Apply())).apps  # type: ignore[arg-type]  # it asks for nothing
    assert Environment.STAGING is app.environment
    assert Environment.STAGING is world.process().state.release(APP, 3).environment


async def test_a_lost_image_is_fetched_again(world: World) -> None:
    world.fake.podman.store.clear()

    await world.change(env={"LEVEL": "debug"})

    assert ("v3-web-1",) == world.fake.router.serving(APP)
    assert [] == world.problems()


async def test_a_change_that_fails_behind_the_switch_is_finished_by_the_next_command(world: World) -> None:
    world.fake.router.refusal = "not now"
    with pytest.raises(RouterError):
        await world.change(env={"LEVEL": "debug"})
    world.fake.router.refusal = ""

    await world.do("restart")

    assert 3 == world.seen()[0]
    assert "debug" in text_of(world)
    assert [] == world.problems()


async def test_an_undo_that_fails_puts_the_declaration_back_with_the_next_command(world: World) -> None:
    world.fake.systemd.crashing = {"pvdify-blog-v3-*": 3}
    world.fake.router.refusal = "not now"
    with pytest.raises(RouterError):
        await world.change(env={"LEVEL": "debug"})
    world.fake.router.refusal = ""

    await world.do("restart")

    assert 2 == world.seen()[0]
    assert MINE == text_of(world)
    assert [] == world.problems()


async def test_a_release_of_a_change_is_watched_and_other_counts_do_not_end_the_watch(world: World) -> None:
    await world.change(env={"LEVEL": "debug"})
    await world.change(processes={"web": {"count": 2}})

    said = await revert(world.process(), "pvdify-blog-v3-web-1.service")

    assert "blog is back at v2" == said
    assert ReleaseStatus.ROLLED_BACK is (await statuses(world))[3]
