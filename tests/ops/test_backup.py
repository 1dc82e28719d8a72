"""A backup is all of a host for whoever has the key, and nothing for anybody else."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    BackupError,
    ConfigTamperedError,
    KeyMissingError,
    NotFoundError,
    ProgramMissingError,
    RefusedError,
    SecretsError,
    SpecError,
    StateError,
)
from pvdify.model.requests import Restore
from pvdify.model.vault import VaultSettings
from pvdify.ops.backup import check
from tests.ops.two_hosts import IDLE, KEY, SHOP, Hosts
from tests.ops.world import APP

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "age1" + "p" * 58


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    hosts = Hosts(tmp_path)
    await hosts.begin()
    return hosts


def left_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_file())


async def test_what_it_holds_can_be_told_on_any_machine_without_a_change(hosts: Hosts) -> None:
    data = hosts.volume(hosts.old, "data")
    (data / "note").write_text("12345")
    made = await hosts.take(volumes=True)
    before = sorted(hosts.directory.rglob("*"))

    told = await check(hosts.new.process(), Restore(file=str(hosts.file), keys=(KEY.secret,)))

    assert (made.id, made.sha256, made.bytes) == (told.id, told.sha256, hosts.file.stat().st_size)
    assert ("ada", {"pvdify-blog-data": 5}, True, 1) == (told.made_by, told.volumes, told.has_volumes, told.tokens)
    assert [(APP, 2, 1, False), (IDLE, None, None, False), (SHOP, 1, None, True)] == [
        (one.name, one.release, one.config, one.is_stopped) for one in told.apps
    ]
    assert told.audit_broken_at is None
    assert before == sorted(hosts.directory.rglob("*"))


async def test_it_is_for_nobody_else_and_nothing_of_it_is_in_the_clear(hosts: Hosts) -> None:
    await hosts.configure(GREETING="canary-1234")
    made = await hosts.take()

    assert stat.S_IFREG | 0o600 == hosts.file.stat().st_mode
    assert (KEY.public,) == made.recipients
    for text in (b"canary-1234", b"canary"[::-1], KEY.secret.encode(), b"ghcr.io"):
        assert text not in hosts.file.read_bytes()


async def test_without_a_word_it_is_for_whoever_else_reads_the_secrets(hosts: Hosts) -> None:
    with pytest.raises(RefusedError, match="not said who"):
        await hosts.take(to=())
    hosts.old.process().state.vault.write_settings(VaultSettings(recipients=(OTHER,)))

    made = await hosts.take(to=())

    assert (OTHER,) == made.recipients


async def test_a_file_that_is_there_stays_unless_that_is_said(hosts: Hosts) -> None:
    hosts.file.write_text("mine")

    with pytest.raises(RefusedError, match="there already"):
        await hosts.take()

    assert "mine" == hosts.file.read_text()
    await hosts.take(force=True)
    assert b"mine" != hosts.file.read_bytes()
    assert ["host.pvdify"] == left_in(hosts.directory)


async def test_what_is_no_file_is_never_written_over(hosts: Hosts) -> None:
    hosts.file.symlink_to("/dev/null")

    with pytest.raises(SpecError, match="no file"):
        await hosts.take(force=True)

    assert hosts.file.is_symlink()


async def test_a_program_that_fails_or_is_missing_leaves_nothing_of_it(hosts: Hosts) -> None:
    hosts.old.fake.lockbox.fails = "cannot encrypt with age: no"
    with pytest.raises(SecretsError):
        await hosts.take()
    hosts.old.fake.lockbox.is_missing = True
    with pytest.raises(ProgramMissingError):
        await hosts.take()

    assert [] == left_in(hosts.directory)


async def test_a_config_that_somebody_spoiled_is_not_taken_for_one(hosts: Hosts) -> None:
    path = hosts.old.settings.configs(APP) / "c1.sops.json"
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(ConfigTamperedError, match="c1 of blog"):
        await hosts.take()

    assert [] == left_in(hosts.directory)


async def test_a_pipe_in_the_place_of_a_page_is_no_file_to_wait_for(hosts: Hosts) -> None:
    pages = hosts.old.settings.pages(APP)
    pages.mkdir()
    os.mkfifo(pages / "down.html")

    with pytest.raises(StateError, match="no plain file"):
        await hosts.take()

    assert [] == left_in(hosts.directory)


async def test_what_is_left_of_an_app_that_goes_is_not_in_it_and_what_is_only_declared_is(hosts: Hosts) -> None:
    for path in ("gone/config/c1.toml", "gone/releases/v1.toml", "new/slot.toml"):
        (hosts.old.settings.apps / path).parent.mkdir(parents=True)
        (hosts.old.settings.apps / path).write_text('name = "new"\n')

    await hosts.take()
    await hosts.bring()

    assert [APP, IDLE, "new", SHOP] == sorted(path.name for path in hosts.new.settings.apps.iterdir())
    assert 'name = "new"\n' == hosts.new.settings.slot("new").read_text()


async def test_volumes_are_in_it_only_if_that_is_said_and_those_that_are_not_are_told(hosts: Hosts) -> None:
    hosts.volume(hosts.old, "data")

    made = await hosts.take()

    assert ((), ("pvdify-blog-data",)) == (made.volumes, made.left_out)


async def test_what_is_locked_for_somebody_else_or_is_none_is_not_opened(hosts: Hosts) -> None:
    host = hosts.new.process()
    with pytest.raises(NotFoundError):
        await check(host, Restore(file=str(hosts.file), keys=(KEY.secret,)))
    await hosts.take(to=(OTHER,))
    with pytest.raises(KeyMissingError):
        await check(host, Restore(file=str(hosts.file), keys=(KEY.secret,)))
    hosts.file.write_bytes(hosts.file.read_bytes()[:-1])
    with pytest.raises(BackupError):
        await check(host, Restore(file=str(hosts.file), keys=("AGE-SECRET-KEY-1" + "P" * 58,)))
    with pytest.raises(SpecError, match="no file"):
        await check(host, Restore(file=str(hosts.directory), keys=(KEY.secret,)))


async def test_the_hosts_own_key_opens_what_is_for_it(hosts: Hosts) -> None:
    own = hosts.old.process().state.vault.keys()[0]
    await hosts.take(to=(own.public,))

    told = await check(hosts.old.process(), Restore(file=str(hosts.file)))

    assert 3 == len(told.apps)
    hosts.new.settings.age_key.unlink()
    with pytest.raises(SpecError, match="without a key"):
        await check(hosts.new.process(), Restore(file=str(hosts.file)))
