"""What collection must leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pvdify.model.image import Image
    from pvdify.model.manifest import Manifest
    from pvdify.model.release import Release

GENERATIONS_KEPT: Final = 10
RELEASES_KEPT: Final = 5


def generations_kept(
    numbers: Iterable[int], *, current: int, loaded: int | None, sources: Collection[int]
) -> frozenset[int]:
    """Generations that stay: the one in force, the one that systemd read, what running units came from, and the last ten."""
    newest = sorted(numbers, reverse=True)[:GENERATIONS_KEPT]
    always = {current, *sources} | ({loaded} if loaded is not None else set())
    return frozenset(newest) | always


def images_kept(manifest: Manifest, releases: Mapping[str, tuple[Release, ...]]) -> frozenset[str]:
    """Images (`name@digest`) that stay: those of live, warm and the last five releases of each app; *releases* newest first."""
    kept: set[str] = set()
    for app, known in releases.items():
        row = manifest.apps.get(app)
        wanted = {row.live, row.warm, *(one.release for one in row.instances)} if row else set()
        kept |= {release.image for release in known[:RELEASES_KEPT]}
        kept |= {release.image for release in known if release.version in wanted}
    return frozenset(kept)


def images_to_remove(images: Iterable[Image], kept: frozenset[str]) -> tuple[str, ...]:
    """Ids of images in the store that no kept release names."""
    digests = {name.partition("@")[2] for name in kept}
    return tuple(image.id for image in images if image.digest not in digests and not (set(image.names) & kept))
