"""What pvdify wrote down of its operations, read from a bed's state directory as any program could."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

Line = dict[str, Any]


def operations(bed: Bed, app: str) -> list[list[Line]]:
    """The operations on *app*, or on the host as a whole where it is empty; oldest first, each as the lines of its journal."""
    paths = sorted(bed.path("/var/lib/pvdify/operations").glob(f"*.{app}.jsonl" if app else "*.jsonl"))
    paths = [path for path in paths if app or "." not in path.stem]
    return [lines for path in paths if (lines := _lines(path.read_bytes()))]


def unfinished(bed: Bed, app: str) -> list[str]:
    """The ids of the operations on *app* that have no end."""
    return [str(lines[0]["data"]["id"]) for lines in operations(bed, app) if lines[-1]["kind"] != "end"]


def has(lines: list[Line], kind: str, step: str) -> bool:
    """Whether an operation's journal has such a line."""
    return any(line["kind"] == kind and line.get("step") == step for line in lines)


def words(line: Line) -> str:
    """A line in two words: ``begin switch``."""
    return f"{line['kind']} {line.get('step', '')}".strip()


def unix_time(line: Line) -> float:
    """When it was written."""
    return datetime.fromisoformat(line["at"]).timestamp()


def _lines(text: bytes) -> list[Line]:
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]
