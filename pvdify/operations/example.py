"""One example of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvdify.model import requests as q


@dataclass(frozen=True, slots=True)
class Example:
    """A request, and what it may be answered with: nothing where that is the operation which a change is, or an empty answer."""

    request: q.Request
    answer: object = None
