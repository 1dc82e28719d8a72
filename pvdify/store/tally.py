"""Tallies: what each of the newest operations was, how it ended and how long its steps took, for those who count."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.model.event import EventKind, Outcome
from pvdify.store.files import read_at, told
from pvdify.store.journal import file_named
from pvdify.store.locks import is_locked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class _Line(msgspec.Struct, frozen=True):
    """Of a journal's line only what is counted."""

    kind: EventKind
    step: str = ""
    ms: float | None = None
    outcome: Outcome | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Accepted(msgspec.Struct, frozen=True, tag_field="kind", tag="accepted"):
    """The first line."""

    data: _Named


_LINES: Final = msgspec.json.Decoder(_Line)
_FIRST: Final = msgspec.json.Decoder(_Accepted)


@dataclass(frozen=True, slots=True)
class Tally:
    """One operation; the seconds are those of each step that is done. Without an outcome it is not over: it *is_running*, or dead."""

    name: str
    outcome: Outcome | None
    is_running: bool
    steps: tuple[tuple[str, float], ...]


@dataclass(slots=True)
class Tallies:
    """The journals in *path*; what has its end is read once and no more."""

    path: Path
    _over: Mapping[str, Tally] = field(default_factory=dict)

    def newest(self, count: int) -> tuple[Tally, ...]:
        """The newest *count* operations, newest first."""
        with told(f"read {self.path}"):
            with os.scandir(self.path) as entries:
                names = sorted((entry.name for entry in entries), reverse=True)
            newest = islice((name for name in names if file_named(name)), count)
            found = {name: self._over.get(name) or _tally(self.path / name) for name in newest}
        self._over = {name: one for name, one in found.items() if one is not None and one.outcome is not None}
        return tuple(one for one in found.values() if one is not None)


def _tally(path: Path) -> Tally | None:
    """What a journal adds up to; None where even its first line is not there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        is_held = is_locked(descriptor)
        text = read_at(descriptor)
    finally:
        os.close(descriptor)
    try:
        first = _FIRST.decode(text[: text.find(b"\n") + 1])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    lines = _lines(text)
    outcome = lines[-1].outcome if lines else None
    return Tally(
        name=first.data.name,
        outcome=outcome,
        is_running=outcome is None and is_held,
        steps=tuple((one.step, (one.ms or 0.0) / 1000) for one in lines if one.kind is EventKind.DONE),
    )


def _lines(text: bytes) -> list[_Line]:
    """All whole lines up to a torn one."""
    try:
        return _LINES.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = []
        for line in text.splitlines():
            try:
                found.append(_LINES.decode(line))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                break
        return found
