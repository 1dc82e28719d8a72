"""What is shown of config, to whom, and that nothing else tells what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.errors import AppNotFoundError, ConfigNotFoundError, OperationFailedError
from pvdify.model.config_answers import ConfigDiff, ConfigVersion
from pvdify.model.requests import DiffConfig, ForApp, ShowConfig
from pvdify.ops.config import diff_config, list_versions, show_config
from tests.ops.configured import CANARY, everything, shown
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v1 is live, without config."""
    world = World(tmp_path)
    await world.begin("v1")
    return world


async def test_names_are_shown_to_everybody_and_values_to_whoever_asks(world: World) -> None:
    await world.set({"KEY": "one", "EMPTY": ""}, {"tls.key": b"\0secret"})

    named = await show_config(world.process(), ShowConfig(app=APP))
    revealed = await shown(world)

    assert ({"EMPTY": None, "KEY": None}, {"tls.key": None}) == (named.vars, named.files)
    assert ({"EMPTY": "", "KEY": "one"}, {"tls.key": b"\0secret"}) == (revealed.vars, revealed.files)
    assert ({"tls.key": 7}, 1, 1, "ada") == (named.sizes, named.version, named.live_version, named.created_by)


async def test_an_older_version_is_shown_as_it_was(world: World) -> None:
    await world.set({"KEY": "one"})
    await world.set({"KEY": "two"}, deploys=False)

    old, new = await shown(world, 1), await shown(world)
    assert ({"KEY": "one"}, 1, 1) == (old.vars, old.version, old.live_version)
    assert ({"KEY": "two"}, 2, 1) == (new.vars, new.version, new.live_version)


async def test_there_is_no_config_to_show_where_none_was_set(world: World) -> None:
    found = await shown(world)

    assert (None, None, {}, {}) == (found.version, found.live_version, found.vars, found.files)
    with pytest.raises(ConfigNotFoundError, match="cannot find config c1 of blog"):
        await shown(world, 1)
    with pytest.raises(AppNotFoundError):
        await show_config(world.process(), ShowConfig(app="host"))


async def test_versions_are_listed_with_the_newest_release_of_each(world: World) -> None:
    await world.set({"KEY": "one"}, {"tls.key": b"secret"})
    await world.do("v2")
    await world.set({"OTHER": "two"}, deploys=False)

    found = await list_versions(world.process(), ForApp(app=APP))

    blank = [msgspec.structs.replace(one, created_at="") for one in found.versions]
    assert (2, 1) == (found.version, found.live_version)
    assert [
        ConfigVersion(version=2, vars=2, files=1, release=None, created_at="", created_by="ada"),
        ConfigVersion(version=1, vars=1, files=1, release=3, created_at="", created_by="ada"),
    ] == blank


async def test_two_versions_are_compared_by_name(world: World) -> None:
    await world.set({"KEY": "one", "GONE": "x"}, {"tls.key": b"secret"})
    await world.set({"KEY": "two", "GONE": None, "NEW": "x"}, {"tls.key": b"other"})

    found = await diff_config(world.process(), DiffConfig(app=APP, version=1, other=2))

    expected = ConfigDiff(
        app=APP, version=1, other=2, added=("NEW",), removed=("GONE",), changed=("KEY", "secrets/tls.key")
    )
    assert expected == found


async def test_nothing_that_is_written_or_answered_tells_a_value(world: World) -> None:
    said = []
    said.append(await world.set({"KEY": CANARY, "OTHER": f"x{CANARY}"}, {"tls.key": CANARY.encode()}))
    said.append(await world.set({"OTHER": f"y{CANARY}"}, deploys=False))
    said.append(await world.do("v2"))
    said.append(await world.do("rollback"))
    said.append(await world.do("rollback-keep-config"))
    said.append(await world.set({"KEY": None}))
    world.fake.systemd.crashing = {"pvdify-blog-v*": 1}
    with pytest.raises(OperationFailedError):
        await world.set({"KEY": f"z{CANARY}"})

    told = [path for path, data in everything(world.directory).items() if CANARY.encode() in data]
    assert [] == told
    assert CANARY not in f"{said}"
    assert CANARY not in f"{world.fake.systemd.known}{world.fake.systemd.actions}"
