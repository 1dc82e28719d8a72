import os
import re
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from pvdify.errors import AppBusyError, Failure, NotFoundError, StateError
from pvdify.model.event import EventKind, Outcome
from pvdify.model.parse import from_value
from pvdify.model.requests import ForOperation
from pvdify.store.journal import Journal
from pvdify.store.state import State
from tests.store.example import AT, NOW, accepted


def begun(state: State, *, app: str = "blog", name: str = "releases.create") -> Journal:
    return state.journal(accepted(state, app=app, name=name), boot_id="boot-1")


def ended(state: State, *, app: str = "blog", name: str = "releases.create", release: int | None = None) -> str:
    """One whole operation; its id."""
    journal = begun(state, app=app, name=name)
    if release is not None:
        journal.write(EventKind.NOTE, data={"release": release, "from_release": release - 1})
        journal.write(EventKind.DONE, step="switch")
    journal.write(EventKind.END, outcome=Outcome.DONE)
    return state.records(app)[0].id


def test_an_operation_is_read_as_it_was_written(state: State) -> None:
    journal = begun(state)
    failure = Failure(phase="probe", message="cannot reach blog", log_tail=("one", "two\r\nthree\u2028four"))
    journal.write(EventKind.BEGIN, step="probe")
    journal.write(EventKind.END, outcome=Outcome.FAILED, failure=failure, data={"serving_ms": 1.5})

    (record,) = state.records()

    assert ("blog", "releases.create", "root", AT) == (record.app, record.name, record.actor, record.started_at)
    assert ("probe", "boot-1", Outcome.FAILED, failure) == (record.step, record.boot_id, record.outcome, record.failure)
    assert [0, 1, 2] == [event.seq for event in record.events]
    assert record == state.record(record.id)


def test_a_line_is_on_the_disk_before_it_is_acknowledged_and_progress_need_not_be(state: State) -> None:
    journal = begun(state)

    for kind in (EventKind.BEGIN, EventKind.PROGRESS, EventKind.NOTE):
        assert kind is journal.write(kind, text="x").kind
        assert kind is state.records()[0].events[-1].kind


def test_ids_sort_by_time_also_when_the_clock_goes_back(state: State) -> None:
    times = [NOW, NOW, NOW + timedelta(seconds=1), NOW - timedelta(days=1), NOW + timedelta(milliseconds=500)]
    ids = []
    for time in times:
        one = msgspec.structs.replace(accepted(state), id=state.new_operation_id(time))
        ids.append(one.id)
        state.journal(one, boot_id="b").write(EventKind.END, outcome=Outcome.DONE)

    assert ids == sorted(ids)
    assert ids[::-1] == [record.id for record in state.records()]
    assert re.fullmatch("20261123-203700-123[0-9a-z]{4}", ids[0])


def test_an_id_is_one_that_may_be_asked_for(state: State) -> None:
    id_ = state.new_operation_id(NOW)

    assert ForOperation(id=id_) == from_value({"id": id_}, ForOperation)


@pytest.mark.parametrize("id_", ["", "x", "../format", "20261123-203700-1230000\n", "20261123-203700-1230000"])
def test_an_id_that_nothing_was_written_under_is_not_found(state: State, id_: str) -> None:
    ended(state)

    assert state.record(id_) is None
    assert () == state.tail(id_, -1)
    assert not state.is_running(id_)
    with pytest.raises(NotFoundError):
        state.journal_of(id_)


def test_an_id_from_elsewhere_makes_no_file(state: State) -> None:
    with pytest.raises(StateError, match="is no operation's id"):
        state.journal(msgspec.structs.replace(accepted(state), id="../../x"), boot_id="b")


def test_operations_are_found_by_app_newest_first(state: State) -> None:
    blog = [ended(state), ended(state)]
    shop = ended(state, app="shop")
    host = ended(state, app="", name="apply")
    other = ended(state, app="my-blog")

    def ids(app: str | None = None, limit: int | None = None) -> list[str]:
        return [record.id for record in state.records(app, limit=limit)]

    assert blog[::-1] == ids("blog")
    assert blog[1:] == ids("blog", limit=1)
    assert [shop] == ids("shop")
    assert [host] == ids("")
    assert [other, host, shop, *blog[::-1]] == ids()
    assert [] == ids("nobody")


def test_the_name_of_the_file_says_which_app_it_was(state: State) -> None:
    id_ = ended(state)
    host = ended(state, app="")

    assert {f"{id_}.blog.jsonl", f"{host}.jsonl"} == {path.name for path in state.settings.operations.iterdir()}


def test_unfinished_operations_are_found_by_their_lines_whatever_the_file_s_mode(state: State) -> None:
    journal = begun(state)
    ended(state)
    for path in state.settings.operations.iterdir():  # as a backup that was brought back may have it
        path.chmod(0o600)

    (record,) = state.records("blog", unfinished_only=True)

    assert not record.is_over
    journal.close()


def test_finished_journals_are_not_opened_to_find_unfinished_ones(state: State) -> None:
    ended(state)
    for path in state.settings.operations.iterdir():
        text = path.read_bytes().splitlines(keepends=True)[:1]
        path.chmod(0o600)
        path.write_bytes(b"".join(text))
        path.chmod(0o400)

    assert () == state.records("blog", unfinished_only=True)
    assert not state.records("blog")[0].is_over


@pytest.mark.parametrize(
    "torn",
    [b'{"seq":2,"at":"x","ki', b"\0" * 100, b'{"seq":2}\n', b"\n", b'\xff"\n', b'{"seq":7,"at":"x","kind":"note"}\n'],
)
def test_a_torn_last_line_is_not_there_and_the_next_takes_its_place(state: State, torn: bytes) -> None:
    journal = begun(state)
    journal.write(EventKind.BEGIN, step="pull")
    journal.close()
    (path,) = state.settings.operations.iterdir()
    path.write_bytes(path.read_bytes() + torn)
    (before,) = state.records()

    state.journal_of(before.id).write(EventKind.END, outcome=Outcome.UNDONE)

    (after,) = state.records()
    assert ["accepted", "begin"] == [event.kind for event in before.events]
    assert ["accepted", "begin", "end"] == [event.kind for event in after.events]
    assert Outcome.UNDONE is after.outcome


def test_a_journal_without_a_first_line_is_no_operation(state: State) -> None:
    (state.settings.operations / "20261123-203700-1230000.blog.jsonl").write_bytes(b'{"seq":0,"at":')

    assert () == state.records()
    assert state.record("20261123-203700-1230000") is None
    assert 1 == state.collect_journals(0)


def test_a_running_operation_is_told_from_a_dead_one_and_cannot_be_recovered(state: State) -> None:
    journal = begun(state)
    (record,) = state.records()
    running = state.is_running(record.id)

    with pytest.raises(AppBusyError, match=record.id):
        state.journal_of(record.id)
    journal.close()

    assert (True, False) == (running, state.is_running(record.id))
    state.journal_of(record.id).close()


def test_nothing_follows_the_end(state: State) -> None:
    journal = begun(state)
    journal.write(EventKind.END, outcome=Outcome.DONE)
    (record,) = state.records()

    with pytest.raises(StateError, match="it is closed"):
        journal.write(EventKind.NOTE, text="more")
    with pytest.raises(StateError, match="it has its end"):
        state.journal_of(record.id)

    assert record == state.record(record.id)


def test_a_tail_goes_on_where_it_was(state: State) -> None:
    journal = begun(state)
    (record,) = state.records()

    first = state.tail(record.id, -1)
    journal.write(EventKind.BEGIN, step="pull")
    journal.write(EventKind.DONE, step="pull")
    rest = state.tail(record.id, first[-1].seq)

    assert ["accepted"] == [event.kind for event in first]
    assert ["begin", "done"] == [event.kind for event in rest]
    assert () == state.tail(record.id, rest[-1].seq)
    journal.close()


def test_collection_keeps_each_apps_newest_and_all_that_is_unfinished(state: State) -> None:
    dead = begun(state)
    ids = [ended(state, name="ps.restart") for _ in range(5)]
    shop = ended(state, app="shop")  # an app that is gone
    dead.close()

    gone = state.collect_journals(2)

    assert 3 == gone
    assert ids[:2:-1] == [record.id for record in state.records("blog") if record.is_over]
    assert 1 == len(state.records("blog", unfinished_only=True))
    assert [shop] == [record.id for record in state.records("shop")]


def test_collection_keeps_what_says_what_became_of_a_release(state: State) -> None:
    deploys = [ended(state, release=version) for version in (1, 2, 3)]
    again = ended(state, release=2)
    restarts = [ended(state, name="ps.restart") for _ in range(3)]

    state.collect_journals(1)

    assert [restarts[-1], again, deploys[2], deploys[0]] == [record.id for record in state.records("blog")]
    assert 0 == state.collect_journals(1)


def test_collection_does_not_keep_the_past_of_a_release_for_ever(state: State) -> None:
    deploys = [ended(state, release=version) for version in range(1, 16)]

    assert 5 == state.collect_journals(1)
    assert deploys[:4:-1] == [record.id for record in state.records("blog")]


def test_apps_that_are_gone_share_what_is_kept(state: State) -> None:
    gone = [ended(state, app=f"blog-pr-{number}", release=1) for number in range(5)]
    host = [ended(state, app="", name="apply") for _ in range(2)]

    assert 3 == state.collect_journals(2)
    assert [*host[::-1], *gone[:2:-1]] == [record.id for record in state.records()]


def test_journals_of_others_are_no_business_of_anybody(state: State) -> None:
    previous = os.umask(0)
    try:
        ended(state)
        journal = begun(state)
    finally:
        os.umask(previous)

    assert [0o400, 0o600] == sorted(path.stat().st_mode & 0o777 for path in state.settings.operations.iterdir())
    journal.close()


def test_a_thousand_operations_of_an_app_are_listed_in_no_time(state: State) -> None:
    ids = []
    for number in range(1000):
        at = NOW + timedelta(milliseconds=number)
        name = at.strftime("%Y%m%d-%H%M%S-%f")[:-3] + "aaaa"
        (state.settings.operations / f"{name}.blog.jsonl").write_text("")
        ids.append(name)
    newest = ended(state)

    assert newest > ids[-1]
    assert [newest] == [record.id for record in state.records("blog", limit=1)]
    assert all(one < two for one, two in pairwise([*ids, newest]))
