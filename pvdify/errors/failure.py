"""Why an operation failed: what was asked, how it ended, and what it wrote last."""

from __future__ import annotations

import msgspec


class Probe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last answer (or silence) of an instance that was asked whether it is healthy."""

    target: str
    status: int | None = None
    body: str = ""
    latency_ms: float = 0.0
    error: str = ""
    attempts: int = 0

    @property
    def words(self) -> str:
        """Who was asked, and what came of it."""
        return f"{self.target}: " + (f"status {self.status}" if self.status is not None else self.error or "no answer")


class Exit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a unit ended: an exit status, a signal, or the kernel's out-of-memory killer."""

    unit: str
    status: int | None = None
    signal: str = ""
    oom: bool = False
    result: str = ""

    @property
    def words(self) -> str:
        """Which unit, and how it ended."""
        if self.oom:
            how = "killed because it was out of memory"
        elif self.signal:
            how = f"killed by {self.signal}"
        else:
            how = f"exit status {self.status}" if self.status is not None else self.result or "unknown"
        return f"{self.unit}: {how}"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an operation failed, on one screen: the same object for the CLI, the API and the journal."""

    phase: str
    message: str
    code: str = "operation-failed"
    hint: str = ""
    probe: Probe | None = None
    exit: Exit | None = None
    log_tail: tuple[str, ...] = ()
    unchanged: str = ""
