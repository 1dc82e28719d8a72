"""Operations on maintenance."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed, Maintenance
from pvdify.model.requests import ForApp
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

SHOW: Final = Operation(
    name="maintenance.show",
    summary="Tell whether an app is in maintenance.",
    request=ForApp,
    answer=Maintenance,
    run="pvdify.ops.maintenance:show",
    route=Route(method="GET", path="/apps/{app}/maintenance", scope=Scope.READ),
)
ON: Final = Operation(
    name="maintenance.on",
    summary="Show an app's visitors a page, while it is worked on.",
    request=ForApp,
    answer=Changed,
    run="pvdify.ops.maintenance:turn_on",
    kind=Kind.CHANGE,
    route=Route(method="PUT", path="/apps/{app}/maintenance", scope=Scope.DEPLOY, status=202),
    locks="app",
)
OFF: Final = Operation(
    name="maintenance.off",
    summary="Let an app's visitors in again.",
    request=ForApp,
    answer=Changed,
    run="pvdify.ops.maintenance:turn_off",
    kind=Kind.CHANGE,
    route=Route(method="DELETE", path="/apps/{app}/maintenance", scope=Scope.DEPLOY, status=202),
    locks="app",
)
ALL: Final = (SHOW, ON, OFF)
