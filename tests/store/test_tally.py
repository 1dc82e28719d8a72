"""What is counted of the newest operations."""

from pathlib import Path

import pytest

from pvdify.model.event import EventKind, Outcome
from pvdify.store.state import State
from tests.store.test_journal import begun, ended


def test_operations_are_counted_newest_first_with_the_seconds_of_their_steps(state: State) -> None:
    ended(state, release=2)
    journal = begun(state, name="ps.scale")
    journal.write(EventKind.DONE, step="prepare", ms=250)
    journal.write(EventKind.DONE, step="start", ms=1500)
    journal.write(EventKind.BEGIN, step="probe")

    scale, deploy = state.tallies(10)

    assert ("ps.scale", None, True) == (scale.name, scale.outcome, scale.is_running)
    assert (("prepare", 0.25), ("start", 1.5)) == scale.steps
    assert ("releases.create", Outcome.DONE, False) == (deploy.name, deploy.outcome, deploy.is_running)
    assert 1 == len(state.tallies(1))


def test_a_dead_operation_is_no_running_one(state: State) -> None:
    begun(state).close()

    (one,) = state.tallies(10)

    assert (None, False) == (one.outcome, one.is_running)


def test_what_is_over_is_read_once_and_what_is_not_again(state: State) -> None:
    ended(state)
    running = begun(state)
    state.tallies(10)
    for path in state.settings.operations.iterdir():
        if path.stat().st_mode & 0o777 == 0o400:
            path.chmod(0)
    running.write(EventKind.END, outcome=Outcome.FAILED)

    assert [Outcome.FAILED, Outcome.DONE] == [one.outcome for one in state.tallies(10)]


@pytest.mark.parametrize("torn", [b'{"seq":1,"ki', b"\0" * 50, b'{"seq":1,"kind":"later"}\n'])
def test_a_torn_line_ends_what_is_counted(state: State, torn: bytes) -> None:
    journal = begun(state)
    journal.write(EventKind.DONE, step="pull", ms=1000)
    journal.close()
    (path,) = state.settings.operations.iterdir()
    path.write_bytes(path.read_bytes() + torn)

    (one,) = state.tallies(10)

    assert (("pull", 1.0),) == one.steps


def test_what_is_no_journal_counts_for_nothing(state: State, tmp_path: Path) -> None:
    (state.settings.operations / "notes.txt").write_text("mine")
    (state.settings.operations / "20261123-203700-1230000.blog.jsonl").write_bytes(b"")

    assert () == state.tallies(10)
