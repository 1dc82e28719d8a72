"""Collect: old generations, images that no kept release needs, finished journals, and what a killed process left half made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pvdify.errors import PvdifyError
from pvdify.model.answers import Collected
from pvdify.model.requests import Nothing
from pvdify.ops.locking import held
from pvdify.plan.keep import RELEASES_KEPT, generations_kept, images_kept, images_to_remove

if TYPE_CHECKING:
    from pvdify.model.release import Release
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

JOURNALS_KEPT: Final = 1000


async def collect(host: Host, _request: Nothing) -> Collected:
    """Remove what nobody needs.

    Never: the generation in force or loaded, what a running unit came from, and images of live, warm and the last five releases.
    """
    before = host.state.free_bytes()
    async with held(host.state.try_host_lock):
        host.state.sweep()
        current = host.state.current()
        sources = await _sources(host)
        kept = generations_kept(
            host.state.generations(),
            current=current.number,
            loaded=host.state.loaded(),
            sources=sources,
        )
        generations = host.state.collect(kept)
        releases = {app: _releases(host, app, row.live, row.warm) for app, row in current.apps.items()}
        useless = images_to_remove(await host.podman.images(), images_kept(current, releases))
    removed = []
    for image in useless:
        try:
            await host.podman.remove_image(image)
            removed.append(image)
        except PvdifyError:
            continue  # still used by a container that is on its way out; the next collection meets it again
    journals = host.state.collect_journals(JOURNALS_KEPT)
    freed = max(0, host.state.free_bytes() - before)
    return Collected(generations=generations, images=tuple(removed), operations=journals, bytes=freed)


async def collect_after(host: Host, running: Running) -> None:
    """Collect as the last step of an operation that has done its work; a failure of it is noted and nothing else."""
    async with running.step("collect"):
        try:
            await collect(host, Nothing())
        except PvdifyError as error:
            running.note(f"not collected: {error.message}")


async def _sources(host: Host) -> frozenset[int]:
    """The generations that units in memory came from."""
    found: set[int] = set()
    for status in await host.systemd.matching("pvdify-*-v*.service"):
        parent = Path(status.source).parent.parent.name if status.source else ""
        if parent.isdigit():
            found.add(int(parent))
    return frozenset(found)


def _releases(host: Host, app: str, *wanted: int | None) -> tuple[Release, ...]:
    newest = host.state.releases(app)[:RELEASES_KEPT]
    versions = sorted({*newest, *(one for one in wanted if one is not None)}, reverse=True)
    return tuple(host.state.release(app, version) for version in versions)
