"""Collect: old generations, images that no kept release needs, finished journals, and what a killed process left half made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import PvdifyError
from pvdify.model.answers import Collected
from pvdify.ops.locking import held
from pvdify.plan.keep import GENERATIONS_KEPT, RELEASES_KEPT, generations_kept, images_kept, images_to_remove

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow
    from pvdify.model.release import Release
    from pvdify.model.requests import Nothing
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

JOURNALS_KEPT: Final = 100
"""Finished journals that stay of each app."""
_SLACK: Final = 10
"""Generations that may be too many before an operation takes the time to remove them."""


async def collect(host: Host, _request: Nothing) -> Collected:
    """Remove what nobody needs.

    Never: the generation in force or loaded, what a running unit came from, and images of live, warm and the last five releases.
    """
    return await _collect(host, slack=0)


async def collect_after(host: Host, running: Running) -> None:
    """Collect as the last step of an operation that has done its work; a failure of it is noted and nothing else.

    Nobody can cancel what is done: a cancellation that came too late is not heeded here.
    """
    with anyio.CancelScope(shield=True):
        async with running.step("collect"):
            try:
                await _collect(host, slack=_SLACK)
            except PvdifyError as error:
                running.note(f"not collected: {error.message}")


async def _collect(host: Host, *, slack: int) -> Collected:
    before = host.state.free_bytes()
    generations = await _remove_generations(host, slack=slack)
    images = await _remove_images(host)
    journals = host.state.collect_journals(JOURNALS_KEPT)
    freed = max(0, host.state.free_bytes() - before)
    return Collected(generations=generations, images=images, operations=journals, bytes=freed)


async def _remove_generations(host: Host, *, slack: int) -> tuple[int, ...]:
    """Remove old generations once there are more than *slack* too many, and what killed processes left half made."""
    is_due = len(host.state.generations()) > GENERATIONS_KEPT + slack
    sources = await _sources(host) if is_due else frozenset[int]()
    async with held(host.state.try_host_lock):
        host.state.sweep()
        if not is_due:
            return ()
        current, loaded = host.state.current().number, host.state.loaded()
        kept = generations_kept(host.state.generations(), current=current, loaded=loaded, sources=sources)
        return host.state.collect(kept)


async def _remove_images(host: Host) -> tuple[str, ...]:
    """Remove images that no kept release names; none while an operation that may need one runs."""
    lock = host.state.try_images_lock()
    if lock is None:
        return ()
    removed = []
    with lock:
        current = host.state.current()
        releases = {app: _releases(host, row) for app, row in current.apps.items()}
        for image in images_to_remove(await host.podman.images(), images_kept(current, releases)):
            try:
                await host.podman.remove_image(image)
            except PvdifyError:
                continue  # still used by a container that is on its way out; the next collection meets it again
            removed.append(image)
    return tuple(removed)


async def _sources(host: Host) -> frozenset[int]:
    """The generations that units in memory came from."""
    found: set[int] = set()
    for status in await host.systemd.matching("pvdify-*-v*.service"):
        parent = Path(status.source).parent.parent.name if status.source else ""
        if parent.isdigit():
            found.add(int(parent))
    return frozenset(found)


def _releases(host: Host, row: AppRow) -> tuple[Release, ...]:
    newest = host.state.releases(row.name)[:RELEASES_KEPT]
    named = {one for one in (row.live, row.warm, *(one.release for one in row.instances)) if one is not None}
    return tuple(host.state.release(row.name, version) for version in sorted({*newest, *named}, reverse=True))
