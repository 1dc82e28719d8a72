"""The host's keys and settings: the old or the new, whatever happens, and for root alone."""

import errno
import os
from itertools import count
from pathlib import Path

import pytest

from pvdify.errors import DiskLowError, KeyMissingError, StateError
from pvdify.model.vault import AgeKey, SealWith, VaultSettings
from pvdify.store.state import State
from tests.store.example import state_in
from tests.store.faults import CHANGES, MAKES, broken, failing, killed


def key_of(letter: str) -> AgeKey:
    return AgeKey(public=f"age1{letter * 58}", secret=f"AGE-SECRET-KEY-1{letter.upper() * 58}")


ONE, TWO = key_of("q"), key_of("p")
TEAM = f"age1{'z' * 58}"
OLD = VaultSettings(recipients=(TEAM,))
NEW = VaultSettings(seal=SealWith.BOTH, leaving=(TEAM,))


def reopened(state: State) -> State:
    return State(state.settings)


def test_a_new_host_has_no_key_and_says_where_it_belongs(empty: State) -> None:
    assert not empty.vault.has_key()
    with pytest.raises(KeyMissingError, match="the host's age key is gone") as caught:
        empty.vault.keys()
    assert f"bring {empty.settings.age_key} back" in caught.value.hint


@pytest.mark.parametrize("text", ["", "# public key: age1\n", "\0\xff", ONE.secret])
def test_a_file_without_a_key_is_told(empty: State, text: str) -> None:
    empty.settings.age_key.write_text(text)

    with pytest.raises(KeyMissingError, match="holds no age key") as caught:
        empty.vault.keys()
    assert ONE.secret not in f"{caught.value}{caught.value.hint}"


def test_keys_are_kept_newest_first_and_for_root_alone(empty: State) -> None:
    previous = os.umask(0)
    try:
        empty.vault.write_keys((TWO, ONE))
        empty.vault.write_settings(OLD)
    finally:
        os.umask(previous)

    assert empty.vault.has_key()
    assert (TWO, ONE) == reopened(empty).vault.keys()
    assert 0o400 == empty.settings.age_key.stat().st_mode & 0o777
    assert 0o600 == empty.settings.secrets_settings.stat().st_mode & 0o777
    assert 0o700 == empty.settings.secrets.stat().st_mode & 0o777


def test_a_key_of_age_keygen_that_was_brought_back_is_read(empty: State) -> None:
    empty.settings.age_key.write_text(f"# created: 2026-11-25T20:46:53Z\n# public key: {ONE.public}\n{ONE.secret}\n")

    assert (ONE,) == empty.vault.keys()


def test_settings_are_kept(empty: State) -> None:
    assert VaultSettings() == empty.vault.settings()

    empty.vault.write_settings(NEW)

    assert NEW == reopened(empty).vault.settings()


@pytest.mark.parametrize("text", ["seal = 1", "recipients = ['ssh-ed25519 AAAA']", "more = 1", "seal = ", "\0"])
def test_settings_that_mean_nothing_are_told_with_their_file(empty: State, text: str) -> None:
    empty.settings.secrets_settings.write_text(text)

    with pytest.raises(StateError, match=r"settings\.toml") as caught:
        empty.vault.settings()
    assert f"put it right in {empty.settings.secrets_settings}" == caught.value.hint


def test_all_share_the_keys_and_only_one_takes_a_key_away(empty: State) -> None:
    first, second = empty.vault.try_share(), reopened(empty).vault.try_share()
    assert first is not None
    assert second is not None

    assert reopened(empty).vault.try_alone() is None
    first.release()
    assert reopened(empty).vault.try_alone() is None
    second.release()
    alone = reopened(empty).vault.try_alone()

    assert alone is not None
    assert reopened(empty).vault.try_share() is None
    alone.release()


def test_the_hosts_own_secrets_are_changed_by_one_at_a_time(empty: State) -> None:
    lock = empty.vault.try_host()
    assert lock is not None

    assert reopened(empty).vault.try_host() is None
    assert empty.vault.try_share() is not None


def test_killed_anywhere_the_keys_are_the_old_or_the_new(tmp_path: Path) -> None:
    found = []
    for number in count():
        state = state_in(tmp_path / str(number))
        state.vault.write_keys((ONE,))
        died = killed(lambda state=state: state.vault.write_keys((TWO, ONE)), at=number)  # type: ignore[misc] # a lambda's default
        found.append(len(reopened(state).vault.keys()))

        state.vault.write_keys((TWO, ONE))

        assert (TWO, ONE) == reopened(state).vault.keys()
        assert ["age.key"] == [path.name for path in state.settings.secrets.iterdir()]
        if not died:
            break
    assert sorted(found) == found
    assert {1, 2} == set(found)


def test_killed_anywhere_the_first_key_is_whole_or_not_there(tmp_path: Path) -> None:
    found = []
    for number in count():
        state = state_in(tmp_path / str(number))
        died = killed(lambda state=state: state.vault.write_keys((ONE,)), at=number)  # type: ignore[misc] # a lambda's default
        found.append(reopened(state).vault.has_key())
        if found[-1]:
            assert (ONE,) == reopened(state).vault.keys()
        if not died:
            break
    assert [False, True] == sorted(set(found))


def test_killed_anywhere_the_settings_are_the_old_or_the_new(tmp_path: Path) -> None:
    found = []
    for number in count():
        state = state_in(tmp_path / str(number))
        state.vault.write_settings(OLD)
        died = killed(lambda state=state: state.vault.write_settings(NEW), at=number)  # type: ignore[misc] # a lambda's default
        found.append(reopened(state).vault.settings() == NEW)
        assert reopened(state).vault.settings() in {OLD, NEW}

        state.vault.write_settings(NEW)

        assert ["settings.toml"] == [path.name for path in state.settings.secrets.iterdir()]
        if not died:
            break
    assert [False, True] == sorted(set(found))


@pytest.mark.parametrize("at", [0, 1])
def test_a_full_disk_leaves_the_old_and_nothing_beside_it(empty: State, at: int) -> None:
    empty.vault.write_keys((ONE,))
    empty.vault.write_settings(OLD)

    with broken(errno.ENOSPC, names=MAKES, at=at), pytest.raises(DiskLowError):
        empty.vault.write_keys((TWO,))
    with broken(errno.ENOSPC, names=MAKES, at=at), pytest.raises(DiskLowError):
        empty.vault.write_settings(NEW)

    assert ((ONE,), OLD) == (empty.vault.keys(), empty.vault.settings())
    assert {"age.key", "settings.toml"} == {path.name for path in empty.settings.secrets.iterdir()}


def test_no_error_is_left_without_words_and_none_tells_a_key(tmp_path: Path) -> None:
    errors = []
    for number in count():
        state = state_in(tmp_path / str(number))
        with failing(errno.EACCES, at=number, names=CHANGES - {"close"}) as calls:
            try:
                state.vault.write_keys((ONE,))
                state.vault.keys()
                state.vault.write_settings(NEW)
                state.vault.settings()
            except StateError as error:
                errors.append(error)
        if len(calls.met) <= number:
            break
    assert len(errors) > 10
    assert {"only root may: put `sudo` in front"} == {error.hint for error in errors}
    assert not [error for error in errors if ONE.secret in f"{error}{error.hint}"]
