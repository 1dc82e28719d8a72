"""A command that does not live to its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.journal import Line, operations, words

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

_PYTHON = "/usr/lib/pvdify/venv/bin/python"
_COMMAND = (Path(__file__).parent / "command.py").read_text()


@dataclass(frozen=True, slots=True)
class Point:
    """Where a command is killed: at a line of its journal, ``before`` it or ``after`` it, or at one of those that ``command.py`` tells of."""

    where: str
    which: int | str

    def command(self, *argv: str) -> tuple[str, ...]:
        """What to run for *argv* to be killed there."""
        return (_PYTHON, "-c", _COMMAND, self.where, str(self.which), *argv)

    def told(self, lines: list[Line]) -> str:
        """The point in words, from the *lines* that were written."""
        return f"{self.where} {self.which}, the last line being {words(lines[-1]) if lines else 'none'}"


def killed(bed: Bed, app: str, point: Point, *argv: str) -> list[Line] | None:
    """Type a command about *app* that is killed with SIGKILL at *point*; the lines it wrote, None if it lived to its end."""
    before = {str(lines[0]["data"]["id"]) for lines in operations(bed, app)}
    done = bed.run(*point.command(*argv), check=False, timeout=120)
    found = [lines for lines in operations(bed, app) if str(lines[0]["data"]["id"]) not in before]
    is_over = bool(found) and found[-1][-1]["kind"] == "end"
    if done.returncode in {-9, 137}:
        return found[-1] if found else []
    assert is_over, done  # it failed, which nobody asked for
    return None
