"""Beds that start from a state that was prepared once: everything installed, say."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.e2e.bed import cache, layers
from tests.e2e.bed.bed import Bed


class Prepared(Protocol):
    """Makes a bed that is off, in a directory of its own if none is said."""

    def __call__(self, directory: Path | None = None) -> Bed: ...


def prepared(key: str, prepare: Callable[[Bed], None]) -> Prepared:
    """Return what makes beds (off) in the state that *prepare* leaves a booted one in.

    *key* names what that state depends on (a hash of the sources, say); the cache keeps the state
    under it. The bed was shut down in an orderly way in between: nothing of ``/run``, ``/tmp`` or
    the processes is left.
    """

    def build(top: Path, lock: int) -> None:
        bed = Bed.create(top / "bed")
        try:
            prepare(bed.boot())
            bed.poweroff()
        except BaseException:
            bed.destroy()
            raise
        bed.destroy(keep=True)

    def create(directory: Path | None = None) -> Bed:
        name = cache.digest(key.encode(), layers.base().key.encode())
        state = cache.layer("prepared", name, build).path / "bed"
        return Bed.create(directory, above=[state / "upper"], real=state / "real")

    return create
