"""What is said of an instance that was not given its config."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import NotSealedError, OperationFailedError
from tests.fakes.systemd import CREDENTIALS
from tests.ops.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.errors import Failure


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin("v1")
    return world


async def failure(world: World, what: str) -> Failure:
    before = world.seen()

    with pytest.raises(OperationFailedError) as caught:
        await world.do(what)

    assert before == world.seen()
    assert [] == world.problems()
    return caught.value.failure


async def test_what_this_host_cannot_open_is_told_with_the_way_to_seal_it_again(world: World) -> None:
    await world.set({"TOKEN": "canary"})
    world.fake.seal.key = "another"

    for what in ("restart", "v2"):
        found = await failure(world, what)

        assert "was not started, because its sealed config does not open on this host" in found.message
        assert NotSealedError.code == found.code
        assert "pvdify secrets:reseal" in found.hint
        assert found.exit is not None
        assert CREDENTIALS == found.exit.status


async def test_nothing_is_stopped_for_what_this_host_cannot_open(world: World) -> None:
    await world.change(processes={"web": {"overlap": False}})
    await world.set({"TOKEN": "canary"})
    world.fake.seal.key = "another"
    before, stops = world.seen(), [one for one in world.fake.systemd.actions if one.startswith("stop")]

    with pytest.raises(NotSealedError, match="this host cannot open it"):
        await world.do("restart")

    assert before == world.seen()
    assert stops == [one for one in world.fake.systemd.actions if one.startswith("stop")]


async def test_a_program_that_ends_with_that_status_itself_is_told_as_any_other(world: World) -> None:
    world.fake.systemd.crashing["pvdify-blog-v2-*"] = CREDENTIALS

    found = await failure(world, "v2")

    assert f"exited with status {CREDENTIALS}" in found.message


async def test_one_with_config_that_wrote_something_before_was_given_it(world: World) -> None:
    await world.set({"TOKEN": "canary"})
    world.fake.systemd.crashing["pvdify-blog-v3-*"] = CREDENTIALS
    later = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)
    world.fake.logs.write("pvdify-blog-v3-web-1.service", "cannot read my own settings", at=later)

    found = await failure(world, "v2")

    assert f"exited with status {CREDENTIALS}" in found.message
    assert ("cannot read my own settings",) == found.log_tail


async def test_what_it_wrote_of_its_config_is_kept_nowhere(world: World) -> None:
    await world.set({"URL": "db://blog:canary@db"})
    world.fake.systemd.crashing["pvdify-blog-v3-*"] = 1
    later = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)
    world.fake.logs.write("pvdify-blog-v3-web-1.service", "cannot reach db://blog:canary@db", at=later)

    found = await failure(world, "v2")

    assert ("cannot reach [URL]",) == found.log_tail


async def test_what_it_wrote_is_not_shown_where_nobody_knows_what_to_leave_out(world: World) -> None:
    await world.set({"TOKEN": "canary"})
    (world.settings.configs("blog") / "c1.sops.json").unlink()
    world.fake.systemd.crashing["pvdify-blog-v3-*"] = 1
    later = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1)
    world.fake.logs.write("pvdify-blog-v3-web-1.service", "my token is canary", at=later)

    found = await failure(world, "v2")

    assert ("(not shown, as its config cannot be read and may be in it)",) == found.log_tail
