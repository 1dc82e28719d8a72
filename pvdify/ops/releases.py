"""List releases, and tell all of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import NotFoundError, ReleaseNotFoundError
from pvdify.model.answers import ReleaseInfo, Releases, ReleaseSummary
from pvdify.ops.rollback import app_records
from pvdify.plan.history import statuses
from pvdify.render.operation_log import operation_log

if TYPE_CHECKING:
    from pvdify.model.release import Release
    from pvdify.model.requests import ForApp, ForRelease
    from pvdify.ops.host import Host


async def list_releases(host: Host, request: ForApp) -> Releases:
    """The releases of an app, newest first, each with what became of it."""
    row = host.row(request.app)
    versions = host.state.releases(row.name)
    known = statuses(row, versions, app_records(host, row))
    summaries = []
    for version in versions:
        release = host.state.release(row.name, version)
        summaries.append(
            ReleaseSummary(
                version=version,
                image=release.image,
                source=release.source,
                status=known[version],
                config_version=release.config.version if release.config else None,
                created_at=release.created_at,
                created_by=release.created_by,
            )
        )
    return Releases(releases=tuple(summaries))


async def release_info(host: Host, request: ForRelease) -> ReleaseInfo:
    """All of one release, and why it failed if it did."""
    row = host.row(request.app)
    versions = host.state.releases(row.name)
    release = _release(host, row.name, request.version)
    records = app_records(host, row)
    made = next((record for record in records if record.id == release.operation), None)
    return ReleaseInfo(
        version=release.version,
        app=release.app,
        image=release.image,
        source=release.source,
        digest=release.image.partition("@")[2],
        status=statuses(row, versions, records)[release.version],
        config_version=release.config.version if release.config else None,
        processes={name: process.command for name, process in release.processes.items()},
        port=release.port,
        env=release.env,
        release_command=release.release_command,
        created_at=release.created_at,
        created_by=release.created_by,
        operation=release.operation,
        failure=made.failure if made else None,
        deploy_log=f"/api/v1/apps/{release.app}/releases/{release.version}/log",
    )


async def release_log(host: Host, request: ForRelease) -> str:
    """How the release was made, as far as it is by now."""
    row = host.row(request.app)
    release = _release(host, row.name, request.version)
    record = host.state.record(release.operation) if release.operation else None
    if record is None:
        raise NotFoundError(
            f"cannot find the log of v{release.version} of {row.name}: it is not kept any more",
            hint=f"look at what it runs with `pvdify releases:info {row.name} v{release.version}`",
        )
    return operation_log(record)


def _release(host: Host, app: str, version: int) -> Release:
    if version not in host.state.releases(app):
        raise ReleaseNotFoundError(app, version)
    return host.state.release(app, version)
