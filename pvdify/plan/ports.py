"""Which ports and ids are free: fronts and id blocks for life, instance ports as long as their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import PortsUsedUpError, RefusedError
from pvdify.model.manifest import (
    FRONT_FIRST,
    FRONT_LAST,
    IDS_BLOCKS,
    IDS_COUNT,
    IDS_FIRST,
    INSTANCE_FIRST,
    INSTANCE_LAST,
    Manifest,
)
from pvdify.model.slot import RESERVED_FRONTS

if TYPE_CHECKING:
    from collections.abc import Collection


def front_candidates(manifest: Manifest, *, wanted: int | None) -> tuple[int, ...]:
    """Fronts that no app has, lowest first; just *wanted* if one is asked for."""
    taken = {row.front for row in manifest.apps.values()}
    if wanted is not None:
        if wanted in taken:
            raise RefusedError(
                f"cannot use bind_port {wanted}: another app has it",  # which, not everybody who asks may know
                hint="leave it out to get a free one; `pvdify apps` lists whose are taken",
            )
        return (wanted,)
    free = tuple(
        port for port in range(FRONT_FIRST, FRONT_LAST + 1) if port not in taken and port not in RESERVED_FRONTS
    )
    if not free:
        raise PortsUsedUpError(f"cannot find a free front: all of {FRONT_FIRST} to {FRONT_LAST} are taken")
    return free


def instance_candidates(manifest: Manifest, *, start: int, besides: Collection[int] = ()) -> tuple[int, ...]:
    """Instance ports that no unit has, from *start* on and around; a port just given up is met again last."""
    taken = manifest.ports() | set(besides)
    span = INSTANCE_LAST - INSTANCE_FIRST + 1
    ring = (INSTANCE_FIRST + (start - INSTANCE_FIRST + step) % span for step in range(span))
    return tuple(port for port in ring if port not in taken)


def id_block(manifest: Manifest, app: str) -> int:
    """The first id of the block for *app*: the one its volumes have if they were kept, else a new one."""
    for kept in manifest.retained:
        if kept.app == app:
            return kept.ids
    used = {row.ids for row in manifest.apps.values()} | {kept.ids for kept in manifest.retained}
    for block in range(IDS_BLOCKS):
        first = IDS_FIRST + block * IDS_COUNT
        if first not in used:
            return first
    raise PortsUsedUpError(
        f"cannot find a free block of ids: all {IDS_BLOCKS} are taken",
        hint="destroy apps, with `--volumes` where possible",
    )
