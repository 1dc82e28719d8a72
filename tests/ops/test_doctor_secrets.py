"""The doctor looks at what keeps secrets, and asks neither sops nor the age key about any app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import ConfigTamperedError
from pvdify.model.requests import Nothing
from pvdify.ops.doctor import doctor
from tests.ops.safe import OTHER, Safe
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Check

NAMES = ("sops", "age key", "sealed config", "swap")


@pytest.fixture
async def safe(tmp_path: Path) -> Safe:
    safe = Safe(World(tmp_path / "safe"))
    await safe.fill()
    return safe


async def found(safe: Safe) -> dict[str, Check]:
    checks = (await doctor(safe.world.process(), Nothing())).checks
    return {one.name: one for one in checks if one.name in NAMES or one.name.startswith("config of")}


async def ill(safe: Safe) -> dict[str, tuple[str, str]]:
    """What is not well: its status, and the command to type."""
    return {name: (one.status.value, one.hint) for name, one in (await found(safe)).items() if one.status != "ok"}


async def test_a_host_that_is_well_says_so_of_each(safe: Safe) -> None:
    assert list(NAMES) == list(await found(safe))
    assert {} == await ill(safe)
    assert "4 in use, as they were written, and" in (await found(safe))["sealed config"].detail


async def test_without_sops_the_rest_is_looked_at_all_the_same(safe: Safe) -> None:
    safe.world.fake.secrets.is_missing = True

    assert {"sops"} == set(await ill(safe))


async def test_a_key_file_that_is_gone_or_open_to_others_is_told(safe: Safe) -> None:
    key = safe.world.settings.age_key
    key.chmod(0o644)
    assert {"age key": ("fail", f"chown root:root {key}; chmod 400 {key}")} == await ill(safe)

    away = key.rename(key.with_name("away"))
    assert f"bring {key} back" in (await ill(safe))["age key"][1]

    key.symlink_to(away)
    assert {"age key"} == set(await ill(safe))


async def test_a_rotation_that_was_cut_off_is_told_until_it_is_done(safe: Safe) -> None:
    spoiled = safe.text(APP, 1)
    good = spoiled.read_bytes()
    spoiled.write_bytes(b"{}")
    with pytest.raises(ConfigTamperedError):
        await safe.rotate()
    assert ("warn", "pvdify secrets:rotate") == (await ill(safe))["age key"]
    spoiled.write_bytes(good)
    assert {"age key"} == set(await ill(safe))

    await safe.rotate()

    assert {} == await ill(safe)


async def test_a_file_of_what_runs_or_is_next_that_is_not_as_written_is_told(safe: Safe) -> None:
    safe.world.settings.sealed(APP, 2, "env").write_bytes(b"")
    safe.text(OTHER, 1).unlink()

    hints = await ill(safe)

    assert {"config of blog", "config of shop"} == set(hints)
    assert "pvdify secrets:reseal" in hints["config of blog"][1]
    assert "backup" in hints["config of shop"][1]


async def test_an_older_version_that_nothing_needs_is_not_looked_at(safe: Safe) -> None:
    await safe.set(APP, LEVEL="trace")
    safe.text(APP, 1).unlink()

    assert {} == await ill(safe)


async def test_a_host_that_lost_its_key_for_what_is_sealed_is_told(safe: Safe) -> None:
    safe.world.fake.seal.key = "host-2"

    assert {"sealed config": ("fail", "pvdify secrets:reseal")} == await ill(safe)


async def test_swap_in_the_clear_is_a_warning(safe: Safe) -> None:
    safe.world.fake.memory.swaps = ("/swapfile",)

    status, hint = (await ill(safe))["swap"]

    assert "warn" == status
    assert "swapoff /swapfile" in hint
