"""Run one operation from `accepted` to its end: the lock, the journal, and what each kind of ending writes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import CancelledOperationError, PvdifyError
from pvdify.model.answers import Changed
from pvdify.model.audit import AuditEntry
from pvdify.model.caller import Asked, Caller
from pvdify.model.event import Accepted, Outcome
from pvdify.ops.running import Data, Running

if TYPE_CHECKING:
    from pvdify.errors import Failure
    from pvdify.ops.host import Host

CREATE: Final = "apps.create"
OF_SECRETS: Final = frozenset({"secrets.add", "secrets.remove", "secrets.rotate", "secrets.reseal"})
"""What encrypts or seals everything again: one at a time."""
SET_EDGE: Final = "edge.set"
Run = Callable[["Host", Running], Awaitable[Changed]]
Admit = Callable[[str], None]
"""Called with the id of an operation that is about to be accepted; what it raises refuses that operation."""


def anybody(_id: str) -> None:
    """Admit everything."""


@contextmanager
def accepted(host: Host, name: str, *, app: str, actor: str | Asked, admit: Admit = anybody) -> Iterator[Running]:
    """Take the lock of *app*, or that of the secrets or the edge where *name* is about these, and journal that *name* is accepted.

    Raise `AppBusyError` naming the holder, `AppNotFoundError`, or what *admit* raises, which is called with the operation's id under the lock;
    then nothing was written. The lock is held until the block ends.
    """
    asked = actor if isinstance(actor, Asked) else Asked(caller=Caller(name=actor))
    if app and name != CREATE:
        host.row(app)
    id_ = host.state.new_operation_id(host.clock.now())
    with _lock(host, name, app=app, holder=f"{name} {id_} by {asked.caller.name} (pid {os.getpid()})"):
        admit(id_)
        yield _journaled(host, id_, name, app=app, asked=asked)


def _lock(host: Host, name: str, *, app: str, holder: str) -> AbstractContextManager[object]:
    if app:
        return host.state.app_lock(app, holder)
    if name == SET_EDGE:
        return host.state.vault.take_edge(holder)
    return host.state.vault.take(holder) if name in OF_SECRETS else nullcontext()


async def performed(host: Host, running: Running, run: Run) -> Changed:
    """Run *run* and journal its end: done, unchanged, failed, or cancelled and undone.

    One that stops between the old and the new gets no end: it is over for its caller, and whoever works on the app next finishes or undoes it.
    """
    try:
        changed = await run(host, running)
    except anyio.get_cancelled_exc_class():
        _end(host, running, Outcome.CANCELLED, "cancelled; everything was undone")
        raise
    except Exception as error:
        if running.is_between:
            if running.has_switched and isinstance(error, PvdifyError):
                error.hint = f"the change is in force already; finish it with `pvdify apply -a {running.app}`"
            running.leave(error)
            with suppress(PvdifyError):  # the journal tells, and the error that led here is the one to be told
                audited(host, running.asked, running.name, outcome="left", operation=running.id, app=running.app)
            raise
        outcome = Outcome.CANCELLED if isinstance(error, CancelledOperationError) else Outcome.FAILED
        _end(host, running, outcome, str(error), failure=running.failure_of(error))
        raise
    _end(
        host,
        running,
        changed.outcome,
        changed.text,
        data={
            "release": changed.release,
            "config": changed.config,
            "serving_ms": changed.serving_ms,
            "generation": changed.generation,
            "url": changed.url,
        },
    )
    return changed


async def perform(host: Host, name: str, *, app: str, actor: str | Asked, run: Run) -> Changed:
    """Accept and run one operation here and now."""
    with accepted(host, name, app=app, actor=actor) as running:
        return await performed(host, running, run)


def audited(
    host: Host, asked: Asked, action: str, *, outcome: str, operation: str = "", app: str = "", code: str = ""
) -> None:
    """Write down who asked for *action*, or how it ended; raise `StateError` or `DiskLowError` if that cannot be kept."""
    host.state.audit(
        AuditEntry(
            at=host.now(),
            actor=asked.caller.name,
            via=asked.caller.via.value,
            token=asked.caller.token,
            request_id=asked.caller.request_id,
            action=action,
            app=app,
            operation=operation,
            detail=dict(asked.detail),
            outcome=outcome,
            code=code,
        )
    )


def _journaled(host: Host, id_: str, name: str, *, app: str, asked: Asked) -> Running:
    audited(host, asked, name, outcome="accepted", operation=id_, app=app)
    first = Accepted(id=id_, name=name, app=app, actor=asked.caller.name, at=host.now())
    journal = host.state.journal(first, boot_id=host.clock.boot_id())
    return Running(id=id_, name=name, app=app, actor=asked.caller.name, asked=asked, journal=journal)


def _end(
    host: Host,
    running: Running,
    outcome: Outcome,
    text: str,
    *,
    failure: Failure | None = None,
    data: Data | None = None,
) -> None:
    """Journal the end, and audit it; where the audit cannot be written any more, the journal still tells."""
    running.end(outcome, text, failure=failure, data=data)
    with suppress(PvdifyError):
        audited(
            host,
            running.asked,
            running.name,
            outcome=outcome.value,
            operation=running.id,
            app=running.app,
            code=failure.code if failure else "",
        )
