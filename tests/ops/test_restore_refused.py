"""Whatever is not as it should be leaves a bare host bare, and takes nothing away from one that is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    BackupError,
    HostError,
    KeyMissingError,
    PortTakenError,
    ProgramMissingError,
    PvdifyError,
    RefusedError,
    RestoreUnfinishedError,
    SecretsError,
)
from pvdify.model.backup import Restoring
from pvdify.model.requests import CreateToken, Login
from pvdify.model.vault import SealWith
from pvdify.ops.registry import login
from pvdify.ops.tokens import create_token
from tests.fakes.lockbox import FakeLockbox
from tests.fakes.secrets import FakeSecrets
from tests.ops.two_hosts import ADA, PASSWORD, PRIVATE, Hosts, seen
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pvdify.ports.secrets import Feed, Take
    from tests.ops.world import World


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    """Backed up, and a bare host beside it."""
    hosts = Hosts(tmp_path)
    await hosts.begin()
    await hosts.take()
    return hosts


def is_bare(world: World) -> bool:
    """Whether nothing is there but what `init` makes, and the journals of attempts."""
    settings, state = world.settings, world.process().state
    is_empty = not any(settings.apps.iterdir()) and not settings.configs("host").exists()
    return is_empty and not state.tokens() and not state.current().apps and state.backups.restoring() is None


async def _an_app(world: World) -> None:
    await world.do("create")


async def _a_slot(world: World) -> None:
    world.settings.slot("new").parent.mkdir()
    world.settings.slot("new").write_text('name = "new"\n')


async def _a_token(world: World) -> None:
    await create_token(world.process(), CreateToken(name="mine"), ADA)


async def _a_login(world: World) -> None:
    await login(world.process(), Login(registry=PRIVATE, user="pat", password=PASSWORD), ADA)


async def _a_volume(world: World) -> None:
    (world.settings.volumes / "pvdify-old-data" / "_data").mkdir(parents=True)


@pytest.mark.parametrize("have", [_an_app, _a_slot, _a_token, _a_login, _a_volume])
async def test_nothing_that_is_there_is_taken_away(hosts: Hosts, have: Callable[[World], Awaitable[None]]) -> None:
    await have(hosts.new)
    before = contents(hosts.new)

    with pytest.raises(RefusedError, match="this host is not bare"):
        await hosts.bring()

    assert before == contents(hosts.new)


def contents(world: World) -> dict[str, bytes]:
    """All that is kept, but for the attempts themselves, and a list of no tokens."""
    state = world.settings.state
    attempts, nothing = ("audit", "reserve/", "lock"), b'"tokens": []'
    found = {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    return {
        name: data
        for name, data in found.items()
        if not (name.startswith(attempts) or b'"name":"restore"' in data or nothing in data)
    }


def _another_key(hosts: Hosts) -> None:
    hosts.key = "AGE-SECRET-KEY-1" + "P" * 58


def _half_of_it(hosts: Hosts) -> None:
    data = hosts.file.read_bytes()
    hosts.file.write_bytes(data[: len(data) // 2])


def _a_stranger_on_a_front(hosts: Hosts) -> None:
    hosts.new.fake.network.holders[3000] = "nginx (pid 7)"


def _no_seal(hosts: Hosts) -> None:
    hosts.new.fake.seal.lacks = frozenset(SealWith)


def _no_validator(hosts: Hosts) -> None:
    hosts.new.fake.quadlet.refused = {"pvdify-blog.target": "no"}


class Closed(FakeSecrets):
    """SOPS, with a key that opens nothing."""

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        raise KeyMissingError(f"cannot read {what}: no age key in {keys} opens it")


def _no_sops(hosts: Hosts) -> None:
    hosts.new.fake.secrets.is_missing = True


def _no_age(hosts: Hosts) -> None:
    hosts.new.fake.lockbox.is_missing = True


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_another_key, KeyMissingError),
        (_half_of_it, BackupError),
        (_a_stranger_on_a_front, PortTakenError),
        (_no_seal, SecretsError),
        (_no_sops, ProgramMissingError),
        (_no_age, ProgramMissingError),
        (_no_validator, PvdifyError),
    ],
)
async def test_whatever_is_wrong_leaves_a_bare_host(
    hosts: Hosts, spoil: Callable[[Hosts], None], error: type[PvdifyError]
) -> None:
    before = contents(hosts.new)
    spoil(hosts)

    with pytest.raises(error):
        await hosts.bring()

    assert is_bare(hosts.new)
    assert before == contents(hosts.new)


async def test_what_failed_half_way_can_be_done_again_or_with_another_backup(hosts: Hosts) -> None:
    hosts.new.fake.quadlet.refused = {"pvdify-blog.target": "no"}
    with pytest.raises(PvdifyError):
        await hosts.bring()
    hosts.new.fake.quadlet.refused = {}
    await hosts.take(force=True)

    await hosts.bring()

    assert await seen(hosts.old) == await seen(hosts.new)


async def test_a_config_that_the_keys_in_it_do_not_open_is_refused(hosts: Hosts) -> None:
    hosts.new.fake.secrets = Closed()

    with pytest.raises(BackupError, match=r"c\d of (blog|host)"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_a_name_of_a_secret_file_that_leads_elsewhere_is_refused(hosts: Hosts) -> None:
    path = hosts.old.settings.configs("host") / "c1.toml"
    path.write_text(path.read_text().replace("[files]\n", '[files]\n"../../evil" = 1\n'))
    await hosts.take(force=True)

    with pytest.raises(BackupError, match="what is known of it is not what it holds"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_a_journal_of_another_operation_is_refused(hosts: Hosts) -> None:
    operations = hosts.old.settings.operations
    path = min(operations.glob("*.blog.jsonl"))
    path.rename(path.with_name(path.name.replace("blog", "shop")))
    await hosts.take(force=True)

    with pytest.raises(BackupError, match="it is not that of this operation"):
        await hosts.bring()

    assert is_bare(hosts.new)


@dataclass(slots=True)
class Swapping(FakeLockbox):
    """Before a file is read the second time somebody writes another one over it."""

    file: Path | None = None
    other: bytes = b""
    reads: int = 0

    async def unlock(self, feed: Feed, take: Take, *, what: str, keys: tuple[str, ...]) -> None:
        self.reads += 1
        if self.reads > 1 and self.file is not None:
            self.file.write_bytes(self.other)
        await FakeLockbox.unlock(self, feed, take, what=what, keys=keys)


async def test_a_file_that_is_another_one_when_it_is_unpacked_is_refused(hosts: Hosts) -> None:
    first = hosts.file.read_bytes()
    await hosts.take(force=True)
    other = hosts.file.read_bytes()
    hosts.file.write_bytes(first)
    hosts.new.fake.lockbox = Swapping(file=hosts.file, other=other)

    with pytest.raises(BackupError, match="it was changed while it was read"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_half_a_host_is_used_by_nobody_but_the_next_restore(hosts: Hosts) -> None:
    state = hosts.new.process().state
    state.backups.note(Restoring(id="ab" * 16, volumes=("pvdify-blog-data",)))
    for path in (hosts.new.settings.releases(APP), hosts.volume(hosts.new, "data")):
        path.mkdir(parents=True)

    with pytest.raises(RestoreUnfinishedError, match="a restore was begun and is not through"):
        state.check()
    await hosts.bring()

    state.check()
    assert await seen(hosts.old) == await seen(hosts.new)
    assert not hosts.volume(hosts.new, "data").exists()


async def test_two_at_a_time_are_one_too_many(hosts: Hosts) -> None:
    lock = hosts.new.process().state.backups.try_alone()
    assert lock is not None

    with lock, pytest.raises(RefusedError, match="somebody else does"):
        await hosts.bring()


async def test_another_backup_waits_until_all_apps_of_the_first_are_up(hosts: Hosts) -> None:
    hosts.new.fake.podman.unreachable = {"ghcr.io"}
    with pytest.raises(HostError):
        await hosts.bring()
    await hosts.take(force=True)

    with pytest.raises(RefusedError, match="another backup is restored here"):
        await hosts.bring()
