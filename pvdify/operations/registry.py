"""Operations on logins for private registries."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Registries
from pvdify.model.requests import Login, Logout, Nothing
from pvdify.model.scope import Scope
from pvdify.operations.table import Operation, Route

LOGIN: Final = Operation(
    name="registry.login",
    summary="Log in to a registry, for pulls.",
    request=Login,
    answer=Registries,
    run="pvdify.ops.registry:login",
    route=Route(method="POST", path="/registries", scope=Scope.ADMIN),
    is_change=True,
    knows_caller=True,
    secrets=("password",),
)
LIST: Final = Operation(
    name="registry.list",
    summary="List the registries that the host has a login for.",
    request=Nothing,
    answer=Registries,
    run="pvdify.ops.registry:list_logins",
    route=Route(method="GET", path="/registries", scope=Scope.ADMIN),
)
LOGOUT: Final = Operation(
    name="registry.logout",
    summary="Forget the login for a registry.",
    request=Logout,
    answer=Registries,
    run="pvdify.ops.registry:logout",
    route=Route(method="DELETE", path="/registries/{registry}", scope=Scope.ADMIN),
    is_change=True,
    knows_caller=True,
)
ALL: Final = (LOGIN, LIST, LOGOUT)
