"""Every system call of a change of config is tried: the process dies just before it, the disk fails in it, the disk is full in it."""

import errno
from collections.abc import Callable
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from pvdify.errors import DiskLowError, NotSealedError, StateError
from pvdify.model.config import ConfigMeta
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.store.example import state_in
from tests.store.faults import CHANGES, MAKES, NEEDS_ROOM, broken, failing, killed
from tests.store.kept import AGAIN, SEALED, add, files_of, text, tree


def reopened(state: State) -> State:
    return State(state.settings)


def bare(directory: Path) -> State:
    """A state directory with nothing in it, not even a reserve."""
    state = State(Settings(state=directory / "state", run=directory / "run"))
    state.settings.secrets.mkdir(parents=True)
    return state


def each_kill(
    directory: Path, action: Callable[[State], object], *, before: Callable[[State], object] = lambda state: None
) -> list[State]:
    """What *action* leaves, killed before each of its calls in turn, and at last not killed."""
    states = []
    for number in count():
        state = bare(directory / str(number))
        before(state)
        states.append(reopened(state))
        if not killed(lambda state=state: action(state), at=number):  # type: ignore[misc,arg-type] # a lambda's default
            return states
    raise AssertionError


def test_killed_anywhere_a_version_is_whole_or_not_there(tmp_path: Path) -> None:
    found = []
    for state in each_kill(tmp_path, lambda state: add(state, 2), before=add):
        found.append(state.configs.versions("blog"))
        for version in found[-1]:
            known = state.configs.meta("blog", version)
            assert text(version) == state.configs.text("blog", known)
            state.configs.check_sealed("blog", known)

        if found[-1] == (1,):
            add(state, 2)
        assert files_of(1, 2) == tree(state)

    assert sorted(found) == found
    assert {(1,), (2, 1)} == set(found)
    assert len(found) > 20


def test_what_a_killed_process_left_goes_with_the_next_version(tmp_path: Path) -> None:
    """Also parts that the next one does not have."""
    for state in each_kill(tmp_path, add):
        if state.configs.versions("blog"):
            continue

        other = ConfigMeta(version=1, sha256="0" * 64)
        state.configs.add("blog", other, text=text(of="other"), sealed={"env": b"sealed"})

        assert ["c1.sops.json", "c1.toml", "c1/env.cred"] == tree(state)


def test_killed_anywhere_a_removal_is_finished_by_the_next_version(tmp_path: Path) -> None:
    found = set()
    for state in each_kill(tmp_path, lambda state: state.configs.remove("blog", 1), before=add):
        found.add(state.configs.versions("blog"))
        for version in state.configs.versions("blog"):
            known = state.configs.meta("blog", version)
            assert text() == state.configs.text("blog", known)
            state.configs.check_sealed("blog", known)

        add(state, 2)
        state.configs.remove("blog", 1)

        assert files_of(2) == tree(state)
    assert {(), (1,)} == found


def test_killed_anywhere_while_it_is_written_again_either_text_is_good(tmp_path: Path) -> None:
    found = []
    for state in each_kill(tmp_path, lambda state: state.configs.retext("blog", 1, text(of="second")), before=add):
        known = state.configs.meta("blog", 1)
        found.append(state.configs.text("blog", known))
        state.configs.check_sealed("blog", known)

        state.configs.retext("blog", 1, text(of="third"))

        known = state.configs.meta("blog", 1)
        assert (sha256(text(of="third")).hexdigest(),) == known.texts
        assert text(of="third") == state.configs.text("blog", known)
        assert files_of(1) == tree(state)
    assert sorted(found) == found
    assert {text(), text(of="second")} == set(found)


def test_killed_anywhere_while_it_is_sealed_again_that_is_told_and_can_be_done_again(tmp_path: Path) -> None:
    told = set()
    for state in each_kill(tmp_path, lambda state: state.configs.reseal("blog", 1, AGAIN), before=add):
        known = state.configs.meta("blog", 1)
        assert text() == state.configs.text("blog", known)
        assert all(
            state.settings.sealed("blog", 1, part).read_bytes() in {SEALED[part], AGAIN[part]} for part in SEALED
        )
        try:
            state.configs.check_sealed("blog", known)
            told.add("good")
        except NotSealedError:
            told.add("not sealed")

        state.configs.reseal("blog", 1, AGAIN)

        state.configs.check_sealed("blog", state.configs.meta("blog", 1))
        assert files_of(1) == tree(state)
    assert {"good", "not sealed"} == told


def test_a_full_disk_takes_the_reserve_once(tmp_path: Path) -> None:
    for number in count():
        state = state_in(tmp_path / str(number))
        with failing(errno.ENOSPC, at=number, names=NEEDS_ROOM) as calls:
            try:
                add(state)
            except DiskLowError:
                assert calls.met[number] == "mkdir", "only the directory is made without it"
                add(state)
        assert files_of(1) == tree(state)
        if len(calls.met) <= number:
            return


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_stays_full_leaves_nothing_of_a_version(tmp_path: Path, reason: int) -> None:
    hints = []
    for number in count():
        state = bare(tmp_path / str(number))
        add(state)
        with broken(reason, names=MAKES, at=number) as fault:
            try:
                add(state, 2)
            except DiskLowError as error:
                hints.append(error.hint)
        if fault.met <= number:
            break
        assert files_of(1) == tree(state)
        assert ["c1"] == [path.name for path in state.settings.configs("blog").iterdir() if path.is_dir()]
        add(state, 2)
    assert len(hints) > 5
    assert all("pvdify gc" in hint for hint in hints)


def test_a_sync_that_fails_leaves_nothing_and_the_next_try_works(tmp_path: Path) -> None:
    failures = 0
    for number in count():
        state = bare(tmp_path / str(number))
        add(state)
        with failing(errno.EIO, at=number, names=frozenset({"fsync"})):
            try:
                add(state, 2)
                break
            except StateError:
                failures += 1
        assert files_of(1) == tree(state)
        add(state, 2)
        assert files_of(1, 2) == tree(state)
    assert failures > 6


def test_no_error_is_left_without_words_and_none_tells_what_is_kept(tmp_path: Path) -> None:
    errors: list[StateError] = []
    for number in count(step=2):
        state = bare(tmp_path / str(number))
        with failing(errno.EACCES, at=number, names=CHANGES - {"close"}) as calls:
            try:
                add(state)
                state.configs.text("blog", state.configs.meta("blog", 1))
                state.configs.check_sealed("blog", state.configs.meta("blog", 1))
                state.configs.retext("blog", 1, text(of="second"))
                state.configs.reseal("blog", 1, AGAIN)
                state.configs.remove("blog", 1)
            except StateError as error:
                errors.append(error)
        if len(calls.met) <= number:
            break
    assert len(errors) > 15
    assert {"only root may: put `sudo` in front"} == {error.hint for error in errors}
    assert not [error for error in errors if "sealed" in error.message or "text" in error.message]
