"""Where a reader of all the host's events left them; it does not need the clock to go forward.

An operation's id says when it was accepted. Its journal comes to be a moment later, so that one with an earlier id may still appear
behind a newer one: whatever is at most `SPAN` older than the newest is told of by name, and not by the mark.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from pvdify.model.patterns import closed

if TYPE_CHECKING:
    from collections.abc import Mapping

OPERATION_PATTERN: Final = r"[0-9]{8}-[0-9]{6}-[0-9]{3}[0-9a-z]{4}"
SPAN: Final = timedelta(seconds=10)
NAMED: Final = 100
"""Operations that a bookmark names at most; of any further ones all is told again."""
_MARK: Final = 19
_TIME: Final = "%Y%m%d-%H%M%S-%f"

EventCursor = Annotated[
    str,
    Meta(
        pattern=closed(rf"[0-9]{{8}}-[0-9]{{6}}-[0-9]{{3}}(?:~{OPERATION_PATTERN}\.[0-9]{{1,9}})*"),
        max_length=4096,
        description="the `cursor` of an event",
    ),
]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Of the operations in *told* so many events are known; of others all if their id sorts before *mark*, else none."""

    mark: str
    told: Mapping[str, int]

    def text(self) -> str:
        """It as an `EventCursor`."""
        named = sorted(self.told.items())
        mark = min(self.mark, named[NAMED][0][:_MARK]) if len(named) > NAMED else self.mark
        return "~".join((mark, *(f"{id_}.{count}" for id_, count in named[:NAMED])))

    def known(self, id_: str) -> int | None:
        """How many events of operation *id_* are known; None for all of them."""
        return self.told.get(id_, None if id_ < self.mark else 0)


def bookmark(text: str) -> Bookmark:
    """What `Bookmark.text` wrote, or at least an `EventCursor`.

    >>> bookmark("20260131-090000-123~20260131-085900-123k7qz.7").known("20260131-085900-123k7qz")
    7
    """
    mark, *named = text.split("~")
    return Bookmark(mark, {id_: int(count) for id_, _, count in (one.partition(".") for one in named)})


def mark_of(id_: str) -> str:
    """The mark before operation *id_*, and before all others of its millisecond."""
    return id_[:_MARK]


def mark_before(id_: str) -> str:
    """The mark behind which operations may still appear if *id_* is the newest that is there."""
    try:
        at = datetime.strptime(id_[:_MARK], _TIME) - SPAN  # noqa: DTZ007 - it is written as it was read
    except (ValueError, OverflowError):
        return mark_of(id_)
    return at.strftime(_TIME)[:_MARK]


def accepted_at(id_: str) -> str:
    """When operation *id_* was accepted, as events have it.

    >>> accepted_at("20260131-090000-123k7qz")
    '2026-01-31T09:00:00.123Z'
    """
    return f"{id_[:4]}-{id_[4:6]}-{id_[6:8]}T{id_[9:11]}:{id_[11:13]}:{id_[13:15]}.{id_[16:19]}Z"
