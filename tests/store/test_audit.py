"""The audit: nothing in it can be changed or taken out unseen."""

import errno
import json
import os
import tempfile
import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdify.errors import StateError
from pvdify.model.audit import LONGEST, AuditVerdict
from pvdify.store.audit import TORN
from pvdify.store.state import State
from tests.store.audits import entry, grown, lines_of, operations, reopened, told, write
from tests.store.example import state_in
from tests.store.faults import failing


def test_what_is_told_is_read_as_it_was_told_newest_first(state: State) -> None:
    written = [state.audit(entry(number)) for number in (1, 2, 3)]

    assert tuple(reversed(written)) == reopened(state).audit_entries(limit=10)
    assert [1, 2, 3] == [line.seq for line in written]
    assert [
        msgspec.structs.asdict(entry(number)) | {"seq": line.seq, "previous": line.previous}
        for number, line in enumerate(written, start=1)
    ] == [msgspec.structs.asdict(line) for line in written]


def test_each_line_has_the_hash_of_the_one_before_it_as_a_shell_would_make_it(state: State) -> None:
    first, second, third = lines_of(told(state, 3))

    assert "" == json.loads(first)["previous"]
    assert sha256(first[:-1]).hexdigest() == json.loads(second)["previous"]
    assert sha256(second[:-1]).hexdigest() == json.loads(third)["previous"]
    assert f"000000000003 {sha256(third[:-1]).hexdigest()}\n" == state.settings.audit_head.read_text()


def test_only_root_may_read_it(state: State) -> None:
    previous = os.umask(0)
    try:
        told(state)
    finally:
        os.umask(previous)

    assert [0o600, 0o600] == [path.stat().st_mode & 0o777 for path in (state.settings.audit, state.settings.audit_head)]


def test_an_audit_that_nothing_was_told_is_whole(empty: State) -> None:
    assert AuditVerdict(lines=0, is_intact=True) == empty.audit_verdict()
    assert () == empty.audit_entries(limit=10)
    assert not empty.settings.audit.exists()


def test_a_whole_audit_is_found_whole(state: State) -> None:
    assert AuditVerdict(lines=50, is_intact=True) == told(state, 50).audit_verdict()


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ({}, [12, 11, 10]),
        ({"before": 11}, [10, 9, 8]),
        ({"before": 3}, [2, 1]),
        ({"before": 1}, []),
        ({"before": 0}, []),
        ({"after": 10}, [12, 11]),
        ({"after": 8, "before": 11}, [10, 9]),
        ({"after": 12}, []),
        ({"app": "shop"}, [9, 6, 3]),
        ({"app": "shop", "before": 9}, [6, 3]),
        ({"app": "", "limit": 1}, [12]),
        ({"app": "wiki"}, []),
        ({"limit": 0}, []),
    ],
)
def test_lines_are_asked_for_by_number_and_app(state: State, question: dict[str, object], numbers: list[int]) -> None:
    for number in range(1, 13):
        state.audit(entry(number, app="" if number == 12 else "shop" if number % 3 == 0 else "blog"))

    found = state.audit_entries(**{"limit": 3, **question})  # type: ignore[arg-type] # as the table has them

    assert numbers == [line.seq for line in found]


def changed(line: bytes) -> bytes:
    return line.replace(b'"actor":"ci"', b'"actor":"me"')


@pytest.mark.parametrize(
    ("change", "broken_at", "reason"),
    [
        (lambda lines: [*lines[:1], changed(lines[1]), *lines[2:]], 3, "does not follow from line 2"),
        (lambda lines: [changed(lines[0]), *lines[1:]], 2, "does not follow from line 1"),
        (lambda lines: [*lines[:4], changed(lines[4])], 5, "not the line that was written"),
        (lambda lines: [*lines[:2], *lines[3:]], 3, "says that it is line 4"),
        (lambda lines: lines[1:], 1, "says that it is line 2"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4, "says that it is line 3"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1, "says that it is line 2"),
        (lambda lines: [*lines[:2], b"\n", *lines[2:]], 3, "cannot be read"),
        (lambda lines: [*lines[:2], b"\xff\n", *lines[3:]], 3, "cannot be read"),
        (lambda lines: [*lines[:2], lines[2][:-1], *lines[3:]], 3, "cannot be read"),
        (lambda lines: [b"{}\n", *lines], 1, "cannot be read"),
        (lambda lines: [*lines[:2], b"x" * (LONGEST + 5), b"\n", *lines[2:]], 3, "cannot be read"),
        (lambda lines: lines[:4], 5, "lines are missing at the end: 5 were written, 4 are there"),
        (lambda lines: lines[:1], 2, "lines are missing at the end: 5 were written, 1 are there"),
        (lambda lines: [], 1, "lines are missing at the end: 5 were written, 0 are there"),
        (lambda lines: [*lines[:4], lines[4][:20]], 5, "lines are missing at the end"),
        (lambda lines: [*lines[:4], b"\n"], 5, "lines are missing at the end"),
    ],
)
def test_whatever_is_changed_or_taken_out_is_found(
    state: State, change: Callable[[list[bytes]], list[bytes]], broken_at: int, reason: str
) -> None:
    write(state, change(lines_of(told(state))))

    verdict = state.audit_verdict()

    assert (False, broken_at, broken_at - 1) == (verdict.is_intact, verdict.broken_at, verdict.lines)
    assert reason in verdict.reason


def test_any_byte_that_is_changed_is_found(state: State) -> None:
    told(state, 3)
    text = state.settings.audit.read_bytes()
    for at in range(len(text)):
        state.settings.audit.write_bytes(text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :])

        assert not state.audit_verdict().is_intact, at


def test_an_audit_that_was_taken_away_is_missed(state: State) -> None:
    told(state).settings.audit.unlink()

    assert (
        AuditVerdict(
            lines=0, is_intact=False, broken_at=1, reason="lines are missing at the end: 5 were written, 0 are there"
        )
        == reopened(state).audit_verdict()
    )


@pytest.mark.parametrize("text", [None, "", "5\n", "000000000005 xyz\n"])
def test_a_witness_that_is_gone_is_missed_and_the_next_line_says_so_for_good(state: State, text: str | None) -> None:
    told(state).settings.audit_head.unlink()
    if text is not None:
        state.settings.audit_head.write_text(text)
    before = state.audit_verdict()

    told(state, 2)

    assert "audit.head is gone" in before.reason
    verdict = state.audit_verdict()
    assert (False, 6) == (verdict.is_intact, verdict.broken_at)
    assert "when it was written: audit.head is gone" in verdict.reason
    assert 8 == len(lines_of(state))


def test_an_end_that_was_cut_off_stays_known_when_the_audit_goes_on(state: State) -> None:
    write(state, lines_of(told(state))[:3])

    told(reopened(state), 2)

    verdict = state.audit_verdict()
    assert (False, 4) == (verdict.is_intact, verdict.broken_at)
    assert "when it was written: lines are missing at the end: 5 were written, 3 are there" == verdict.reason
    assert [1, 2, 3, 4, 5, 6] == [json.loads(line)["seq"] for line in lines_of(state)]


def test_a_last_line_that_was_changed_stays_known_when_the_audit_goes_on(state: State) -> None:
    lines = lines_of(told(state))
    write(state, [*lines[:4], changed(lines[4])])

    told(reopened(state), 1)

    assert "when it was written: line 5 is not the one that was written" == state.audit_verdict().reason


def test_a_witness_may_be_behind(state: State) -> None:
    told(state, 3)
    witness = state.settings.audit_head.read_bytes()
    told(state, 2)

    state.settings.audit_head.write_bytes(witness)

    assert state.audit_verdict().is_intact
    told(state, 1)
    assert AuditVerdict(lines=6, is_intact=True) == state.audit_verdict()


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=200).filter(lambda torn: b"\n" not in torn[:-1]))
def test_what_a_power_cut_left_of_a_line_is_cut_off_and_the_next_says_so(torn: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        state = told(state_in(Path(directory)), 2)
        with state.settings.audit.open("ab") as file:
            file.write(torn)
        before = state.audit_verdict()

        told(reopened(state), 1)

        assert before == AuditVerdict(lines=2, is_intact=True)
        assert state.audit_verdict() == AuditVerdict(lines=4, is_intact=True)
        _, notice, *_ = state.audit_entries(limit=4)
        assert ("pvdify", TORN, {"bytes": len(torn)}) == (notice.actor, notice.action, notice.detail)
        assert ["operation-1", "operation-2", "operation-1"] == operations(state)


def test_a_first_line_that_is_torn_leaves_nothing_behind(state: State) -> None:
    state.settings.audit.write_bytes(b'{"at":"2026')

    told(state, 1)

    assert ["audit.torn", "releases.create"] == [json.loads(line)["action"] for line in lines_of(state)]
    assert state.audit_verdict().is_intact


@pytest.mark.parametrize("spoiled", [b"no\naudit\n", b"no\naudit", b"\0" * 5000 + b"\n\0", b"x" * (2 * LONGEST)])
def test_what_is_no_torn_line_is_never_cut_off(state: State, spoiled: bytes) -> None:
    told(state)
    with state.settings.audit.open("ab") as file:
        file.write(spoiled)
    before = state.settings.audit.read_bytes()

    with pytest.raises(StateError, match="is no audit") as caught:
        state.audit(entry())

    assert f"mv {state.settings.audit} " in caught.value.hint
    assert before == state.settings.audit.read_bytes()
    assert not state.audit_verdict().is_intact


def test_lines_that_cannot_be_read_keep_nobody_from_reading_the_others(state: State) -> None:
    lines = lines_of(told(state))
    write(state, [*lines[:2], b"\xff\n", *lines[3:], b"torn"])

    assert [5, 4, 2, 1] == [line.seq for line in state.audit_entries(limit=10)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=12), st.integers(1, 12))
def test_lines_of_any_length_are_found_from_the_end(lengths: list[int], limit: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        state = state_in(Path(directory))
        written = [state.audit(msgspec.structs.replace(entry(), detail={"text": length * "é"})) for length in lengths]

        assert tuple(written[::-1][:limit]) == state.audit_entries(limit=limit)
        assert AuditVerdict(lines=len(lengths), is_intact=True) == state.audit_verdict()


def test_a_line_with_too_much_to_tell_says_how_much(state: State) -> None:
    long = msgspec.structs.replace(entry(), detail={"text": LONGEST * "x"})

    line = state.audit(long)

    assert ["omitted"] == [*line.detail]
    assert state.audit_verdict().is_intact
    assert (line,) == state.audit_entries(limit=1)


def test_newlines_in_a_detail_make_no_lines(state: State) -> None:
    state.audit(msgspec.structs.replace(entry(), detail={"text": "one\ntwo\r\n\u2028three\0"}))

    assert 1 == len(state.settings.audit.read_bytes().split(b"\n")) - 1
    assert state.audit_verdict().is_intact


def test_neither_writing_nor_reading_the_newest_gets_slower_with_age(state: State) -> None:
    grown(state, 20_000)
    tracemalloc.start()

    with failing(errno.EIO, at=1000, names=frozenset({"pread", "read"})) as calls:
        told(state, 10)
        state.audit_entries(limit=50)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(calls.met) < 25
    assert peak < 1 << 20


def test_checking_and_searching_a_large_audit_needs_little_memory(state: State) -> None:
    grown(state, 20_000)
    tracemalloc.start()

    assert state.audit_verdict().is_intact
    assert () == state.audit_entries(limit=10, app="wiki")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1 << 19
