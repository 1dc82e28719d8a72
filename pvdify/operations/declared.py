"""Operations on what is declared: plan it, apply it."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed, PlanAnswer
from pvdify.model.requests import Apply
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

PLAN: Final = Operation(
    name="plan",
    summary="Show what `apply` would do; nothing is changed.",
    request=Apply,
    answer=PlanAnswer,
    run="pvdify.ops.apply:plan",
    route=Route(method="POST", path="/plan", scope=Scope.ADMIN),
)
APPLY: Final = Operation(
    name="apply",
    summary="Bring the host to what is declared.",
    request=Apply,
    answer=Changed,
    run="pvdify.ops.apply:apply",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apply", scope=Scope.ADMIN, status=202),
)
ALL: Final = (PLAN, APPLY)
