"""Operations on who reads what is kept encrypted, and on how it is sealed for the host."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed
from pvdify.model.config_answers import SecretsInfo
from pvdify.model.requests import ForRecipient, Nothing, Reseal
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

SHOW: Final = Operation(
    name="secrets.show",
    summary="Show who reads what is kept encrypted, and how it is sealed.",
    request=Nothing,
    answer=SecretsInfo,
    run="pvdify.ops.secrets:show_secrets",
    route=Route(method="GET", path="/secrets", scope=Scope.ADMIN),
)
ADD: Final = Operation(
    name="secrets.add",
    summary="Let one more age key read everything that is kept encrypted.",
    request=ForRecipient,
    answer=Changed,
    run="pvdify.ops.secrets:add_recipient",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/secrets/recipients", scope=Scope.ADMIN, status=202),
)
REMOVE: Final = Operation(
    name="secrets.remove",
    summary="Encrypt everything again without one of those who read it; copies stay readable.",
    request=ForRecipient,
    answer=Changed,
    run="pvdify.ops.secrets:remove_recipient",
    kind=Kind.CHANGE,
    route=Route(method="DELETE", path="/secrets/recipients/{recipient}", scope=Scope.ADMIN, status=202),
)
ROTATE: Final = Operation(
    name="secrets.rotate",
    summary="Give the host another age key, encrypt everything for it, and drop the old one.",
    request=Nothing,
    answer=Changed,
    run="pvdify.ops.secrets:rotate",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/secrets/rotate", scope=Scope.ADMIN, status=202),
)
RESEAL: Final = Operation(
    name="secrets.reseal",
    summary="Seal every config again for this host: on a new machine, or after its key was lost.",
    request=Reseal,
    answer=Changed,
    run="pvdify.ops.reseal:reseal",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/secrets/reseal", scope=Scope.ADMIN, status=202),
)
ALL: Final = (SHOW, ADD, REMOVE, ROTATE, RESEAL)
