"""Run one operation from `accepted` to its end: the lock, the journal, and what each kind of ending writes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import CancelledOperationError, PvdifyError
from pvdify.model.answers import Changed
from pvdify.model.event import Accepted, Outcome
from pvdify.ops.running import Running

if TYPE_CHECKING:
    from pvdify.ops.host import Host

CREATE: Final = "apps.create"
Run = Callable[["Host", Running], Awaitable[Changed]]


@contextmanager
def accepted(host: Host, name: str, *, app: str, actor: str) -> Iterator[Running]:
    """Take the lock of *app* (none where an operation concerns no single app), and journal that *name* is accepted.

    Raise `AppBusyError` naming the holder, or `AppNotFoundError`; then nothing was written. The lock is held until the block ends.
    """
    if app and name != CREATE:
        host.row(app)
    id_ = host.state.new_operation_id(host.clock.now())
    if not app:
        yield _journaled(host, id_, name, app=app, actor=actor)
        return
    with host.state.app_lock(app, f"{name} {id_} by {actor} (pid {os.getpid()})"):
        yield _journaled(host, id_, name, app=app, actor=actor)


async def performed(host: Host, running: Running, run: Run) -> Changed:
    """Run *run* and journal its end: done, unchanged, failed, or cancelled and undone.

    One that stops between the old and the new gets no end: it is over for its caller, and whoever works on the app next finishes or undoes it.
    """
    try:
        changed = await run(host, running)
    except anyio.get_cancelled_exc_class():
        running.end(Outcome.CANCELLED, "cancelled; everything was undone")
        raise
    except Exception as error:
        if running.is_between:
            if running.has_switched and isinstance(error, PvdifyError):
                error.hint = f"the change is in force already; finish it with `pvdify apply -a {running.app}`"
            running.leave(error)
            raise
        outcome = Outcome.CANCELLED if isinstance(error, CancelledOperationError) else Outcome.FAILED
        running.end(outcome, str(error), failure=running.failure_of(error))
        raise
    running.end(
        changed.outcome,
        changed.text,
        data={"release": changed.release, "serving_ms": changed.serving_ms},
    )
    return changed


async def perform(host: Host, name: str, *, app: str, actor: str, run: Run) -> Changed:
    """Accept and run one operation here and now."""
    with accepted(host, name, app=app, actor=actor) as running:
        return await performed(host, running, run)


def _journaled(host: Host, id_: str, name: str, *, app: str, actor: str) -> Running:
    first = Accepted(id=id_, name=name, app=app, actor=actor, at=host.now())
    journal = host.state.journal(first, boot_id=host.clock.boot_id())
    return Running(id=id_, name=name, app=app, actor=actor, journal=journal)
