"""What a command needs of whoever carries out operations, near or far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.operations.table import A, Change, Operation, Q


class Client(Protocol):
    """One host, ready to be asked. What it raises is a `PvdifyError`, wherever it happened."""

    @property
    def is_remote(self) -> bool:
        """Whether a change goes on when this process ends."""

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        """The answer of a value."""

    def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        """The answers of a stream, as they come."""

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        """Have a change accepted, and answer its id; it goes on by itself from here.

        Raise `AppBusyError` where another one holds the app, unless this one *waits* for it.
        """

    def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        """The events of a change from the one after *after* on, until its end."""

    async def ended(self, id_: str) -> Changed:
        """Wait for the end of a change; its answer, or its error."""

    async def cancel(self, id_: str) -> bool:
        """Ask a change to stop and to undo what it did; False where it only goes forward any more."""
