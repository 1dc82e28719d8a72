"""Bookmarks are read as they were written."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pvdify.model.bookmark import NAMED, Bookmark, EventCursor, bookmark, mark_before, mark_of

IDS = st.integers(0, 10**9).map(
    lambda number: f"20260131-{number // 10**6:06}-{number // 1000 % 1000:03}a{number % 1000:03}"
)
BOOKMARKS = st.builds(
    lambda id_, told: Bookmark(mark_of(id_), told), IDS, st.dictionaries(IDS, st.integers(0, 10_000), max_size=5)
)


@given(BOOKMARKS)
def test_a_bookmark_is_a_cursor_that_is_read_back(one: Bookmark) -> None:
    text = one.text()

    assert one == bookmark(text)
    assert text == msgspec.convert(text, EventCursor)


@given(st.sets(IDS, min_size=NAMED + 1, max_size=NAMED + 40), IDS)
def test_one_that_would_name_too_many_forgets_and_never_knows_more(ids: set[str], newest: str) -> None:
    told = dict.fromkeys(ids, 7)
    one = Bookmark(mark_of(newest), told)

    text = one.text()

    assert text == msgspec.convert(text, EventCursor)
    for id_, count in told.items():
        assert bookmark(text).known(id_) in {count, 0}


def test_what_may_still_appear_is_not_behind_the_mark() -> None:
    mark = mark_before("20260131-090005-123k7qz")

    one = Bookmark(mark, {})

    assert "20260131-085955-123" == mark
    assert None is one.known("20260131-085955-122zzzz")
    assert 0 == one.known("20260131-085955-1230000")
