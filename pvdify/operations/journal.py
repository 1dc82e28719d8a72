"""Operations on operations: what they were, how they come along, and their end."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import HostEvent, Operations, OperationSummary
from pvdify.model.event import Event
from pvdify.model.requests import Follow, FollowEvents, ForOperation, ListAllOperations, ListOperations
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Reach, Route

FOLLOWS: Final = (Scope.DEPLOY, Scope.CONFIG, Scope.DOMAINS)
"""Who may begin an operation on an app may learn how it ends."""
LIST: Final = Operation(
    name="operations.list",
    summary="List an app's operations, newest first.",
    request=ListOperations,
    answer=Operations,
    run="pvdify.ops.journal:list_operations",
    route=Route(method="GET", path="/apps/{app}/operations", scope=Scope.READ),
)
ALL_OF_HOST: Final = Operation(
    name="operations.all",
    summary="List the operations of the host, newest first.",
    request=ListAllOperations,
    answer=Operations,
    run="pvdify.ops.journal:all_operations",
    route=Route(method="GET", path="/operations", scope=Scope.READ),
)
INFO: Final = Operation(
    name="operations.info",
    summary="Show one operation, and why it failed if it did.",
    request=ForOperation,
    answer=OperationSummary,
    run="pvdify.ops.journal:operation_info",
    route=Route(method="GET", path="/operations/{id}", scope=Scope.READ, also=FOLLOWS, reach=Reach.OPERATION),
)
EVENTS: Final = Operation(
    name="operations.events",
    summary="Follow the events of one operation.",
    request=Follow,
    answer=Event,
    run="pvdify.ops.journal:follow",
    kind=Kind.STREAM,
    cursor="seq",
    route=Route(
        method="GET",
        path="/operations/{id}/events",
        scope=Scope.READ,
        also=FOLLOWS,
        headers={"after": "Last-Event-ID"},
        reach=Reach.OPERATION,
    ),
)
HOST: Final = Operation(
    name="events.follow",
    summary="Follow what happens on the host: the events of all operations.",
    request=FollowEvents,
    answer=HostEvent,
    run="pvdify.ops.events:follow_events",
    kind=Kind.STREAM,
    cursor="cursor",
    route=Route(method="GET", path="/events", scope=Scope.READ, headers={"after": "Last-Event-ID"}),
)
CANCEL: Final = Operation(
    name="operations.cancel",
    summary="Cancel an operation, which then undoes what it did; not once its switch is in force.",
    request=ForOperation,
    answer=OperationSummary,
    run="",
    route=Route(method="POST", path="/operations/{id}/cancel", scope=Scope.DEPLOY, reach=Reach.OPERATION),
)
ALL: Final = (LIST, ALL_OF_HOST, INFO, EVENTS, HOST, CANCEL)
