"""Operations on what apps write."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import LogEntry
from pvdify.model.requests import ReadLogs
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

READ: Final = Operation(
    name="logs.read",
    summary="Read what an app wrote.",
    request=ReadLogs,
    answer=LogEntry,
    run="pvdify.ops.logs:read_logs",
    kind=Kind.STREAM,
    cursor="cursor",
    route=Route(method="GET", path="/apps/{app}/logs", scope=Scope.LOGS, headers={"after": "Last-Event-ID"}),
)
ALL: Final = (READ,)
