"""What pvdify made elsewhere is remembered, whatever happens to the disk."""

import errno
from itertools import count

import msgspec
import pytest

from pvdify.errors import StateError
from pvdify.model.dns import MadeRecord, RecordType
from pvdify.store.state import State
from tests.store.example import leftovers
from tests.store.faults import NEEDS_ROOM, failing, killed

ACCOUNT, TUNNEL = "023e105f4ecef8ad9ca31a8372d0c353", "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
OTHER = TUNNEL.replace("f7", "a7")
MADE = MadeRecord(app="blog", zone="z1", name="blog.example.org", type=RecordType.A, content="203.0.113.7", id="r1")
RULE = ("blog.example.org", "http://127.0.0.1:3001")


def test_records_are_remembered_by_app(empty: State) -> None:
    empty.elsewhere.write_records("blog", [MADE])

    assert ((MADE,), ()) == (empty.elsewhere.records("blog"), empty.elsewhere.records("shop"))

    empty.elsewhere.write_records("blog", ())

    assert () == empty.elsewhere.records("blog")


def test_rules_are_remembered_by_tunnel(empty: State) -> None:
    for tunnel in (TUNNEL, OTHER):
        empty.elsewhere.write_rules(ACCOUNT, tunnel, [RULE])

    empty.elsewhere.write_rules(ACCOUNT, TUNNEL, ())

    assert frozenset() == empty.elsewhere.rules(ACCOUNT, TUNNEL)
    assert frozenset({RULE}) == empty.elsewhere.rules(ACCOUNT, OTHER)
    assert [OTHER] == [one.tunnel for one in empty.elsewhere.tunnels()]


def test_what_cannot_be_read_is_told_of(empty: State) -> None:
    empty.settings.put_rules.write_text('{"tunnels": [{"account": "ada"}]}')

    with pytest.raises(StateError, match=str(empty.settings.put_rules)):
        empty.elsewhere.tunnels()


def test_records_are_the_old_or_the_new_wherever_the_writer_is_killed(state: State) -> None:
    new, seen = msgspec.structs.replace(MADE, id="r2"), []
    for number in count():
        state.elsewhere.write_records("blog", [MADE])
        died = killed(lambda: state.elsewhere.write_records("blog", [new]), at=number)
        seen.append(state.elsewhere.records("blog"))
        if not died:
            break

    assert {(MADE,), (new,)} == set(seen)
    assert [] == leftovers(state)


def test_what_was_made_can_be_forgotten_on_a_full_disk(state: State) -> None:
    state.elsewhere.write_records("blog", [MADE])

    with failing(errno.ENOSPC, at=0, names=NEEDS_ROOM):
        state.elsewhere.write_records("blog", ())

    assert () == state.elsewhere.records("blog")
