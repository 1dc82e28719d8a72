"""Killed at any line of its journal, a restore is gone on with when it is typed again, and ends as one that was never killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import RestoreUnfinishedError
from pvdify.model.requests import Nothing, Restore
from pvdify.ops.audit import verify_audit
from pvdify.ops.perform import accepted, performed
from pvdify.ops.recover import recover_all
from pvdify.ops.restore import restore
from tests.ops.deaths import LINES, kill
from tests.ops.two_hosts import Hosts, seen
from tests.ops.world import Cut, Killed, World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    hosts = Hosts(tmp_path)
    await hosts.begin()
    (hosts.volume(hosts.old, "data") / "note").write_text("kept")
    await hosts.take(volumes=True)
    return hosts


async def died(hosts: Hosts, world: World, *, at: int, is_after: bool) -> bool:
    """Whether a restore on *world* died at that line."""
    host, request = world.process(), Restore(file=str(hosts.file), keys=(hosts.key,))
    with accepted(host, "restore", app="", actor="ada") as running:
        cut = Cut(running.journal, at, is_after, kill)
        running.journal = cut  # type: ignore[assignment]  # the same, but mortal
        try:
            await performed(host, running, lambda host, one: restore(host, one, request))
        except Killed:
            cut.journal.close()
            return True
    return False


async def test_a_backup_of_a_host_whose_operation_was_cut_off_anywhere_is_that_of_a_whole_one(
    hosts: Hosts, tmp_path: Path
) -> None:
    lines = 0
    for number in range(1, LINES, 2):
        dead, world = hosts.old.fork(tmp_path / f"old{number}"), hosts.new.fork(tmp_path / f"new{number}")
        if not await dead.die("v3", at=number, is_after=True, act=kill):
            break
        lines = number
        await hosts.take(dead, force=True)

        await hosts.bring(world)

        assert [] == world.problems(), f"line {number}"
        assert world.process().row("blog").live == dead.process().row("blog").live, f"line {number}"
    assert lines > 20, "the operation has more lines than that"


@pytest.mark.parametrize("where", ["before", "after"])
async def test_killed_at_any_line_it_is_gone_on_with(hosts: Hosts, tmp_path: Path, where: str) -> None:
    wanted = await seen(hosts.old)
    lines = 0
    for number in range(1, LINES):
        world = hosts.new.fork(tmp_path / f"new{number}")
        if not await died(hosts, world, at=number, is_after=where == "after"):
            break
        lines = number
        if number % 2:
            world.fake.boot()
            try:
                world.process().state.check()
                assert await recover_all(world.process(), print)
            except RestoreUnfinishedError:
                pass

        if world.process().state.backups.restoring() or not world.process().state.current().apps:
            await hosts.bring(world)

        assert wanted == await seen(world), f"line {number}"
        assert [] == [one for one in world.problems() if one != "unfinished restore"], f"line {number}"
        assert "kept" == (hosts.volume(world, "data") / "note").read_text()
        assert (await verify_audit(world.process(), Nothing())).is_intact
    assert lines > 12, "the operation has more lines than that"
