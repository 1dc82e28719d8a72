"""Operations on apps."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import AppInfo, Apps, Changed
from pvdify.model.requests import ChangeApp, CreateApp, DestroyApp, ForApp, Nothing
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Reach, Route

LIST: Final = Operation(
    name="apps.list",
    summary="List the apps.",
    request=Nothing,
    answer=Apps,
    run="pvdify.ops.apps:list_apps",
    route=Route(method="GET", path="/apps", scope=Scope.READ, reach=Reach.LISTED),
)
INFO: Final = Operation(
    name="apps.info",
    summary="Show one app: what is declared, and what runs.",
    request=ForApp,
    answer=AppInfo,
    run="pvdify.ops.apps:app_info",
    route=Route(method="GET", path="/apps/{app}", scope=Scope.READ),
)
CREATE: Final = Operation(
    name="apps.create",
    summary="Create an app: a name and a front port, no release yet.",
    request=CreateApp,
    answer=Changed,
    run="pvdify.ops.create:create_app",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps", scope=Scope.ADMIN, status=201, app="name", reach=Reach.APP),
    locks="name",
)
CHANGE: Final = Operation(
    name="apps.change",
    summary="Declare an app otherwise, and bring what runs to it.",
    request=ChangeApp,
    answer=Changed,
    run="pvdify.ops.change:change_app",
    kind=Kind.CHANGE,
    route=Route(method="PATCH", path="/apps/{app}", scope=Scope.ADMIN, status=202),
    locks="app",
)
DESTROY: Final = Operation(
    name="apps.destroy",
    summary="Stop an app and forget it; its volumes stay unless told otherwise.",
    request=DestroyApp,
    answer=Changed,
    run="pvdify.ops.destroy:destroy_app",
    kind=Kind.CHANGE,
    route=Route(method="DELETE", path="/apps/{app}", scope=Scope.ADMIN, status=204),
    locks="app",
)
ALL: Final = (LIST, INFO, CREATE, CHANGE, DESTROY)
