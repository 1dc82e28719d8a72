"""How maintenance is asked for and answered, for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model import answers as a
from pvdify.model import requests as q
from pvdify.operations.example import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES: Final[Mapping[str, Example]] = {
    "maintenance.show": Example(q.ForApp(app="blog"), a.Maintenance(app="blog", is_on=True)),
    "maintenance.on": Example(q.ForApp(app="blog")),
    "maintenance.off": Example(q.ForApp(app="blog")),
}
