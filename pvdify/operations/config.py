"""Operations on an app's config."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed
from pvdify.model.config_answers import Config, ConfigDiff, ConfigVersions
from pvdify.model.requests import DiffConfig, ForApp, SetConfig, ShowConfig, UnsetConfig
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

BODY_LIMIT: Final = 2 * 1024 * 1024


def _reveals(request: ShowConfig) -> bool:
    return request.reveal


def _scope(request: ShowConfig) -> Scope:
    return Scope.CONFIG if request.reveal else Scope.READ


def _is_left(request: SetConfig | UnsetConfig) -> bool:
    return not request.deploy


SHOW: Final = Operation(
    name="config.show",
    summary="Show an app's config: names, and what they hold only if that is asked for, which is audited.",
    request=ShowConfig,
    answer=Config,
    run="pvdify.ops.config:show_config",
    route=Route(method="GET", path="/apps/{app}/config", scope=_scope),
    is_audited=_reveals,
)
VERSIONS: Final = Operation(
    name="config.versions",
    summary="List an app's config versions, newest first.",
    request=ForApp,
    answer=ConfigVersions,
    run="pvdify.ops.config:list_versions",
    route=Route(method="GET", path="/apps/{app}/config-versions", scope=Scope.READ),
)
DIFF: Final = Operation(
    name="config.diff",
    summary="Show what is other in one config version than in another, by name.",
    request=DiffConfig,
    answer=ConfigDiff,
    run="pvdify.ops.config:diff_config",
    route=Route(method="GET", path="/apps/{app}/config-versions/{version}/diff/{other}", scope=Scope.READ),
)
SET: Final = Operation(
    name="config.set",
    summary="Set variables and secret files: a new config version, and a release with it.",
    request=SetConfig,
    answer=Changed,
    run="pvdify.ops.config:set_config",
    kind=Kind.CHANGE,
    route=Route(
        method="PUT",
        path="/apps/{app}/config",
        scope=Scope.CONFIG,
        status=202,
        body_limit=BODY_LIMIT,
        waits=_is_left,
    ),
    locks="app",
)
UNSET: Final = Operation(
    name="config.unset",
    summary="Forget a variable: a new config version, and a release with it.",
    request=UnsetConfig,
    answer=Changed,
    run="pvdify.ops.config:unset_config",
    kind=Kind.CHANGE,
    route=Route(method="DELETE", path="/apps/{app}/config/{key}", scope=Scope.CONFIG, status=202, waits=_is_left),
    locks="app",
)
ALL: Final = (SHOW, VERSIONS, DIFF, SET, UNSET)
