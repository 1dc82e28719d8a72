"""Operations on the host as a whole."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Collected, Doctor, Initialised
from pvdify.model.requests import Init, Nothing
from pvdify.model.scope import Scope
from pvdify.operations.table import Operation, Route

INIT: Final = Operation(
    name="init",
    summary="Make the state directory and the first generation.",
    request=Init,
    answer=Initialised,
    run="pvdify.ops.init:init",
)
DOCTOR: Final = Operation(
    name="doctor",
    summary="Check everything that pvdify stands on.",
    request=Nothing,
    answer=Doctor,
    run="pvdify.ops.doctor:doctor",
    route=Route(method="GET", path="/doctor", scope=Scope.ADMIN),
)
GC: Final = Operation(
    name="gc",
    summary="Remove generations, images and journals that nobody needs.",
    request=Nothing,
    answer=Collected,
    run="pvdify.ops.collect:collect",
    route=Route(method="POST", path="/gc", scope=Scope.ADMIN),
    is_change=True,
)
METRICS: Final = Operation(
    name="metrics",
    summary="Count what runs and what was done, for Prometheus.",
    request=Nothing,
    answer=str,
    run="pvdify.ops.metrics:metrics",
    route=Route(method="GET", path="/metrics", scope=Scope.READ, media="text/plain; version=0.0.4; charset=utf-8"),
)
ALL: Final = (INIT, DOCTOR, GC, METRICS)
