"""The table of `state/README.md`: every place in a state directory, and what it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HOME = Path(__file__).parents[2] / "state"


def unexplained(paths: Iterable[str]) -> list[str]:
    """Those of *paths* that the table has no place for; a folder there stands for all that is in it."""
    cells = re.findall(r"^\| (`[^|]+) \|", (HOME / "README.md").read_text(), flags=re.MULTILINE)
    places = [place for cell in cells for place in re.findall(r"`([^`]+)`", cell)]
    patterns = [re.sub(r"<[a-z-]+>", "[^/]+", re.escape(one).replace(r"\<", "<")) for one in places]
    known = [re.compile(f"{one}.*" if one.endswith("/") else one) for one in patterns]
    return sorted(path for path in paths if not any(one.fullmatch(path) for one in known))
