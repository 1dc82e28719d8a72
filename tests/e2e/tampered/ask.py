"""Has a bed try tampered files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

_PYTHON = "/usr/lib/pvdify/venv/bin/python"
_PLACE = "/opt/checks"


class Report(msgspec.Struct, frozen=True):
    """What `trial.py` says."""

    tried: int
    alike: int
    by: dict[str, int]
    wrong: list[str]


def tried(bed: Bed, kind: str, count: int) -> Report:
    """Let pvdify's own Python, in the bed, try *count* tampered files of a kind, ``sops`` or ``sealed``."""
    here = Path(__file__).parent
    package = bed.path(f"{_PLACE}/tests/e2e/tampered")
    package.mkdir(parents=True, exist_ok=True)
    for name in ("raw.py", "edits.py", "trial.py"):
        (package / name).write_text((here / name).read_text())
    argv = (_PYTHON, "-m", "tests.e2e.tampered.trial", kind, str(count))
    said = bed.run(*argv, env={"PYTHONPATH": _PLACE}, timeout=540).stdout
    return msgspec.json.decode(said, type=Report)
