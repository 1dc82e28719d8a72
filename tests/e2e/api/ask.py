"""Ask the API from inside a bed, where its address is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

PYTHON = "/usr/lib/pvdify/venv/bin/python"
_CLIENT = "/opt/api-client.py"


def asked(bed: Bed, token: str, *words: str, timeout: float = 60) -> dict[str, Any]:
    """What `client.py`, run in the bed with *words*, says."""
    bed.path(_CLIENT).write_text((Path(__file__).parent / "client.py").read_text())
    said = bed.run(PYTHON, _CLIENT, *words, env={"TOKEN": token}, timeout=timeout).stdout
    found: dict[str, Any] = json.loads(said)
    return found
