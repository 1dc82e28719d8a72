"""A running operation: every step is in the journal before it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import Failure, PvdifyError
from pvdify.model.caller import Asked, Caller
from pvdify.model.event import EventKind, Outcome

if TYPE_CHECKING:
    from pvdify.store.journal import Journal

Data = Mapping[str, str | int | float | bool | None]


@dataclass(slots=True, kw_only=True)
class Running:
    """One operation on its way, from `accepted` to its end."""

    id: str
    name: str
    app: str
    actor: str
    journal: Journal
    asked: Asked = field(default_factory=lambda: Asked(caller=Caller(name="recovery")))
    began: float = field(default_factory=monotonic)
    step_name: str = "accept"
    failed_step: str = ""
    has_switched: bool = False
    is_between: bool = False
    release: int | None = None
    generation: int | None = None

    @contextmanager
    def between(self) -> Iterator[None]:
        """Mark that the host is neither the old nor the new meanwhile; an error leaves the mark, until somebody has put things right."""
        self.is_between = True
        yield
        self.is_between = False

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Journal that *name* begins, and that it is done and how long it took; an error leaves it without a `done`."""
        self.step_name = name
        self.journal.write(EventKind.BEGIN, step=name)
        began = monotonic()
        try:
            yield
        except BaseException:
            self.failed_step = self.failed_step or name
            raise
        self.journal.write(EventKind.DONE, step=name, ms=round((monotonic() - began) * 1000, 1))
        await anyio.lowlevel.checkpoint()

    def note(self, text: str, *, data: Data | None = None) -> None:
        """Journal something worth knowing."""
        self.journal.write(EventKind.NOTE, step=self.step_name, text=text, data=dict(data or {}))

    def names_release(self, version: int, *, from_release: int | None) -> None:
        """Journal which release the operation is about, and which had the traffic before."""
        self.release = version
        self.note(f"release v{version}", data={"release": version, "from_release": from_release})

    async def progress(self, text: str) -> None:
        """Show how far a long step is; not kept safe."""
        self.journal.write(EventKind.PROGRESS, step=self.step_name, text=text)

    def end(
        self,
        outcome: Outcome,
        text: str = "",
        *,
        failure: Failure | None = None,
        data: Data | None = None,
    ) -> None:
        """Journal the end; nothing follows it."""
        self.journal.write(EventKind.END, text=text, outcome=outcome, failure=failure, data=dict(data or {}))

    def leave(self, error: BaseException) -> None:
        """Journal that the operation stopped where there was no way back, without an end: whoever comes next finishes it."""
        failure = self.failure_of(error)
        self.journal.write(EventKind.FAILED, step=failure.phase, text=failure.message, failure=failure)
        self.journal.close()

    def elapsed_ms(self) -> float:
        """Milliseconds since the operation was accepted."""
        return round((monotonic() - self.began) * 1000, 1)

    def failure_of(self, error: BaseException) -> Failure:
        """*error* as the journal keeps it."""
        failure = getattr(error, "failure", None)
        if isinstance(failure, Failure):
            return failure
        if isinstance(error, PvdifyError):
            return Failure(
                phase=self.failed_step or self.step_name, message=error.message, code=error.code, hint=error.hint
            )
        return Failure(phase=self.failed_step or self.step_name, message=f"{type(error).__name__}: {error}", code="bug")
