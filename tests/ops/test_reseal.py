"""What is sealed for a host is made again from what is encrypted: after its key was lost, on a new machine, or with another key."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import (
    ConfigTamperedError,
    KeyMissingError,
    NotSealedError,
    OperationFailedError,
    RefusedError,
    SecretsError,
)
from pvdify.model.requests import Init, Nothing
from pvdify.model.vault import SealWith
from pvdify.ops.every_config import every_version
from pvdify.ops.host_secrets import logins
from pvdify.ops.init import init
from pvdify.ops.reseal import needed
from pvdify.ops.secrets import show_secrets
from tests.ops.safe import OTHER, VERSIONS, Safe
from tests.ops.world import APP, World
from tests.store.faults import killed

if TYPE_CHECKING:
    from pathlib import Path

NAMES = frozenset({"rename", "mkdir"})


@pytest.fixture
async def safe(tmp_path: Path) -> Safe:
    safe = Safe(World(tmp_path / "safe"))
    await safe.fill()
    return safe


async def opened(safe: Safe) -> frozenset[tuple[str, int]]:
    """The versions that systemd would open on this host."""
    host, found = safe.world.process(), set()
    for app, version in every_version(host):
        meta = host.state.configs.meta(app, version)
        try:
            for part in meta.pin().parts():
                sealed = host.state.configs.sealed(app, meta, part)
                await host.seal.unseal(meta.pin().credential(app, part), sealed)
            found.add((app, version))
        except NotSealedError:
            continue
    return frozenset(found)


async def test_a_host_with_another_key_opens_everything_again(safe: Safe) -> None:
    safe.world.fake.seal.key = "host-2"
    assert frozenset() == await opened(safe)
    with pytest.raises(NotSealedError):
        await logins(safe.world.process())

    done = await safe.reseal()

    assert "4 config versions" in done.text
    assert frozenset(VERSIONS) == await opened(safe)
    assert {"ghcr.io": "ada:s3cret"} == await logins(safe.world.process())
    assert [] == safe.world.problems()


async def test_an_app_that_cannot_be_given_its_config_says_what_to_type(safe: Safe) -> None:
    before = safe.world.seen()
    safe.world.fake.seal.key = "host-2"

    with pytest.raises(OperationFailedError, match="does not open on this host") as caught:
        await safe.world.do("restart")

    assert "pvdify secrets:reseal" in caught.value.hint
    assert before == safe.world.seen()


async def test_what_runs_or_is_next_comes_first(safe: Safe) -> None:
    """What else there is may be much."""
    await safe.set(APP, LEVEL="trace")

    assert {(APP, 2), (APP, 3), (OTHER, 1), ("host", 1)} == needed(safe.world.process())


async def test_what_opens_it_is_kept_for_what_is_set_later(safe: Safe) -> None:
    await safe.reseal(SealWith.BOTH)
    await safe.set(APP, LEVEL="trace")
    await safe.reseal()

    shown = await show_secrets(safe.world.process(), Nothing())
    assert SealWith.BOTH is shown.seal
    sealed = safe.world.settings.sealed(APP, 3, "env").read_bytes()
    assert sealed.startswith(b"host+tpm2:")


async def test_what_this_host_cannot_seal_with_is_not_kept(safe: Safe) -> None:
    safe.world.fake.seal.lacks = frozenset({SealWith.TPM2})

    with pytest.raises(SecretsError, match="tpm2"):
        await safe.reseal(SealWith.TPM2)

    assert SealWith.HOST is (await show_secrets(safe.world.process(), Nothing())).seal
    assert frozenset(VERSIONS) == await opened(safe)


async def test_one_that_cannot_be_read_is_named_and_stops_no_other(safe: Safe) -> None:
    safe.text(APP, 2).unlink()
    safe.world.fake.seal.key = "host-2"

    with pytest.raises(ConfigTamperedError, match="c2 of blog"):
        await safe.reseal()

    assert frozenset(VERSIONS) - {(APP, 2)} == await opened(safe)


def sealed(safe: Safe) -> None:
    """Seal everything again, in a loop of its own."""
    anyio.run(safe.reseal, backend="trio")


def test_killed_at_any_write_it_is_done_by_the_next_one(tmp_path: Path) -> None:
    begun = Safe(World(tmp_path / "begun"))
    anyio.run(begun.fill, backend="trio")
    begun.world.fake.seal.key = "host-2"
    for number in count():
        safe = begun.fork(tmp_path / str(number))
        was_killed = killed(lambda safe=safe: sealed(safe), at=number, names=NAMES)  # type: ignore[misc] # a lambda's default

        sealed(safe)

        assert frozenset(VERSIONS) == anyio.run(opened, safe, backend="trio"), f"killed before change {number}"
        if not was_killed:
            break
    assert number > len(VERSIONS) * 2


async def test_a_new_host_is_sealed_as_was_said(tmp_path: Path) -> None:
    world = World(tmp_path / "new")
    world.fake.seal.lacks = frozenset({SealWith.TPM2})
    with pytest.raises(SecretsError, match="tpm2"):
        await init(world.process(), Init(seal=SealWith.TPM2))
    assert not world.settings.age_key.exists()

    await init(world.process(), Init(seal=SealWith.BOTH))

    await init(world.process(), Init())
    assert SealWith.BOTH is (await show_secrets(world.process(), Nothing())).seal
    with pytest.raises(RefusedError, match="sealed with host") as caught:
        await init(world.process(), Init(seal=SealWith.HOST))
    assert "secrets:reseal --with host" in caught.value.hint


async def test_where_encrypted_files_wait_for_a_lost_key_none_is_made(safe: Safe) -> None:
    """A new key would look like all is well, and the next backup of it would replace the one that is needed."""
    key = safe.world.settings.age_key.read_bytes()
    safe.world.settings.age_key.unlink()
    for app in (APP, OTHER):
        safe.world.settings.slot(app).unlink()

    with pytest.raises(KeyMissingError):
        await init(safe.world.process(), Init())

    assert not safe.world.settings.age_key.exists()
    safe.world.settings.age_key.write_bytes(key)
    await init(safe.world.process(), Init())
    assert key == safe.world.settings.age_key.read_bytes()
