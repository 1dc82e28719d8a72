"""Deploy: make a release of an image and give it the traffic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import (
    ArchitectureError,
    DiskLowError,
    ImageNotFoundError,
    SpecError,
)
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.image import Image, ImageRef, image_ref
from pvdify.model.names import WEB
from pvdify.model.release import same_release
from pvdify.ops.beside import beside
from pvdify.ops.collect import collect_after
from pvdify.ops.host_secrets import logins
from pvdify.ops.locking import held
from pvdify.ops.publish import programs, ready_to_render
from pvdify.ops.recover import recover
from pvdify.ops.swap import Note, Wish, carry_out, nothing_else
from pvdify.plan.domains import address_of
from pvdify.plan.release import formation_of, release_of
from pvdify.plan.swap import swap
from pvdify.ports import Pull

if TYPE_CHECKING:
    from pvdify.model.config import ConfigMeta, ConfigPin
    from pvdify.model.manifest import AppRow
    from pvdify.model.release import Release
    from pvdify.model.requests import Deploy
    from pvdify.model.slot import Slot
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Pin = Callable[["AppRow"], "ConfigPin | None"]
"""Which config a release of an app gets."""
DISK_FLOOR: Final = 512 * 1024 * 1024
"""Bytes that must be free before an image is pulled."""
LOCAL: Final = "localhost"


async def deploy(host: Host, running: Running, request: Deploy) -> Changed:
    """Pull, record, and swap; the very same release as the live one changes nothing."""
    return await deployed(host, running, request, note=nothing_else)


def config_in_force(row: AppRow) -> ConfigPin | None:
    """The config that the next release of an app gets."""
    return row.config


async def deployed(host: Host, running: Running, request: Deploy, *, note: Note, pin: Pin = config_in_force) -> Changed:
    """The same with the config *pin*, and with the switch *note* is taken of the app."""
    app = request.app
    await recover(host, running, app)
    row, slot = host.row(app), host.slot(app)
    source = request.image or slot.image or _source_of_live(host, row)
    if source is None:
        message = f"cannot deploy {app}: neither the command nor the slot names an image"
        raise SpecError(message, pointer="/image", hint=f"pvdify deploy {app} --image ghcr.io/org/app:v1")
    reference = image_ref(source)
    async with held(host.state.try_share_images):
        async with running.step("pull"):
            image = await fetched(host, running, reference)
        version = host.state.next_version(app)
        release = release_of(
            slot,
            image,
            pinned=reference.pinned(image.digest),
            source=source,
            version=version,
            config=config_meta(host, app, pin(row)),
        )
        if is_live_already(host, row, release, slot):
            return unchanged(running, row)
        async with running.step("record"):
            release = recorded(host, running, row, release)
        changed = await give_traffic(host, running, row, release, slot, note=note)
    await collect_after(host, running)
    return changed


def config_meta(host: Host, app: str, pin: ConfigPin | None) -> ConfigMeta | None:
    """What is known of the config *pin*; raise `ConfigTamperedError` if it is another one by now."""
    return host.state.configs.pinned(app, pin) if pin else None


async def fetched(host: Host, running: Running, reference: ImageRef) -> Image:
    """The image of *reference*, in the store and fit for this machine; a tag is always resolved again, a digest only fetched when missing."""
    image = await beside(lambda: _fetched(host, running, reference), lambda: programs(host), ready_to_render)
    machine = await host.podman.architecture()
    if image.architecture and image.architecture != machine:
        raise ArchitectureError(reference.wanted, image_arch=image.architecture, host_arch=machine)
    return image


def is_live_already(host: Host, row: AppRow, release: Release, slot: Slot) -> bool:
    """Whether *release* in the slot's formation is what serves now."""
    if row.live is None or row.is_stopped or not same_release(host.state.release(row.name, row.live), release):
        return False
    live = host.state.release(row.name, row.live)
    change = swap(row, live, counts=formation_of(slot))
    return not change.starting and not change.leaving


def unchanged(running: Running, row: AppRow) -> Changed:
    """The answer of an operation that found its wish true."""
    text = f"v{row.live} of {row.name} is live already; nothing to do"
    return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text, app=row.name, release=row.live)


def recorded(host: Host, running: Running, row: AppRow, release: Release) -> Release:
    """Write *release* down, for good, before anything starts."""
    release = msgspec.structs.replace(release, created_at=host.now(), created_by=running.actor, operation=running.id)
    host.state.write_release(release)
    running.names_release(release.version, from_release=row.live)
    return release


async def give_traffic(
    host: Host, running: Running, row: AppRow, release: Release, slot: Slot, *, note: Note = nothing_else
) -> Changed:
    """Swap to the new *release*."""
    wish = Wish(
        release=release,
        counts=formation_of(slot),
        reason=f"{row.name}: deploy v{release.version}",
        runs_command=bool(release.release_command),
        note=note,
    )
    serving = await carry_out(host, running, wish)
    config = release.config.version if release.config else None
    text = f"v{release.version} of {row.name} is live" + (f" with c{config}" if config else "")
    manifest = host.state.current()
    url = address_of(manifest.apps.get(row.name, row), manifest.edge) if WEB in release.processes else ""
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=text,
        app=row.name,
        release=release.version,
        config=config,
        generation=running.generation,
        serving_ms=serving,
        url=url,
    )


async def _fetched(host: Host, running: Running, reference: ImageRef) -> Image:
    if reference.digest or reference.host == LOCAL:
        image = await host.podman.image(reference.wanted)
        if image is not None:
            return image
        if reference.host == LOCAL:
            raise ImageNotFoundError(
                reference.wanted,
                "the store has no image of that name, and localhost is no registry",
            )
    free = host.state.free_bytes()
    if free < DISK_FLOOR:
        message = f"cannot pull {reference.wanted}: {free // 2**20} MiB are free, {DISK_FLOOR // 2**20} MiB are needed"
        raise DiskLowError(message, hint="make room with `pvdify gc`, or look with `df -h`")
    return await host.podman.pull(Pull(reference=reference.wanted, logins=await logins(host)), running.progress)


def _source_of_live(host: Host, row: AppRow) -> str | None:
    return host.state.release(row.name, row.live).source if row.live is not None else None
