"""List apps, and tell all of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import HostError, SpecError
from pvdify.model.answers import AppInfo, Apps, AppSummary
from pvdify.model.names import instance_pattern
from pvdify.model.release import AppStatus
from pvdify.model.slot import words
from pvdify.ops.pages import edited

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
    from pvdify.model.names import UnitName
    from pvdify.model.requests import ForApp, Nothing
    from pvdify.ops.host import Host

_PATIENCE: Final = 20.0


async def list_apps(host: Host, _request: Nothing) -> Apps:
    """Every app, from the manifest in force, one question to systemd and one stat per slot."""
    manifest = host.state.current()
    active = await active_units(host, instance_pattern("*"))
    return Apps(
        apps=tuple(
            AppSummary(
                name=row.name,
                environment=row.environment,
                status=status_of(row, active),
                image=row.image or row.declared,
                created_at=row.created_at,
                release=row.live,
                bind_port=row.front,
                in_maintenance=row.in_maintenance,
                is_edited=host.state.is_edited(row),
            )
            for row in manifest.apps.values()
        )
    )


async def app_info(host: Host, request: ForApp) -> AppInfo:
    """All of one app: its slot and its row."""
    row = host.row(request.app)
    slot = host.slot(request.app)
    live = host.state.release(row.name, row.live) if row.live is not None else None
    return AppInfo(
        name=row.name,
        environment=slot.environment,
        status=status_of(row, await active_units(host, instance_pattern(row.name))),
        image=row.image or slot.image or "",
        release=row.live,
        warm=row.warm,
        config_version=live.config.version if live and live.config else None,
        bind_port=row.front,
        port=slot.port or (live.port if live else None),
        processes=slot.processes,
        domains=slot.domains,
        resources=slot.resources,
        healthcheck=slot.healthcheck,
        env=slot.env,
        drain=slot.drain,
        stop=slot.stop,
        release_command=words(slot.release_command),
        created_at=row.created_at,
        updated_at=row.updated_at,
        in_maintenance=row.in_maintenance,
        pending_changes=_pending(host, row),
    )


def _pending(host: Host, row: AppRow) -> tuple[str, ...]:
    """What somebody edited and `apply` has not taken up yet."""
    found = ["slot.toml"] if host.state.is_edited(row) else []
    try:
        found += [f"pages/{page.value}.html" for page in edited(host, row.name, row)]
    except SpecError as error:
        return (error.message,)
    return tuple(f"{one} was edited since the last apply" for one in found)


async def active_units(host: Host, pattern: str) -> frozenset[UnitName]:
    """The units of *pattern* that are up; who asks is waiting, so systemd has some seconds for it, even in a long reload."""
    try:
        with anyio.fail_after(_PATIENCE):
            return await host.systemd.active(pattern)
    except TimeoutError:
        raise HostError(f"cannot ask systemd which units are up: no answer in {_PATIENCE:g} s") from None


def status_of(row: AppRow, active: frozenset[UnitName]) -> AppStatus:
    """How an app is: failed as soon as one live instance is not up."""
    if row.live is None:
        return AppStatus.PENDING
    if row.is_stopped:
        return AppStatus.STOPPED
    is_up = all(one.instance(row.name).unit in active for one in row.live_instances())
    return AppStatus.RUNNING if is_up else AppStatus.FAILED
