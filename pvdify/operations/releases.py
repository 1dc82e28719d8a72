"""Operations on releases."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed, ReleaseInfo, Releases
from pvdify.model.requests import Deploy, ForApp, ForRelease, Rollback
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

LIST: Final = Operation(
    name="releases.list",
    summary="List an app's releases, newest first.",
    request=ForApp,
    answer=Releases,
    run="pvdify.ops.releases:list_releases",
    route=Route(method="GET", path="/apps/{app}/releases", scope=Scope.READ),
)
INFO: Final = Operation(
    name="releases.info",
    summary="Show one release, and why it failed if it did.",
    request=ForRelease,
    answer=ReleaseInfo,
    run="pvdify.ops.releases:release_info",
    route=Route(method="GET", path="/apps/{app}/releases/{version}", scope=Scope.READ),
)
LOG: Final = Operation(
    name="releases.log",
    summary="Read how a release was made, step by step, and why it failed if it did.",
    request=ForRelease,
    answer=str,
    run="pvdify.ops.releases:release_log",
    route=Route(
        method="GET",
        path="/apps/{app}/releases/{version}/log",
        scope=Scope.READ,
        media="text/plain; charset=utf-8",
    ),
)
CREATE: Final = Operation(
    name="releases.create",
    summary="Make a release of an image and give it the traffic.",
    request=Deploy,
    answer=Changed,
    run="pvdify.ops.deploy:deploy",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/releases", scope=Scope.DEPLOY, status=202),
    locks="app",
)
ROLLBACK: Final = Operation(
    name="releases.rollback",
    summary="Give the traffic back to an earlier release.",
    request=Rollback,
    answer=Changed,
    run="pvdify.ops.rollback:rollback",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/rollback", scope=Scope.DEPLOY, status=202),
    locks="app",
)
ALL: Final = (LIST, INFO, LOG, CREATE, ROLLBACK)
