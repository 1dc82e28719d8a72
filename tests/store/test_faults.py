"""Every system call of a change is tried: the process dies just before it, the disk fails in it, the disk is full in it."""

import errno
import resource
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from pvdify.errors import DiskLowError, StateError
from pvdify.model.event import EventKind, Outcome
from pvdify.model.slot import Slot
from pvdify.model.vault import VaultSettings
from pvdify.store.state import State
from tests.store.example import accepted, files, leftovers, publish, publishing, release, staged, state_in, text_of
from tests.store.faults import CHANGES, MAKES, NEEDS_ROOM, broken, failing, killed

SYNC = frozenset({"fsync"})
OLD = files(1)
NEW = {**files(1), **files(2)}


def published(state: State) -> None:
    publish(state, files(2), live=2)


def collected(state: State) -> None:
    with publishing(state):
        state.collect([3])


def swept(state: State) -> None:
    with publishing(state):
        state.sweep()


def reopened(state: State) -> State:
    """The directory, as the next process finds it."""
    return State(state.settings)


def world(directory: Path, name: str) -> State:
    directory = directory / name
    directory.mkdir()
    state = state_in(directory)
    publish(state, files(1))
    return state


def each_call(action: Callable[[State], None], directory: Path) -> list[State]:
    """The states that *action* leaves when it is killed before its first call, its second, and so on to its end."""
    states = []
    for number in count():
        state = world(directory, str(number))
        states.append(state)
        if not killed(lambda state=state: action(state), at=number):  # type: ignore[misc] # a lambda's default
            return states
    raise AssertionError


def test_publishing_that_is_killed_anywhere_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    states = [reopened(state) for state in each_call(published, tmp_path)]

    found = [state.current().number for state in states]
    assert found == sorted(found)
    assert {1, 2} == set(found)
    assert len(found) > 30
    for state in states:
        assert {1: OLD, 2: NEW}[state.current().number] == text_of(state, state.current().number)
        swept(state)
        assert [] == leftovers(state)
        assert state.current().number < publish(state, files(3), live=3).number
        assert all(state.drift(number) == () for number in state.generations())


def test_collecting_that_is_killed_anywhere_takes_nothing_else_and_is_finished_by_the_next(tmp_path: Path) -> None:
    def grown(state: State) -> None:
        for version in (2, 3, 4):
            publish(state, files(version), live=version)

    def both(state: State) -> None:
        if state.current().number == 1:
            grown(state)
        collected(state)

    states = []
    for number in count():
        state = world(tmp_path, str(number))
        grown(state)
        states.append(state)
        if not killed(lambda state=state: both(state), at=number):  # type: ignore[misc] # a lambda's default
            break
    for state in map(reopened, states):
        assert 4 == state.current().number
        assert all(state.drift(number) == () for number in state.generations())
        swept(state)
        collected(state)
        assert (4, 3) == state.generations()
        assert [] == leftovers(state)


def test_a_slot_that_is_written_over_is_the_old_or_the_new_wherever_the_writer_is_killed(tmp_path: Path) -> None:
    def write(state: State) -> None:
        state.write_slot(Slot(name="blog", image="new"))

    found = []
    for number in count():
        state = world(tmp_path, str(number))
        state.write_slot(Slot(name="blog", image="old"))
        died = killed(lambda state=state: write(state), at=number)  # type: ignore[misc] # a lambda's default
        found.append(reopened(state).slot("blog").image or "")
        write(reopened(state))
        assert "new" == reopened(state).slot("blog").image
        assert [".slot.toml.new"] != [path.name for path in state.settings.app("blog").iterdir()]
        if not died:
            break
    assert ["old", "new"] == sorted(set(found), reverse=True)
    assert found == sorted(found, reverse=True)


def test_a_release_is_whole_or_not_there_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    def record(state: State) -> None:
        state.write_release(release(2))

    for state in each_call(record, tmp_path):
        other = reopened(state)
        assert other.releases("blog") in {(), (2,)}
        if other.releases("blog"):
            assert release(2) == other.release("blog", 2)
        record(other)
        assert release(2) == other.release("blog", 2)


def test_an_operation_that_is_killed_anywhere_is_unknown_or_dead_or_done(tmp_path: Path) -> None:
    def operate(state: State) -> None:
        with state.app_lock("blog", "deploy"):
            journal = state.journal(accepted(state), boot_id="b")
            journal.write(EventKind.BEGIN, step="pull")
            journal.write(EventKind.PROGRESS, text="half")
            journal.write(EventKind.END, outcome=Outcome.DONE)

    seen = set()
    for state in map(reopened, each_call(operate, tmp_path)):
        assert not state.is_locked("blog")
        for record in state.records("blog"):
            assert not state.is_running(record.id)
            seen.add(record.outcome)
        for record in state.records("blog", unfinished_only=True):
            state.journal_of(record.id).write(EventKind.END, outcome=Outcome.UNDONE)
        assert () == state.records(unfinished_only=True)
        state.app_lock("blog", "next").release()
    assert {None, Outcome.DONE} == seen


def test_making_the_directory_is_finished_by_the_next_wherever_it_is_killed(tmp_path: Path) -> None:
    for number in count(step=7):  # most of its calls make the reserve, one file like the other
        directory = tmp_path / str(number)
        directory.mkdir()
        died = killed(lambda directory=directory: state_in(directory), at=number)  # type: ignore[misc,arg-type] # as above
        state = state_in(directory)
        state.check()
        assert 1 == publish(state, files(1)).number
        if not died:
            return


def test_a_sync_that_fails_leaves_the_old_in_force_and_the_next_publish_works(tmp_path: Path) -> None:
    failures: list[StateError] = []
    for number in count():
        state = world(tmp_path, str(number))
        with failing(errno.EIO, at=number, names=SYNC):
            try:
                published(state)
                break
            except StateError as error:
                failures.append(error)
        assert 1 == reopened(state).current().number
        assert OLD == text_of(state, 1)
        assert [] == leftovers(state)
        assert publish(state, files(3), live=3).number in {2, 3}
        assert () == state.drift(state.current().number)
    assert len(failures) > 6
    assert all("input/output error" in error.message and "journalctl" in error.hint for error in failures)


def test_a_file_whose_sync_failed_is_never_synced_again(state: State) -> None:
    with failing(errno.EIO, at=0, names=SYNC) as calls, pytest.raises(StateError):
        published(state)

    assert ["fsync"] == calls.met


def test_a_journal_whose_sync_failed_is_dead(state: State) -> None:
    journal = state.journal(accepted(state), boot_id="b")

    with failing(errno.EIO, at=0, names=SYNC), pytest.raises(StateError):
        journal.write(EventKind.BEGIN, step="pull")

    with pytest.raises(StateError, match="it is closed"):
        journal.write(EventKind.END, outcome=Outcome.DONE)
    assert [False] == [state.is_running(record.id) for record in state.records(unfinished_only=True)]


def test_a_line_that_only_half_fits_is_taken_back_and_the_next_is_whole(state: State) -> None:
    journal = state.journal(accepted(state), boot_id="b")
    (path,) = state.settings.operations.iterdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = path.read_bytes()

    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(StateError, match="file too large"):
            journal.write(EventKind.BEGIN, step="pull")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert before == path.read_bytes()
    journal.write(EventKind.END, outcome=Outcome.DONE)
    assert [True] == [record.is_over for record in state.records()]


def test_recovery_begins_with_making_safe_what_it_finds_in_force(state: State) -> None:
    state.journal(accepted(state), boot_id="b").close()
    (record,) = state.records(unfinished_only=True)

    with failing(errno.EIO, at=0, names=SYNC), pytest.raises(StateError, match=r"cannot make .*/current safe"):
        state.journal_of(record.id)


def test_a_disk_that_is_full_for_once_costs_the_reserve_and_nothing_else(tmp_path: Path) -> None:
    for number in count():
        state = world(tmp_path, str(number))
        with publishing(state), failing(errno.ENOSPC, at=number, names=NEEDS_ROOM) as calls:
            state.commit(staged(state, files(2), live=2))
        assert NEW == text_of(state, 2)
        assert [] == leftovers(state)
        if len(calls.met) <= number:
            return
        assert [] == [*state.settings.reserve.iterdir()]
        swept(state)
        assert [*state.settings.reserve.iterdir()]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_stays_full_leaves_the_old_in_force_and_says_what_to_type(tmp_path: Path, reason: int) -> None:
    hints = []
    for number in count():
        state = world(tmp_path, str(number))
        with publishing(state), broken(reason, names=MAKES, at=number) as fault:
            try:
                state.commit(staged(state, files(2), live=2))
            except DiskLowError as error:
                hints.append(error.hint)
        if fault.met <= number:
            break
        assert 1 == reopened(state).current().number
        assert [] == leftovers(state)
        assert () == state.drift(1)
    assert len(hints) > 10
    assert all("pvdify gc" in hint for hint in hints)


def test_a_journal_goes_on_when_the_disk_was_full_for_once(state: State) -> None:
    journal = state.journal(accepted(state), boot_id="b")

    with failing(errno.ENOSPC, at=0, names=frozenset({"write"})):
        journal.write(EventKind.BEGIN, step="pull")
    journal.write(EventKind.END, outcome=Outcome.DONE)

    (record,) = state.records()
    assert ["accepted", "begin", "end"] == [event.kind for event in record.events]


def test_no_error_is_ever_left_without_words(tmp_path: Path) -> None:
    hints = set()
    for number in count(step=2):
        state = world(tmp_path, str(number))
        with failing(errno.EACCES, at=number, names=CHANGES - {"close", "flock", "fcntl"}) as calls:
            try:
                published(state)
                with publishing(state):
                    state.discard(staged(state, {}))
                    state.collect([])
                state.write_slot(Slot(name="blog"))
                state.write_release(release(2))
                state.vault.write_settings(VaultSettings())
                state.journal(accepted(state), boot_id="b").write(EventKind.END, outcome=Outcome.DONE)
                state.remove_app("blog")
            except StateError as error:
                hints.add(error.hint)
        if len(calls.met) <= number:
            break
    assert {"only root may: put `sudo` in front"} == hints


def test_killed_anywhere_in_a_new_declaration_the_one_before_comes_back_or_never_went(tmp_path: Path) -> None:
    for number in count():
        state = world(tmp_path, str(number))
        state.write_slot(Slot(name="blog"))
        before = state.slot_text("blog")
        slot = Slot(name="blog", drain="5s")
        was_killed = killed(lambda state=state, slot=slot: state.redeclare(slot), at=number)  # type: ignore[misc] # a lambda's default
        declared = reopened(state).slot("blog")

        reopened(state).undeclare("blog", None)

        assert declared.drain in {"30s", "5s"}
        assert before == state.slot_text("blog")
        if not was_killed:
            break
