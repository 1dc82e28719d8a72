"""Operations as they are, were, and come along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import NotFoundError
from pvdify.model.answers import Changed, Operations, OperationSummary
from pvdify.model.event import Event, EventKind, OperationRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.requests import Follow, ForOperation, ListAllOperations, ListOperations
    from pvdify.ops.host import Host

_EVERY: Final = 0.05


async def operation_info(host: Host, request: ForOperation) -> OperationSummary:
    """One operation."""
    return _summary(host, _record(host, request.id))


async def list_operations(host: Host, request: ListOperations) -> Operations:
    """The operations of one app, newest first."""
    host.row(request.app)
    records = host.state.records(request.app, limit=request.limit)
    return Operations(operations=tuple(_summary(host, record) for record in records))


async def all_operations(host: Host, request: ListAllOperations) -> Operations:
    """The operations of the whole host, newest first."""
    records = host.state.records(limit=request.limit)
    return Operations(operations=tuple(_summary(host, record) for record in records))


async def follow(host: Host, request: Follow) -> AsyncIterator[Event]:
    """The events of one operation from the one after *request.after* on, until its end: a tail of the journal file.

    Whoever has seen the end gets nothing more, and at once; whoever names an event that is still to come, gets what comes next.
    """
    record = _record(host, request.id)
    last = record.events[-1].seq
    if record.is_over and request.after >= last:
        return
    after = min(request.after, last)
    while True:
        for event in host.state.tail(request.id, after):
            after = event.seq
            yield event
            if event.kind in {EventKind.END, EventKind.FAILED}:
                return
        await anyio.sleep(_EVERY)


def _record(host: Host, id_: str) -> OperationRecord:
    record = host.state.record(id_)
    if record is None:
        raise NotFoundError(f"cannot find operation {id_}", hint="list an app's with `pvdify operations APP`")
    return record


def _summary(host: Host, record: OperationRecord) -> OperationSummary:
    status = (
        record.outcome.value
        if record.outcome is not None
        else "running"
        if host.state.is_running(record.id)
        else "dead"
    )
    return OperationSummary(
        id=record.id,
        name=record.name,
        app=record.app,
        actor=record.actor,
        status=status,
        step=record.step,
        started_at=record.started_at,
        ended_at=record.ended_at,
        release=record.release,
        failure=record.failure,
        result=_result(record),
    )


def _result(record: OperationRecord) -> Changed | None:
    """What the operation answered whoever waited for it, if it ended well."""
    if record.outcome not in {Outcome.DONE, Outcome.UNCHANGED}:
        return None
    return Changed(
        operation=record.id,
        outcome=record.outcome,
        text=record.text,
        app=record.app,
        release=record.answered,
        config=record.config,
        generation=record.generation,
        serving_ms=record.serving_ms,
        url=record.url,
    )
