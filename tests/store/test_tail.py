"""A tail of all journals misses nothing, whatever happens to the clock, to the reader, and in which order."""

import os
import random
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdify.model.event import Accepted, EventKind, Outcome
from pvdify.store.state import State
from pvdify.store.tail import Tail, Told
from tests.store.example import AT, NOW, accepted, state_in
from tests.store.test_journal import begun, ended

ALL = "20000101-000000-000"
"""A cursor before everything."""


def said(news: tuple[Told, ...]) -> list[tuple[str, int]]:
    return [(one.operation, one.event.seq) for one in news]


def kinds(news: tuple[Told, ...]) -> list[EventKind]:
    return [one.event.kind for one in news]


def everything(tail: Tail) -> list[Told]:
    found: list[Told] = []
    while news := tail.news(7):
        found += news
    return found


def test_without_a_cursor_it_begins_now(state: State) -> None:
    ended(state)
    running = begun(state, app="shop")
    tail = state.news(None)

    assert () == tail.news(100)
    running.write(EventKind.BEGIN, step="pull")
    running.write(EventKind.PROGRESS, text="1 of 2 layers")
    running.write(EventKind.END, outcome=Outcome.DONE)
    other = ended(state)

    news = tail.news(100)

    assert [EventKind.BEGIN, EventKind.END, EventKind.ACCEPTED, EventKind.END] == kinds(news)
    assert ["shop", "shop", "blog", "blog"] == [one.first.data["app"] for one in news]
    assert other == news[-1].operation
    assert () == tail.news(100)


def test_events_of_several_operations_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    times = iter(NOW + timedelta(seconds=number) for number in range(1, 100))
    state = state_in(tmp_path)
    state = State(state.settings, now=lambda: next(times))
    journals = [state.journal(accepted(state, app=app), boot_id="b") for app in ("blog", "shop", "wiki")]
    for number in range(12):
        journals[number % 3].write(EventKind.NOTE, text=str(number))

    news = state.news(ALL).news(100)

    assert [str(number) for number in range(12)] == [one.event.text for one in news[3:]]


def test_a_clock_that_goes_back_does_not_mix_up_the_lines_of_one_journal(tmp_path: Path) -> None:
    times = iter([NOW, NOW - timedelta(hours=1), NOW + timedelta(seconds=1)])
    state = State(state_in(tmp_path).settings, now=lambda: next(times))
    journal = begun(state)
    for _ in range(2):
        journal.write(EventKind.NOTE)

    assert [0, 1, 2] == [seq for _, seq in said(state.news(ALL).news(100))]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_whoever_comes_back_gets_what_is_behind_the_cursor(state: State, limit: int) -> None:
    ended(state, release=1)
    running = begun(state, app="shop")
    ended(state, release=2)
    first = state.news(ALL).news(limit)
    running.write(EventKind.NOTE, text="one more")

    rest = everything(state.news(first[-1].cursor))

    whole = said(tuple(everything(state.news(ALL))))
    assert sorted(whole) == sorted(said(first) + said(tuple(rest)))


def test_every_cursor_leads_to_the_rest(state: State) -> None:
    journals = [begun(state, app=app) for app in ("blog", "shop", "wiki")]
    choice = random.Random(7)  # noqa: S311 - any order will do
    for number in range(30):
        choice.choice(journals).write(EventKind.NOTE, text=str(number))
    for journal in journals[:2]:
        journal.write(EventKind.END, outcome=Outcome.DONE)
    whole = everything(state.news(ALL))

    for number, one in enumerate(whole, start=1):
        assert said(tuple(whole[number:])) == said(tuple(everything(state.news(one.cursor))))


def test_an_operation_whose_journal_appears_behind_a_newer_one_is_not_missed(state: State) -> None:
    late = accepted(state)
    tail = state.news(None)
    newer = msgspec.structs.replace(accepted(state, app="shop"), id=state.new_operation_id(NOW + timedelta(seconds=3)))
    state.journal(newer, boot_id="b").write(EventKind.END, outcome=Outcome.DONE)
    seen = tail.news(100)

    state.journal(late, boot_id="b").write(EventKind.END, outcome=Outcome.DONE)

    assert [newer.id] * 2 == [one.operation for one in seen]
    assert [late.id] * 2 == [one.operation for one in tail.news(100)]
    assert [late.id] * 2 == [one.operation for one in state.news(seen[-1].cursor).news(100)]


def test_what_a_dead_operation_left_torn_is_told_when_somebody_goes_on(state: State) -> None:
    journal = begun(state)
    journal.close()
    (path,) = state.settings.operations.iterdir()
    tail = state.news(None)
    path.write_bytes(path.read_bytes() + b'{"seq":1,"at":"x","ki')

    assert () == tail.news(100)
    state.journal_of(path.name.partition(".")[0]).write(EventKind.END, outcome=Outcome.UNDONE)

    assert [EventKind.END] == kinds(tail.news(100))


def test_a_journal_that_is_gone_is_no_error(state: State) -> None:
    begun(state)
    tail = state.news(ALL)
    assert 1 == len(tail.news(100))
    for path in state.settings.operations.iterdir():
        path.unlink()

    assert () == tail.news(100)
    assert [0, 1] == [seq for _, seq in said((ended(state), tail.news(100))[1])]


def test_a_cursor_from_before_a_loss_hides_nothing(state: State) -> None:
    id_ = ended(state)

    news = state.news("29991231-235959-999").news(100)

    assert [(id_, 0), (id_, 1)] == said(news)


def test_a_look_opens_no_journal_that_is_over(state: State) -> None:
    ended(state)
    for path in state.settings.operations.iterdir():
        path.chmod(0o600)
        path.write_bytes(path.read_bytes().replace(b'"end"', b'"END"'))
        path.chmod(0o400)
    os.utime(state.settings.operations, (0, 0))
    journal = state.journal(
        Accepted(id=state.new_operation_id(NOW + timedelta(minutes=1)), name="x", app="blog", actor="a", at=AT),
        boot_id="b",
    )

    tail = state.news(None)
    journal.write(EventKind.NOTE)

    assert [EventKind.NOTE] == kinds(tail.news(100))


ACTS = st.lists(st.tuples(st.sampled_from(["write", "end", "begin", "look", "return"]), st.integers(0, 5)), max_size=40)


@settings(deadline=None, max_examples=60)
@given(acts=ACTS)
def test_nothing_is_missed_and_nothing_told_twice(acts: list[tuple[str, int]], tmp_path_factory: object) -> None:
    state = state_in(tmp_path_factory.mktemp("tail"))  # type: ignore[attr-defined]  # pytest's own
    journals = []
    written: dict[str, int] = {}
    tail, cursor = state.news(ALL), ALL
    seen: list[tuple[str, int]] = []
    for act, number in acts:
        if act == "begin":
            one = accepted(state, app=f"app{number}")
            journals.append((one.id, state.journal(one, boot_id="b")))
            written[one.id] = 1
        elif act in {"write", "end"} and journals:
            id_, journal = journals[number % len(journals)]
            written[id_] += 1
            if act == "write":
                journal.write(EventKind.NOTE)
            else:
                journal.write(EventKind.END, outcome=Outcome.DONE)
                journals.remove((id_, journal))
        else:
            if act == "return":
                tail = state.news(cursor)
            news = tail.news(number + 1)
            seen += said(news)
            cursor = news[-1].cursor if news else cursor
    seen += said(tuple(everything(tail)))

    assert sorted((id_, seq) for id_, count in written.items() for seq in range(count)) == sorted(seen)
    for _, journal in journals:
        journal.close()
