"""Operations on processes: their counts, their instances, and one-off commands."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed, Processes, RunOutput, RunResult
from pvdify.model.requests import ForApp, Restart, RunOnce, Scale
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

LIST: Final = Operation(
    name="ps.list",
    summary="Show an app's processes and instances.",
    request=ForApp,
    answer=Processes,
    run="pvdify.ops.ps:processes",
    route=Route(method="GET", path="/apps/{app}/ps", scope=Scope.READ),
)
SCALE: Final = Operation(
    name="ps.scale",
    summary="Set how many instances of a process run.",
    request=Scale,
    answer=Changed,
    run="pvdify.ops.scale:scale",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/ps/scale", scope=Scope.DEPLOY, status=202),
    locks="app",
)
RESTART: Final = Operation(
    name="ps.restart",
    summary="Replace instances by fresh ones, losing no request.",
    request=Restart,
    answer=Changed,
    run="pvdify.ops.restart:restart",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/ps/restart", scope=Scope.DEPLOY, status=202),
    locks="app",
)
STOP: Final = Operation(
    name="ps.stop",
    summary="Stop an app; it stays stopped, also after a boot.",
    request=ForApp,
    answer=Changed,
    run="pvdify.ops.stop:stop_app",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/ps/stop", scope=Scope.DEPLOY, status=202),
    locks="app",
)
START: Final = Operation(
    name="ps.start",
    summary="Start a stopped app at the release it had.",
    request=ForApp,
    answer=Changed,
    run="pvdify.ops.stop:start_app",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/ps/start", scope=Scope.DEPLOY, status=202),
    locks="app",
)
RUN: Final = Operation(
    name="run",
    summary="Run a one-off command in the live release's image.",
    request=RunOnce,
    answer=RunResult,
    run="pvdify.ops.run:run_once",
)
RUN_PIPED: Final = Operation(
    name="ps.run",
    summary="Run a one-off command in the live release's image, and hand on what it writes.",
    request=RunOnce,
    answer=RunOutput,
    run="pvdify.ops.run:run_piped",
    kind=Kind.STREAM,
    route=Route(method="POST", path="/apps/{app}/run", scope=Scope.DEPLOY),
    is_change=True,
)
ALL: Final = (LIST, SCALE, RESTART, STOP, START, RUN, RUN_PIPED)
