import os
from pathlib import Path

import pytest

from pvdify.errors import SpecError, StateError, StateMissingError, StateTooNewError
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.store.example import publish, state_in


def everything(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_a_new_state_directory_is_closed_to_everybody_but_root(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        state = state_in(tmp_path)
    finally:
        os.umask(previous)

    assert 0o700 == state.settings.state.stat().st_mode & 0o777
    assert "1\n" == state.settings.format.read_text()
    assert everything(state.settings.state)[:4] == ["apps", "format", "generations", "lock"]


def test_making_it_twice_says_so_and_keeps_what_is_there(state: State) -> None:
    (state.settings.state / "operations").rmdir()

    assert not state.create()
    assert 1 == state.current().number
    assert state.settings.operations.is_dir()


def test_nothing_there_is_missing_and_not_broken(tmp_path: Path) -> None:
    state = State(Settings(state=tmp_path / "state", run=tmp_path / "run"))

    with pytest.raises(StateMissingError) as caught:
        state.check()

    assert "pvdify init" in caught.value.hint


def test_a_newer_format_is_refused_and_left_untouched(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/format").write_text("2\n")
    state = State(Settings(state=tmp_path / "state", run=tmp_path / "run"))

    with pytest.raises(StateTooNewError):
        state.create()

    assert everything(tmp_path) == ["state", "state/format"]


def test_a_format_that_is_no_number_is_refused(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    state.settings.format.write_text("one\n")

    with pytest.raises(StateError, match="'one' is no number"):
        state.check()


@pytest.mark.parametrize("app", ["", "..", ".", "../../etc", "a/b"])
def test_a_name_never_leads_out_of_the_directory(empty: State, app: str) -> None:
    for question in (empty.slot, empty.releases, empty.has_slot, empty.remove_app):
        with pytest.raises(SpecError):
            question(app)


def test_what_systemd_has_loaded_is_known_until_the_next_boot(state: State) -> None:
    before = state.loaded()

    state.note_loaded(1)
    noted = state.loaded()
    state.settings.loaded.unlink()

    assert (None, 1, None) == (before, noted, state.loaded())


def test_a_directory_that_may_not_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    state = State(Settings(state=tmp_path / "state", run=tmp_path / "run"))

    with pytest.raises(StateError, match=r"cannot make the state directory .*not a directory"):
        state.create()


def test_free_room_is_told_in_bytes(state: State) -> None:
    room = os.statvfs(state.settings.state)

    assert abs(state.free_bytes() - room.f_bavail * room.f_frsize) < 1 << 30


def test_a_generation_can_be_published_into_a_directory_that_was_just_made(empty: State) -> None:
    assert 1 == publish(empty, {"systemd/pvdify.target": b"[Unit]\n"}).number
