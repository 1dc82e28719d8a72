import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from pvdify.errors import DiskLowError, IdempotencyMismatchError, RefusedError, StateError
from pvdify.store.keys import EVERY, KEPT, Claim
from pvdify.store.state import State
from tests.store.example import NOW, state_in
from tests.store.faults import CHANGES, MAKES, NEEDS_ROOM, broken, failing, killed

DAY = timedelta(hours=24)
ROUND = 16 * EVERY


def claim(
    state: State,
    operation: str = "one",
    *,
    key: str = "key",
    fingerprint: str = "deploy blog",
    after: timedelta = timedelta(0),
    lost: str = "",
) -> Claim:
    return state.claim_key("t1234567", key, fingerprint=fingerprint, operation=operation, now=NOW + after, lost=lost)


def reopened(state: State) -> State:
    return State(state.settings)


def names(state: State) -> list[str]:
    return sorted(path.name for path in state.settings.keys.iterdir())


def test_the_first_request_goes_on_and_the_same_again_is_told_what_became_of_it(state: State) -> None:
    assert Claim("one", is_new=True) == claim(state, "one")
    assert Claim("one", is_new=False) == claim(state, "two")
    assert Claim("one", is_new=False) == claim(reopened(state), "three")


def test_another_request_with_the_same_key_is_refused(state: State) -> None:
    claim(state, "one")

    with pytest.raises(IdempotencyMismatchError, match="came with another request") as caught:
        claim(state, "two", fingerprint="deploy shop")

    assert isinstance(caught.value, RefusedError)
    assert "idempotency-mismatch" == caught.value.code
    assert Claim("one", is_new=False) == claim(state, "three")


def test_what_a_key_stands_for_is_told_without_claiming_it(state: State) -> None:
    def known(*, fingerprint: str = "deploy blog", after: timedelta = timedelta(0)) -> str | None:
        return state.claimed_key("t1234567", "key", fingerprint=fingerprint, now=NOW + after)

    before = known()
    claim(state, "one")

    assert (None, "one", None) == (before, known(), known(after=DAY))
    with pytest.raises(IdempotencyMismatchError):
        known(fingerprint="deploy shop")


def test_keys_of_different_callers_have_nothing_to_do_with_each_other(state: State) -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a\0b", "c"), ("a", "b"), ("a", "é"), ("a", "\udcff")]

    claims = [
        state.claim_key(caller, key, fingerprint="f", operation=str(number), now=NOW)
        for number, (caller, key) in enumerate(pairs)
    ]

    assert all(one.is_new for one in claims)


def test_a_claim_is_for_root_alone_and_does_not_show_the_key(state: State) -> None:
    claim(state, key="my secret key")

    (path,) = state.settings.keys.iterdir()
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == path.parent.stat().st_mode & 0o777
    found = json.loads(path.read_text())
    assert {"operation": "one", "at": "2026-11-23T20:37:00.123Z"} == {
        name: value for name, value in found.items() if name != "fingerprint"
    }
    assert "secret" not in path.name


def test_what_was_asked_for_cannot_be_guessed_from_its_fingerprint(state: State, tmp_path: Path) -> None:
    other = state_in(tmp_path / "other")

    claim(state, fingerprint="set PASSWORD=1234")
    claim(other, fingerprint="set PASSWORD=1234")

    (mine,), (theirs,) = state.settings.keys.iterdir(), other.settings.keys.iterdir()
    assert json.loads(mine.read_text())["fingerprint"] != json.loads(theirs.read_text())["fingerprint"]
    assert 0o400 == state.settings.fingerprint_key.stat().st_mode & 0o777


def test_a_refused_request_releases_its_key_and_no_other_operations(state: State) -> None:
    claim(state, "one")

    state.release_key("t1234567", "key", operation="two")
    state.release_key("t1234567", "other", operation="one")
    kept = claim(state, "three")
    state.release_key("t1234567", "key", operation="one")

    assert Claim("one", is_new=False) == kept
    assert [] == names(state)
    assert Claim("four", is_new=True) == claim(state, "four", fingerprint="another request")


def test_a_key_that_nobody_claimed_is_released_without_a_word(empty: State) -> None:
    empty.release_key("t1234567", "key", operation="one")


def test_a_key_stands_for_a_request_for_a_day(state: State) -> None:
    claim(state, "one")

    moment = timedelta(milliseconds=1)
    assert Claim("one", is_new=False) == claim(state, "two", after=DAY - moment)
    assert Claim("two", is_new=True) == claim(state, "two", fingerprint="another request", after=DAY)
    assert Claim("two", is_new=False) == claim(state, "three", fingerprint="another request", after=2 * DAY - moment)


def test_a_claim_whose_operation_never_came_to_be_is_taken_over_by_one(state: State) -> None:
    claim(state, "one")

    claims = [claim(state, name, lost="one") for name in ("two", "three", "four")]

    assert [Claim("two", is_new=True), Claim("two", is_new=False), Claim("two", is_new=False)] == claims


def test_of_many_at_the_same_time_one_goes_on(state: State) -> None:
    states = [reopened(state) for _ in range(4)]

    def ask(number: int) -> Claim:
        return claim(states[number % 4], str(number))

    with ThreadPoolExecutor(16) as pool:
        claims = [*pool.map(ask, range(100))]

    assert 1 == sum(one.is_new for one in claims)
    assert 1 == len({one.operation for one in claims})


def test_of_many_processes_one_goes_on(state: State) -> None:
    code = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path; from pvdify.store.paths import Settings; "
        "from pvdify.store.state import State\n"
        "state = State(Settings(state=Path(sys.argv[1])))\n"
        "claims = [state.claim_key('c', str(n), fingerprint='f', operation=sys.argv[2], now=datetime.now(UTC)) for n in range(50)]\n"
        "print(*(int(one.is_new) for one in claims))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, state.settings.state, str(number)], stdout=subprocess.PIPE)
        for number in range(4)
    ]

    rows = [process.communicate()[0].split() for process in processes]

    assert [[b"1"]] * 50 == [[one for one in column if one == b"1"] for column in zip(*rows, strict=True)]


def test_a_claim_is_whole_or_absent_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    def begin(state: State) -> None:
        claim(state, "one")

    found = []
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        died = killed(lambda state=state: begin(state), at=number)  # type: ignore[misc] # a lambda's default
        found.append(claim(reopened(state), "two"))
        assert found[-1] == Claim(found[-1].operation, is_new=found[-1].operation == "two")
        claim(reopened(state), key="another")
        assert 2 == len(names(state))
        if not died:
            break
    assert ["two", "one"] == sorted({one.operation for one in found}, reverse=True)


def test_a_claim_that_could_not_be_made_safe_is_none(tmp_path: Path) -> None:
    failures = 0
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        with failing(errno.EIO, at=number, names=CHANGES - {"close"}) as calls:
            try:
                claim(state, "one")
            except StateError:
                failures += 1
        if len(calls.met) <= number:
            break
        assert Claim("two", is_new=True) == claim(state, "two")
    assert failures > 6


def test_a_disk_that_is_full_for_once_costs_the_reserve_and_no_claim(tmp_path: Path) -> None:
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        claim(state, key="another")
        with failing(errno.ENOSPC, at=number, names=NEEDS_ROOM) as calls:
            claim(state, "one")
        assert Claim("one", is_new=False) == claim(reopened(state), "two")
        if len(calls.met) <= number:
            break
        assert [] == [*state.settings.reserve.iterdir()]


def test_a_disk_that_stays_full_is_told_and_nothing_is_claimed(state: State) -> None:
    with broken(errno.ENOSPC, names=MAKES), pytest.raises(DiskLowError):
        claim(state, "one")

    assert Claim("two", is_new=True) == claim(state, "two")


def test_a_claim_that_cannot_be_read_is_explained(state: State) -> None:
    claim(state)
    (path,) = state.settings.keys.iterdir()
    path.write_text("{")

    with pytest.raises(StateError, match="cannot read") as caught:
        claim(state)

    assert f"remove it: `rm {path}`" == caught.value.hint


def look_at_all(state: State, *, after: timedelta = timedelta(0)) -> None:
    """Claim as often as it takes until all others were looked at."""
    for number in range(ROUND):
        claim(state, key=f"young {number}", after=after)


def test_old_claims_and_what_killed_processes_left_go_by_themselves(state: State) -> None:
    for number in range(40):
        claim(state, key=f"old {number}")
    old = names(state)
    (state.settings.keys / old[0]).write_text("{")
    (state.settings.keys / ".abc.json.new").write_text("half")

    look_at_all(reopened(state), after=DAY)

    assert set() == {*old, ".abc.json.new"} & {*names(state)}
    assert ROUND == len(names(state))


def test_a_look_for_old_claims_is_taken_now_and_then_and_not_at_all_of_them(state: State) -> None:
    claim(state)
    seen = []
    for number in range(ROUND):
        with failing(errno.EIO, at=10**6, names=frozenset({"scandir", "stat"})) as calls:
            claim(state, key=str(number))
        seen.append(calls.met.count("scandir"))

    assert ROUND // EVERY == sum(seen)
    assert {0, 1} == set(seen)


def test_never_more_than_so_many_are_kept_and_the_oldest_go(state: State) -> None:
    claim(state)
    (first,) = state.settings.keys.iterdir()
    text = first.read_bytes()
    made = [f"{sha256(b'%d' % number).hexdigest()}.json" for number in range(KEPT + 500)]
    for number, name in enumerate(made):
        (state.settings.keys / name).write_bytes(text)
        os.utime(state.settings.keys / name, ns=(number * 10**9, number * 10**9))

    look_at_all(reopened(state))

    kept = {*names(state)}
    assert 0.9 * KEPT < len(kept) <= KEPT
    assert {first.name, *made[-KEPT // 2 :]} < kept
    assert set() == {*made[:300]} & kept
