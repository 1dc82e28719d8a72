"""Knobs: what shall go wrong, by name or by glob."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def fitting(knob: Mapping[str, T], name: str) -> T | None:
    """What *knob* has for *name*, which may be one of its globs."""
    return next((value for pattern, value in knob.items() if fnmatchcase(name, pattern)), None)
