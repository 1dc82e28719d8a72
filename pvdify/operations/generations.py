"""Operations on generations."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed, GenerationDiff, Generations
from pvdify.model.requests import DiffGenerations, Nothing, SwitchGeneration
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

LIST: Final = Operation(
    name="generations.list",
    summary="List the generations that are kept, newest first.",
    request=Nothing,
    answer=Generations,
    run="pvdify.ops.generations:list_generations",
    route=Route(method="GET", path="/generations", scope=Scope.ADMIN),
)
DIFF: Final = Operation(
    name="generations.diff",
    summary="Show what changed from one generation to another.",
    request=DiffGenerations,
    answer=GenerationDiff,
    run="pvdify.ops.generations:diff_generations",
    route=Route(method="GET", path="/generations/{number}/diff/{other}", scope=Scope.ADMIN),
)
SWITCH: Final = Operation(
    name="generations.switch",
    summary="Bring every app back to its release in a generation.",
    request=SwitchGeneration,
    answer=Changed,
    run="pvdify.ops.switch:switch_generation",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/generations/{number}/switch", scope=Scope.ADMIN, status=202),
)
ALL: Final = (LIST, DIFF, SWITCH)
