"""Rollback: an earlier release gets the traffic again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import RefusedError
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.ops.collect import collect_after
from pvdify.ops.deploy import fetched
from pvdify.ops.locking import held
from pvdify.ops.recover import recover
from pvdify.ops.swap import Wish, carry_out
from pvdify.plan.history import rollback_target

if TYPE_CHECKING:
    from pvdify.model.event import OperationRecord
    from pvdify.model.manifest import AppRow
    from pvdify.model.release import Release
    from pvdify.model.requests import Rollback
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def rollback(host: Host, running: Running, request: Rollback) -> Changed:
    """Go back to *request.version*, or to the newest earlier release that was live and good; today's counts stay.

    The warm release starts from units and an image that are there: no registry is asked and nothing is rendered but for further ordinals.
    """
    app = request.app
    await recover(host, running, app)
    row = host.row(app)
    version = rollback_target(row, host.state.releases(app), app_records(host, row), asked=request.version)
    if request.keep_config:
        raise RefusedError(
            f"cannot keep the config of {app}: it has no config versions",
            hint=f"pvdify rollback {app} v{version}",
        )
    return await return_to(host, running, row, host.state.release(app, version))


async def return_to(host: Host, running: Running, row: AppRow, release: Release) -> Changed:
    """Give the traffic back to *release*."""
    running.names_release(release.version, from_release=row.live)
    wish = Wish(release=release, counts=row.formation, reason=f"{row.name}: back to v{release.version}")
    async with held(host.state.try_share_images):
        if release.version != row.warm:
            async with running.step("pull"):
                await fetched(host, running, image_ref(release.image))
        serving = await carry_out(host, running, wish)
    await collect_after(host, running)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{row.name} is back at v{release.version}",
        app=row.name,
        release=release.version,
        generation=running.generation,
        serving_ms=serving,
    )


def app_records(host: Host, row: AppRow) -> tuple[OperationRecord, ...]:
    """The operations of this app, newest first, without those of a destroyed app of the same name."""
    return tuple(record for record in host.state.records(row.name) if record.started_at >= row.created_at)
