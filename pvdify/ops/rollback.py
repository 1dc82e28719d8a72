"""Rollback: an earlier release gets the traffic again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import image_ref
from pvdify.ops.collect import collect_after
from pvdify.ops.deploy import config_meta, fetched, recorded
from pvdify.ops.locking import held
from pvdify.ops.recover import recover
from pvdify.ops.swap import Wish, carry_out, nothing_else
from pvdify.ops.vault import told_difference, with_config
from pvdify.plan.history import rollback_target
from pvdify.plan.release import hidden

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
    release = host.state.release(app, version)
    if request.keep_config and release.config != row.config:
        return await _again(host, running, row, release)
    return await return_to(host, running, row, release)


async def return_to(
    host: Host, running: Running, row: AppRow, release: Release, *, drops_waiting: bool = True
) -> Changed:
    """Give the traffic back to *release*, with the config that it had; one that waits for the next release is dropped, unless told otherwise."""
    running.names_release(release.version, from_release=row.live)
    left = host.state.release(row.name, row.live).config if row.live is not None else None
    waits = not drops_waiting and row.config != left
    wish = Wish(
        release=release,
        counts=row.formation,
        reason=f"{row.name}: back to v{release.version}",
        note=nothing_else if waits else partial(with_config, release.config),
    )
    async with held(host.state.try_share_images):
        if release.version != row.warm:
            async with running.step("pull"):
                await fetched(host, running, image_ref(release.image))
        serving = await carry_out(host, running, wish)
    with anyio.CancelScope(shield=True):
        other = await told_difference(host, row.name, left if waits else row.config, release.config)
    await collect_after(host, running)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{row.name} is back at v{release.version}" + (f", {other}" if other else ""),
        app=row.name,
        release=release.version,
        config=release.config.version if release.config else None,
        generation=running.generation,
        serving_ms=serving,
    )


async def _again(host: Host, running: Running, row: AppRow, before: Release) -> Changed:
    """A new release: all of *before*, and the config as it is now. The release command ran for it once and does not again."""
    async with held(host.state.try_share_images):
        async with running.step("pull"):
            await fetched(host, running, image_ref(before.image))
        meta = config_meta(host, row.name, row.config)
        release = msgspec.structs.replace(
            before,
            version=host.state.next_version(row.name),
            config=row.config,
            hidden_env=hidden(before.env, meta),
        )
        async with running.step("record"):
            release = recorded(host, running, row, release)
        reason = f"{row.name}: back to v{before.version} with the config of now"
        serving = await carry_out(host, running, Wish(release=release, counts=row.formation, reason=reason))
    with anyio.CancelScope(shield=True):
        other = await told_difference(host, row.name, before.config, row.config, when="then")
    await collect_after(host, running)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"v{release.version} of {row.name} is live: v{before.version} again, {other}",
        app=row.name,
        release=release.version,
        config=row.config.version if row.config else None,
        generation=running.generation,
        serving_ms=serving,
    )


def app_records(host: Host, row: AppRow) -> tuple[OperationRecord, ...]:
    """The operations of this app, newest first, without those of a destroyed app of the same name."""
    return tuple(record for record in host.state.records(row.name) if record.started_at >= row.created_at)
