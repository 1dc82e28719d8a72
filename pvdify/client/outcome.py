"""The end of an operation, as its journal tells it: for whoever did not run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import CancelledOperationError, HostError, told
from pvdify.model.event import Outcome
from pvdify.model.requests import ForOperation
from pvdify.operations import journal

if TYPE_CHECKING:
    from pvdify.client.transport import Client
    from pvdify.model.answers import Changed, OperationSummary

LOOK: Final = 10.0
DEAD: Final = "dead"


async def end_of(client: Client, id_: str, *, look: float = LOOK) -> Changed:
    """Wait for the end of an operation, whoever runs it; its answer, or its error.

    Its events tell. Of one whose process was killed none come until somebody recovers it: after *look* seconds it is asked after, and given up
    when it was dead twice.
    """
    seen, times_dead = -1, 0
    while True:
        with anyio.move_on_after(look) as patience:
            async for event in client.events(id_, after=seen):
                seen, times_dead = event.seq, 0
        summary = await client.ask(journal.INFO, ForOperation(id=id_))
        if not patience.cancelled_caught:
            return outcome(summary)
        times_dead = times_dead + 1 if summary.status == DEAD else 0
        if times_dead > 1:
            return outcome(summary)


def outcome(one: OperationSummary) -> Changed:
    """What the operation answered; raise why it did not: the same error as where it ran, as far as the journal knows it."""
    if one.result is not None:
        return one.result
    if one.status == Outcome.UNDONE.value:
        raise HostError(f"cannot finish {one.name}: it was cut off, and recovery undid it", hint="try again")
    if one.failure is not None:
        raise told(one.failure.code, one.failure.message, hint=one.failure.hint, failure=one.failure)
    if one.status == Outcome.CANCELLED.value:
        raise CancelledOperationError(f"cannot finish {one.name}: it was cancelled, and everything was undone")
    hint = f"`pvdify apply -a {one.app}` finishes or undoes it" if one.app else f"`pvdify operations:info {one.id}`"
    raise HostError(f"cannot tell how {one.name} ends: its process was killed, and nobody took it up", hint=hint)
