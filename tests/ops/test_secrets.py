"""Who reads what is kept encrypted, on a host in memory: whatever happens, every config stays readable, and an old key goes last."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import (
    AppBusyError,
    ConfigTamperedError,
    KeyMissingError,
    NotFoundError,
    ProgramMissingError,
    SpecError,
)
from pvdify.model.event import Outcome
from pvdify.model.requests import Nothing
from pvdify.ops.perform import accepted
from pvdify.ops.recover import recover_all
from pvdify.ops.secrets import show_secrets
from tests.fakes.secrets import FakeSecrets
from tests.ops.safe import OTHER, VERSIONS, Safe
from tests.ops.world import APP, World
from tests.store.faults import killed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pvdify.model.vault import AgeKey

NAMES = frozenset({"rename", "unlink", "rmdir"})
"""What changes a file of the store for whoever looks at it."""


@dataclass(slots=True)
class Meddled(FakeSecrets):
    """Something happens whenever sops is about to encrypt."""

    meddle: Callable[[], Awaitable[None]] = field(default=anyio.lowlevel.checkpoint)

    async def encrypt(self, document: bytes, *, recipients: tuple[str, ...]) -> bytes:
        await self.meddle()
        return await FakeSecrets.encrypt(self, document, recipients=recipients)


@pytest.fixture
async def safe(tmp_path: Path) -> Safe:
    safe = Safe(World(tmp_path / "safe"))
    await safe.fill()
    return safe


@pytest.fixture
async def team(safe: Safe) -> AgeKey:
    """Somebody who reads, too."""
    key = await safe.world.fake.secrets.new_key()
    await safe.add(key)
    return key


async def test_after_a_rotation_the_new_key_opens_everything_and_the_old_one_nothing(safe: Safe, team: AgeKey) -> None:
    (old,), before = safe.keys, await safe.read()

    done = await safe.rotate()

    (new,) = safe.keys
    assert before == await safe.read()
    assert frozenset() == await safe.opened_by(old)
    assert frozenset(VERSIONS) == await safe.opened_by(new) == await safe.opened_by(team)
    assert new.public in done.text
    assert not safe.is_unfinished


async def test_a_rotation_changes_no_release_and_nothing_that_is_sealed(safe: Safe) -> None:
    before = safe.world.seen()
    pins = [safe.world.process().state.release(APP, one).config for one in (2, 3)]

    await safe.rotate()

    assert before == safe.world.seen()
    assert pins == [safe.world.process().state.release(APP, one).config for one in (2, 3)]
    assert [] == safe.unsealed()
    assert [] == safe.world.problems()
    await safe.world.do("rollback")


async def removed(safe: Safe, key: AgeKey) -> None:
    with suppress(NotFoundError):  # it was done, and killed before it could say so
        await safe.remove(key)


WAYS: dict[str, Callable[[Safe, AgeKey], Awaitable[object]]] = {
    "rotate": lambda safe, _: safe.rotate(),
    "add": lambda safe, key: safe.add(key),
    "remove": removed,
}


def run(action: Callable[[], Awaitable[object]]) -> None:
    """Do something in a loop of its own."""
    anyio.run(action, backend="trio")


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_write_everything_stays_readable_and_the_next_one_ends_it(way: str, tmp_path: Path) -> None:
    """It is killed before each change of a name in turn, a power cut's worth of them; then the same is typed again."""
    begun = Safe(World(tmp_path / "begun"))
    anyio.run(begun.fill, backend="trio")
    key = anyio.run(begun.world.fake.secrets.new_key, backend="trio")
    if way == "remove":
        anyio.run(begun.add, key, backend="trio")
    before = anyio.run(begun.read, backend="trio")
    seen = set()
    for number in count():
        safe = begun.fork(tmp_path / str(number))
        was_killed = killed(lambda safe=safe: run(partial(WAYS[way], safe, key)), at=number, names=NAMES)  # type: ignore[misc] # a lambda's default
        left = safe.keys
        seen.add((len(left), safe.is_unfinished))

        assert before == anyio.run(safe.read, backend="trio"), f"killed before change {number}"
        assert anyio.run(recover_all, safe.world.process(), print, backend="trio")
        anyio.run(partial(WAYS[way], safe, key), backend="trio")

        assert before == anyio.run(safe.read, backend="trio"), f"killed before change {number}"
        assert not safe.is_unfinished
        assert [] == safe.world.problems()
        assert way == "rotate" or left == safe.keys
        assert len(left) == 1 or left[:1] == safe.keys, "it made one key more than it needs"
        stays = frozenset(VERSIONS) if way == "add" else frozenset()
        assert stays == anyio.run(safe.opened_by, begun.keys[0] if way == "rotate" else key, backend="trio")
        if not was_killed:
            break
    assert number > len(VERSIONS) * 3
    assert {(1, False), (2, True)} <= seen if way == "rotate" else {(1, False), (1, True)} == seen


async def test_what_is_set_while_a_key_goes_is_readable_with_the_new_one(safe: Safe) -> None:
    """A `config:set` reads whom to encrypt for, and is held up there until the rotation has done everything else."""
    begins, goes_on = anyio.Event(), anyio.Event()

    async def hold() -> None:
        begins.set()
        await goes_on.wait()

    slow = safe.fork(safe.world.directory.with_name("slow"))
    slow.world.settings = safe.world.settings
    slow.world.fake.secrets = Meddled(meddle=hold)
    (old,) = safe.keys

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(slow.set, OTHER, COLOUR="blue"))
        await begins.wait()
        tasks.start_soon(safe.rotate)
        await anyio.sleep(0.3)
        assert 2 == len(safe.keys)
        goes_on.set()

    assert 1 == len(safe.keys)
    assert '[{"COLOUR":"blue"},{}]' == (await safe.read())[f"{OTHER} c2"]
    assert frozenset() == await safe.opened_by(old)


async def test_a_file_that_cannot_be_read_is_named_and_no_key_goes(safe: Safe) -> None:
    (old,), before = safe.keys, await safe.read()
    spoiled = safe.text(APP, 1)
    good = spoiled.read_bytes()
    spoiled.write_bytes(good.replace(b"data:", b"data:x", 1))

    with pytest.raises(ConfigTamperedError, match="c1 of blog") as caught:
        await safe.rotate()

    assert "type the same again" in caught.value.hint
    new, kept = safe.keys
    assert old == kept
    assert {**before, f"{APP} c1": "config-tampered"} == await safe.read()
    spoiled.write_bytes(good)
    await safe.rotate()
    assert (new,) == safe.keys
    assert before == await safe.read()


async def test_an_app_that_is_destroyed_meanwhile_is_no_trouble(safe: Safe) -> None:
    async def destroy() -> None:
        await anyio.lowlevel.checkpoint()
        if safe.world.settings.app(OTHER).exists():
            safe.world.process().state.remove_app(OTHER)

    safe.world.fake.secrets = Meddled(meddle=destroy)

    await safe.rotate()

    assert not safe.is_unfinished
    assert {f"{APP} c1", f"{APP} c2", "host c1"} == set(await safe.read())


async def test_what_a_killed_command_left_encrypted_for_the_old_key_goes_with_it(safe: Safe) -> None:
    half = safe.text(APP, 3)
    half.write_bytes(safe.text(APP, 2).read_bytes())
    (half.parent / ".c4.toml.new").touch()
    notes = half.parent / "notes.txt"
    notes.touch()

    await safe.rotate()

    assert not half.exists()
    assert not list(half.parent.glob(".*"))
    assert notes.exists()


async def test_a_second_one_at_the_same_time_is_refused_with_the_name_of_the_first(safe: Safe, team: AgeKey) -> None:
    for again in (safe.rotate, partial(safe.remove, team), safe.reseal):
        with accepted(safe.world.process(), "secrets.rotate", app="", actor="bob") as first:
            with pytest.raises(AppBusyError, match=rf"secrets.rotate {first.id} by bob"):
                await again()
            first.end(Outcome.DONE)

    assert Outcome.DONE is (await safe.rotate()).outcome


async def test_without_sops_nothing_is_begun(safe: Safe, team: AgeKey) -> None:
    before, other = safe.keys, await safe.world.fake.secrets.new_key()
    safe.world.fake.secrets.is_missing = True

    for begin in (safe.rotate, partial(safe.remove, team), partial(safe.add, other)):
        with pytest.raises(ProgramMissingError):
            await begin()

    assert before == safe.keys
    assert not safe.is_unfinished


async def test_whoever_is_added_reads_older_versions_too(safe: Safe, team: AgeKey) -> None:
    assert frozenset(VERSIONS) == await safe.opened_by(team)
    shown = await show_secrets(safe.world.process(), Nothing())

    assert (safe.keys[0].public, (team.public,), False) == (shown.recipient, shown.recipients, shown.is_unfinished)
    assert Outcome.UNCHANGED is (await safe.add(team)).outcome
    await safe.set(OTHER, COLOUR="green")
    assert (OTHER, 2) in await safe.opened_by(team)


async def test_a_recipient_that_sops_does_not_take_changes_nothing(safe: Safe) -> None:
    key = await safe.world.fake.secrets.new_key()
    safe.world.fake.secrets.fails = "malformed recipient"

    with pytest.raises(SpecError, match="malformed recipient") as caught:
        await safe.add(key)

    safe.world.fake.secrets.fails = ""
    assert "`age-keygen -y FILE` prints the recipient" in caught.value.hint
    assert () == (await show_secrets(safe.world.process(), Nothing())).recipients
    assert not safe.is_unfinished


async def test_whoever_is_removed_reads_nothing_and_the_operator_is_told_what_that_is_worth(
    safe: Safe, team: AgeKey
) -> None:
    done = await safe.remove(team)

    assert frozenset() == await safe.opened_by(team)
    assert "change them" in done.text
    assert not safe.is_unfinished
    with pytest.raises(NotFoundError):
        await safe.remove(team)
    with pytest.raises(SpecError, match="this host itself"):
        await safe.remove(safe.keys[0])


async def test_a_recipient_that_was_written_into_the_settings_by_hand_reads_after_a_rotation(safe: Safe) -> None:
    key = await safe.world.fake.secrets.new_key()
    before = await safe.read()
    safe.world.settings.secrets_settings.write_text(f'recipients = ["{key.public}"]\n')
    assert {"config-tampered"} == set((await safe.read()).values())

    await safe.rotate()

    assert before == await safe.read()
    assert frozenset(VERSIONS) == await safe.opened_by(key)


async def test_with_a_key_of_the_team_a_lost_one_of_the_host_is_replaced(safe: Safe, team: AgeKey) -> None:
    before = await safe.read()
    safe.world.settings.age_key.unlink()
    with pytest.raises(KeyMissingError):
        await safe.rotate()
    safe.world.settings.age_key.write_text(team.text())

    await safe.rotate()

    assert before == await safe.read()
    assert team.public != safe.keys[0].public
    assert frozenset(VERSIONS) == await safe.opened_by(team)


async def test_with_what_is_sealed_a_lost_key_is_replaced_that_nobody_has(safe: Safe) -> None:
    before, any_key = await safe.read(), await safe.world.fake.secrets.new_key()
    safe.world.settings.age_key.unlink()
    safe.world.settings.age_key.write_text(any_key.text())
    sealed = safe.world.settings.sealed(APP, 1, "env")
    good = sealed.read_bytes()
    sealed.write_bytes(b"")
    with pytest.raises(KeyMissingError, match="c1 of blog"):
        await safe.rotate()

    sealed.write_bytes(good)
    await safe.rotate()

    assert before == await safe.read()
    assert frozenset() == await safe.opened_by(any_key)


async def test_a_key_that_does_not_open_what_is_encrypted_for_it_drops_no_other(safe: Safe) -> None:
    """A key file is a text file: somebody may have put the wrong `# public key:` above a key."""
    (old,), stranger = safe.keys, await safe.world.fake.secrets.new_key()
    safe.world.settings.age_key.write_text(f"# public key: {stranger.public}\n{old.secret}\n{old.text()}")

    with pytest.raises(KeyMissingError):
        await safe.rotate()

    assert frozenset(VERSIONS) == await safe.opened_by(old)
