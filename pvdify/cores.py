"""Core dumps, which would be a copy of every secret in memory on the host's disk: this process and all that it starts leave none."""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """Let nobody make one from here on; a later change of the limit is impossible."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
