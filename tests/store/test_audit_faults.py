"""The audit when things go wrong: nothing that it was told is lost."""

import errno
import resource
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from pvdify.errors import DiskLowError, StateError
from pvdify.model.audit import AuditVerdict
from pvdify.store.state import State
from tests.store.audits import entry, operations, reopened, tell, told
from tests.store.example import leftovers, state_in
from tests.store.faults import CHANGES, MAKES, NEEDS_ROOM, broken, failing, killed


def test_everybody_who_writes_at_the_same_time_gets_a_line_of_their_own(state: State) -> None:
    code = (
        "import sys; from pathlib import Path; from pvdify.store.paths import Settings; from pvdify.store.state import State; "
        "from pvdify.model.audit import AuditEntry\n"
        "state = State(Settings(state=Path(sys.argv[1])))\n"
        "for n in range(50): state.audit(AuditEntry(at='', actor='x', via='local', action='a', outcome='done'))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, state.settings.state]) for _ in range(2)]
    threads = [Thread(target=told, args=(reopened(state), 50)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(other.poll() is None for other in others):
        assert state.audit_verdict().is_intact
    for thread in threads:
        thread.join()

    assert [0, 0] == [other.returncode for other in others]
    assert AuditVerdict(lines=200, is_intact=True) == state.audit_verdict()


def test_a_writer_that_is_killed_anywhere_breaks_nothing_and_loses_nothing_that_was_safe(tmp_path: Path) -> None:
    found = set()
    for first in (0, 2):
        for number in count():
            (directory := tmp_path / f"{first}-{number}").mkdir()
            state = told(state_in(directory), first)
            died = killed(lambda state=state: tell(state), at=number)  # type: ignore[misc] # a lambda's default
            found.add(len(operations(state)) - first)
            assert state.audit_verdict().is_intact
            told(reopened(state), 1)
            assert state.audit_verdict().is_intact
            assert [f"operation-{number}" for number in range(1, first + 1)] == operations(state)[:first]
            assert [] == leftovers(state)
            if not died:
                break
    assert {0, 1} == found


def test_a_line_that_could_not_be_made_safe_is_taken_back(state: State) -> None:
    told(state, 2)

    with failing(errno.EIO, at=0, names=frozenset({"fsync"})) as calls, pytest.raises(StateError, match="input/output"):
        state.audit(entry(3))

    assert ["fsync"] == calls.met
    assert ["operation-1", "operation-2"] == operations(state)
    told(state, 1)
    assert AuditVerdict(lines=3, is_intact=True) == state.audit_verdict()


def test_a_line_that_only_half_fits_is_taken_back(state: State) -> None:
    told(state, 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = state.settings.audit.read_bytes()

    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
    try:
        with pytest.raises(StateError, match="file too large"):
            state.audit(entry(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert before == state.settings.audit.read_bytes()


def test_a_disk_that_is_full_for_once_costs_the_reserve_and_no_line(tmp_path: Path) -> None:
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        with failing(errno.ENOSPC, at=number, names=NEEDS_ROOM) as calls:
            told(state, 2)
        assert AuditVerdict(lines=2, is_intact=True) == state.audit_verdict()
        if len(calls.met) <= number:
            break
        assert [] == [*state.settings.reserve.iterdir()]


def test_a_disk_that_stays_full_is_told(empty: State) -> None:
    with broken(errno.ENOSPC, names=MAKES), pytest.raises(DiskLowError, match=r"cannot write .*audit\.jsonl"):
        empty.audit(entry())

    assert AuditVerdict(lines=0, is_intact=True) == empty.audit_verdict()


def test_whatever_fails_is_told_and_leaves_a_whole_audit(tmp_path: Path) -> None:
    hints = set()
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        with failing(errno.EIO, at=number, names=CHANGES - {"close"}) as calls:
            try:
                told(state, 3)
            except StateError as error:
                hints.add(error.hint)
        assert state.audit_verdict().is_intact
        told(state, 2)
        assert state.audit_verdict().is_intact
        if len(calls.met) <= number:
            break
    assert {"the disk fails: read `journalctl -k -p err`"} == hints
