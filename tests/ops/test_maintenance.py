"""Maintenance and an app's own pages, on a host in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import RouterError, SpecError
from pvdify.model.event import Outcome
from pvdify.model.page import Page
from pvdify.model.requests import Apply, ForApp
from pvdify.ops.apply import apply, plan
from pvdify.ops.apps import app_info
from pvdify.ops.maintenance import show
from pvdify.ops.perform import perform
from pvdify.ops.recover import recover_all
from tests.ops.world import APP, Killed, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pvdify.model.answers import Changed

HTML = b"<!doctype html><title>Gone fishing</title>"


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1", "v2")
    return world


def write(world: World, name: str, html: bytes = HTML) -> Path:
    """Write a page as an operator would."""
    path = world.settings.pages(APP) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(html)
    return path


def in_force(world: World) -> dict[str, str]:
    """The pages of the app's own in the generation in force, by path."""
    folder = world.settings.current / "haproxy/pages" / APP
    return {path.name: path.read_text() for path in sorted(folder.glob("*"))}


def _die() -> None:
    raise Killed


async def applied(world: World) -> Changed:
    return await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, Apply()))


async def test_maintenance_lasts_until_it_is_turned_off(world: World) -> None:
    await world.do("close")
    assert (await show(world.process(), ForApp(app=APP))).is_on
    assert (await app_info(world.process(), ForApp(app=APP))).in_maintenance
    assert [] == world.problems()

    await world.do("open")

    assert not (await show(world.process(), ForApp(app=APP))).is_on
    assert not (await app_info(world.process(), ForApp(app=APP))).in_maintenance
    assert [] == world.problems()


async def test_turned_on_twice_it_changes_nothing(world: World) -> None:
    await world.do("close")
    number, reloads = world.process().state.current().number, world.fake.router.reloads

    done = await world.do("close")

    assert Outcome.UNCHANGED is done.outcome
    assert (number, reloads) == (world.process().state.current().number, world.fake.router.reloads)


async def test_recovery_says_of_a_dead_operation_what_is_so(world: World, tmp_path: Path) -> None:
    seen = set()
    for number in range(1, 20):
        other = world.fork(tmp_path / str(number))
        if not await other.die("close", at=number, is_after=True, act=_die):
            break
        assert await recover_all(other.process(), print)

        (record,) = [one for one in other.process().state.records(APP) if one.name == "maintenance.on"]
        is_on = other.process().row(APP).in_maintenance
        assert (Outcome.DONE if is_on else Outcome.UNDONE) is record.outcome, f"line {number}"
        seen.add(is_on)
    assert {True, False} == seen


@pytest.mark.parametrize("what", ["v3", "rollback", "scale", "restart", "stop"])
async def test_whatever_is_done_to_the_app_goes_on_behind_it(what: str, world: World, tmp_path: Path) -> None:
    other = world.fork(tmp_path / "other")
    await other.do(what)
    await world.do("close")

    await world.do(what)

    assert other.seen()[:-1] == world.seen()[:-1]
    assert world.process().row(APP).in_maintenance
    assert [] == world.problems()


async def test_a_router_that_refuses_leaves_it_as_it_was(world: World) -> None:
    before = world.seen()
    world.fake.router.refused_config = ""
    world.fake.router.refusal = "not now"

    with pytest.raises(RouterError, match="not now"):
        await world.do("close")
    world.fake.router.refusal = ""
    await world.do("restart")

    assert not world.process().row(APP).in_maintenance
    assert before[0] == world.seen()[0]
    assert [] == world.problems()


async def test_a_page_that_is_written_waits_for_apply(world: World) -> None:
    write(world, "down.html")

    planned = await plan(world.process(), Apply())
    pending = (await app_info(world.process(), ForApp(app=APP))).pending_changes
    await world.do("v3")

    assert [("pages", "down")] == [(step.action, step.detail) for step in planned.steps]
    assert ("pages/down.html was edited since the last apply",) == pending
    assert {} == in_force(world)


async def test_apply_takes_a_page_up_and_deploys_keep_it(world: World) -> None:
    write(world, "down.html")

    await applied(world)
    taken = in_force(world)
    await world.do("v3")
    await world.do("rollback")

    assert ["down.page"] == list(taken)
    assert HTML.decode() in taken["down.page"]
    assert taken == in_force(world)
    assert () == (await plan(world.process(), Apply())).steps
    assert [] == world.problems()


async def test_an_edit_that_waits_does_not_come_with_a_deploy(world: World) -> None:
    write(world, "down.html")
    await applied(world)
    taken = in_force(world)
    write(world, "down.html", b"another one")

    await world.do("v3")

    assert taken == in_force(world)
    await applied(world)
    assert "another one" in in_force(world)["down.page"]


async def test_a_page_that_was_removed_is_everybodys_again(world: World) -> None:
    path = write(world, "maintenance.html")
    await applied(world)
    path.unlink()

    await applied(world)

    assert {} == in_force(world)
    assert {} == world.process().row(APP).pages
    assert [] == world.problems()


async def test_a_destroyed_app_leaves_no_page(world: World) -> None:
    write(world, "down.html")
    await applied(world)

    await world.do("destroy")

    assert {} == in_force(world)


async def test_a_page_that_somebody_spoiled_is_put_back(world: World) -> None:
    write(world, "down.html")
    await applied(world)
    taken = in_force(world)
    (world.settings.current / "haproxy/pages" / APP / "down.page").write_text("oops")

    await applied(world)

    assert taken == in_force(world)


@pytest.mark.parametrize(
    ("name", "html", "why"),
    [
        ("down.html", b"x" * 15_000, "has room for 15,000"),
        ("down.html", b"x" * 200_000, "has room for 15,000"),
        ("down.html", b"x\n" * 500, "has room for 15,000"),
        ("down.html", b"\xff\xfe", "not UTF-8"),
        ("down.html", b"a\x00b", r"the character '\\x00'"),
        ("down.html", b"a\x1b[31m", r"the character '\\x1b'"),
        ("error.html", HTML, "is one of down.html, maintenance.html, pending.html"),
    ],
)
async def test_what_is_no_page_is_refused_and_changes_nothing(world: World, name: str, html: bytes, why: str) -> None:
    write(world, "pending.html")
    await applied(world)
    taken = in_force(world)
    write(world, name, html)

    with pytest.raises(SpecError, match=why):
        await applied(world)

    assert taken == in_force(world)
    assert [] == world.problems()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/hostname")])
async def test_what_is_no_plain_file_is_no_page(world: World, make: Callable[[Path], None]) -> None:
    path = write(world, "pending.html")
    await applied(world)
    taken = in_force(world)
    make(path.with_name("down.html"))

    with pytest.raises(SpecError, match=r"down\.html: it is no plain file"):
        await applied(world)

    assert taken == in_force(world)


async def test_an_editors_own_files_are_no_pages(world: World) -> None:
    for name in (".down.html.swp", ".#down.html", "down.html~", "notes.txt"):
        write(world, name)

    assert () == (await plan(world.process(), Apply())).steps


async def test_every_page_of_an_app_is_taken_up(world: World) -> None:
    for page in Page:
        write(world, f"{page.value}.html", page.value.encode())

    await applied(world)

    assert ["down.page", "maintenance.page", "pending.page"] == list(in_force(world))
    assert all(name.removesuffix(".page") in text for name, text in in_force(world).items())
