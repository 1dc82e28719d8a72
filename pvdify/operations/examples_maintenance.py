"""How maintenance is asked for and answered, for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model import answers as a
from pvdify.model import requests as q
from pvdify.model.event import Outcome
from pvdify.operations.example import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID: Final = "20260131-090000-123k7qz"


def _turned(text: str) -> Example:
    changed = a.Changed(operation=_ID, outcome=Outcome.DONE, text=text, app="blog", release=42, generation=118)
    return Example(q.ForApp(app="blog"), changed)


EXAMPLES: Final[Mapping[str, Example]] = {
    "maintenance.show": Example(q.ForApp(app="blog"), a.Maintenance(app="blog", is_on=True)),
    "maintenance.on": _turned("blog is in maintenance"),
    "maintenance.off": _turned("blog is open again"),
}
