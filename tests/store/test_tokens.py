import errno
import json
import os
import subprocess
import sys
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from pvdify.errors import DiskLowError, NotFoundError, SpecError, StateError
from pvdify.model.scope import Scope
from pvdify.model.token import Token, digest
from pvdify.store.state import State
from tests.store.example import AT, NOW, leftovers, state_in
from tests.store.faults import CHANGES, MAKES, NEEDS_ROOM, broken, failing, killed

SETTLED_NS = 10**9


def token(number: int = 1) -> Token:
    return Token(
        id=f"t{number:08}",
        name=f"token {number}",
        scopes=(Scope.READ,),
        created_at=AT,
        created_by="root",
        expires_at="2027-02-21T20:37:00.123Z",
        digest=digest(f"text {number}"),
    )


def found(state: State, number: int = 1) -> Token | None:
    return state.token_of(digest(f"text {number}"), NOW)


def settle(state: State) -> None:
    """Make the file old enough to be believed without being read again."""
    then = state.settings.tokens.stat().st_mtime_ns - SETTLED_NS
    os.utime(state.settings.tokens, ns=(then, then))


def reopened(state: State) -> State:
    return State(state.settings)


def test_there_is_no_token_before_one_is_made(empty: State) -> None:
    assert () == empty.tokens()
    assert empty.token("t00000001") is None
    assert found(empty) is None
    assert not empty.remove_token("t00000001")


def test_tokens_are_kept_in_a_file_for_root_alone(state: State) -> None:
    previous = os.umask(0)
    try:
        state.add_token(token())
        state.note_token_used(token().id, AT)
    finally:
        os.umask(previous)

    kept = json.loads(state.settings.tokens.read_text())["tokens"]
    assert [json.loads(msgspec.json.encode(token()))] == kept
    assert [0o600, 0o600] == [
        path.stat().st_mode & 0o777 for path in (state.settings.tokens, state.settings.tokens_used)
    ]


def test_a_token_is_found_by_its_id_and_by_its_text(state: State) -> None:
    for number in (1, 2, 3):
        state.add_token(token(number))

    assert (token(1), token(2), token(3)) == state.tokens()
    assert token(2) == state.token("t00000002")
    assert [token(1), token(3), None] == [found(state, number) for number in (1, 3, 4)]


def test_an_expired_token_is_listed_and_not_found(state: State) -> None:
    state.add_token(token())

    assert state.token_of(digest("text 1"), NOW + timedelta(days=90)) is None
    assert (token(),) == state.tokens()


def test_a_rotated_token_is_found_by_both_texts_for_a_while(state: State) -> None:
    state.add_token(token())
    rotated = msgspec.structs.replace(
        token(), digest=digest("new"), previous_digest=token().digest, previous_until="2026-11-24T20:37:00.123Z"
    )

    state.replace_token(rotated)

    late = NOW + timedelta(days=2)
    assert [rotated, rotated] == [state.token_of(digest(text), NOW) for text in ("new", "text 1")]
    assert [rotated, None] == [state.token_of(digest(text), late) for text in ("new", "text 1")]


def test_a_token_of_the_same_id_is_refused_and_one_that_is_gone_is_not_replaced(state: State) -> None:
    state.add_token(token())
    with pytest.raises(StateError, match="there is one of that id"):
        state.add_token(token())

    state.remove_token(token().id)
    with pytest.raises(NotFoundError):
        state.replace_token(token())

    assert () == state.tokens()


def test_what_is_no_token_never_gets_into_the_file(state: State) -> None:
    state.add_token(token(1))

    with pytest.raises(SpecError):
        state.add_token(msgspec.structs.replace(token(2), apps=("blog\n",)))
    with pytest.raises(SpecError):
        state.replace_token(msgspec.structs.replace(token(1), scopes=()))

    assert (token(1),) == reopened(state).tokens()


def test_looking_a_token_up_again_costs_a_stat(state: State) -> None:
    state.add_token(token())
    settle(state)
    found(state)

    with failing(errno.EIO, at=0, names=frozenset({"open", "read"})) as calls:
        assert token() == found(state)

    assert [] == calls.met


def test_a_revocation_by_another_process_is_seen_at_once(state: State) -> None:
    state.add_token(token())
    settle(state)
    assert token() == found(state)
    code = (
        "import sys; from pathlib import Path; from pvdify.store.paths import Settings; from pvdify.store.state import State; "
        f"State(Settings(state=Path(sys.argv[1]))).remove_token({token().id!r})"
    )

    subprocess.run([sys.executable, "-c", code, state.settings.state], check=True)

    assert found(state) is None


def test_changes_within_one_tick_of_the_clock_are_all_seen(state: State) -> None:
    other = reopened(state)
    state.add_token(token())
    for number in range(200):
        text = f"{number:04}"
        other.replace_token(msgspec.structs.replace(token(), digest=digest(text)))

        one = state.token_of(digest(text), NOW)

        assert one is not None, text


def test_an_edit_by_hand_is_seen(state: State) -> None:
    state.add_token(token())
    settle(state)
    found(state)
    text = state.settings.tokens.read_text().replace(token().digest, digest("other"))

    state.settings.tokens.write_text(text)

    assert found(state) is None
    assert state.token_of(digest("other"), NOW) is not None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"tokens": [{}]}', '{"tokens": [], "more": 1}', '{"tokens": "\udcff"}', "{}\0"],
    ids=repr,
)
def test_a_file_that_cannot_be_read_lets_nobody_in_and_is_explained(state: State, text: str) -> None:
    state.add_token(token())
    state.settings.tokens.write_bytes(text.encode(errors="surrogateescape"))

    for question in (state.tokens, lambda: found(state), lambda: state.add_token(token(2))):
        with pytest.raises(StateError, match=r"cannot read .*tokens\.json") as caught:
            question()
        assert str(state.settings.tokens) in caught.value.hint


def test_a_restriction_that_this_version_does_not_know_lets_nobody_in(state: State) -> None:
    state.add_token(token())
    plain = json.loads(state.settings.tokens.read_text())
    plain["tokens"][0]["networks"] = ["192.0.2.0/24"]

    state.settings.tokens.write_text(json.dumps(plain))

    with pytest.raises(StateError, match="networks"):
        found(state)


def test_the_last_use_is_told_and_written_once_in_an_hour(state: State) -> None:
    state.add_token(token(1))
    state.add_token(token(2))
    for at in ("2026-11-23T20:00:00.000Z", "2026-11-23T20:59:59.999Z", "2026-11-23T19:00:00.000Z"):
        state.note_token_used("t00000001", at)
        reopened(state).note_token_used("t00000001", at)
    first = [one.last_used_at for one in state.tokens()]

    state.note_token_used("t00000001", "2026-11-23T21:00:00.000Z")

    assert ["2026-11-23T20:00:00.000Z", ""] == first
    assert ["2026-11-23T21:00:00.000Z", ""] == [one.last_used_at for one in reopened(state).tokens()]
    one = state.token("t00000001")
    assert one is not None
    assert "2026-11-23T21:00:00.000Z" == one.last_used_at


def test_noting_a_use_again_touches_nothing(state: State) -> None:
    state.add_token(token())
    state.note_token_used(token().id, AT)

    with failing(errno.EIO, at=0, names=CHANGES) as calls:
        state.note_token_used(token().id, AT)

    assert [] == calls.met


def test_the_use_of_a_token_that_is_gone_is_forgotten(state: State) -> None:
    for number in (1, 2):
        state.add_token(token(number))
        state.note_token_used(token(number).id, AT)
    state.remove_token("t00000001")

    state.note_token_used("t00000002", "2026-11-24T00:00:00.000Z")

    assert {"t00000002": "2026-11-24T00:00:00.000Z"} == json.loads(state.settings.tokens_used.read_text())


def test_writing_a_token_with_its_last_use_keeps_that_out_of_the_file(state: State) -> None:
    state.add_token(token())
    state.note_token_used(token().id, AT)
    (listed,) = state.tokens()

    state.replace_token(msgspec.structs.replace(listed, name="other"))

    assert "last_used_at" not in state.settings.tokens.read_text()
    assert [AT] == [one.last_used_at for one in state.tokens()]


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b'{"t00000001": 1}', b"\xff"])
def test_uses_that_a_power_cut_spoiled_are_unknown_and_noted_anew(state: State, text: bytes) -> None:
    state.add_token(token())
    state.settings.tokens_used.write_bytes(text)

    assert (token(),) == state.tokens()
    state.note_token_used(token().id, AT)
    assert [AT] == [one.last_used_at for one in state.tokens()]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
def test_noting_a_use_never_fails_and_never_costs_the_reserve(state: State, error: int) -> None:
    state.add_token(token())
    for number in count():
        other = reopened(state)
        with failing(error, at=number, names=CHANGES - {"close"}) as calls:
            other.note_token_used(token().id, AT)
        if len(calls.met) <= number:
            break

    assert [AT] == [one.last_used_at for one in state.tokens()]
    assert [*state.settings.reserve.iterdir()]


def test_noting_a_use_does_not_wait_for_whoever_writes(state: State) -> None:
    state.add_token(token())
    code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), 2); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, state.settings.state], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        state.note_token_used(token().id, AT)
        missed = [one.last_used_at for one in state.tokens()]
        holder.kill()
    state.note_token_used(token().id, AT)

    assert [""] == missed
    assert [AT] == [one.last_used_at for one in state.tokens()]


def test_tokens_made_at_the_same_time_are_all_kept(state: State) -> None:
    def make(first: int) -> None:
        other = reopened(state)
        for number in range(first, first + 10):
            other.add_token(token(number))

    threads = [Thread(target=make, args=(10 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {token(number).id for number in range(40)} == {one.id for one in state.tokens()}


def test_tokens_are_the_old_or_the_new_wherever_the_writer_is_killed(tmp_path: Path) -> None:
    sizes = []
    for number in count():
        (directory := tmp_path / str(number)).mkdir()
        state = state_in(directory)
        for one in (1, 2):
            state.add_token(token(one))
        state.note_token_used(token(1).id, AT)
        died = killed(lambda state=state: state.remove_token(token(2).id) and None, at=number)  # type: ignore[misc] # a lambda's default
        sizes.append(len(reopened(state).tokens()))
        state.remove_token(token(2).id)
        assert [AT] == [one.last_used_at for one in reopened(state).tokens()]
        state.add_token(token(3))
        assert [] == leftovers(state)
        if not died:
            break
    assert {1, 2} == set(sizes)
    assert sizes == sorted(sizes, reverse=True)


def test_a_token_can_be_revoked_on_a_full_disk(state: State) -> None:
    for number in (1, 2):
        state.add_token(token(number))

    with failing(errno.ENOSPC, at=0, names=NEEDS_ROOM):
        state.remove_token(token(1).id)

    assert (token(2),) == state.tokens()
    assert [] == [*state.settings.reserve.iterdir()]


def test_a_disk_that_stays_full_is_told_and_changes_nothing(state: State) -> None:
    state.add_token(token(1))

    with broken(errno.ENOSPC, names=MAKES), pytest.raises(DiskLowError, match=r"cannot write .*tokens\.json"):
        state.add_token(token(2))

    assert (token(1),) == state.tokens()
    assert [] == leftovers(state)
