"""A bed whose disk is a file system of its own, which can be read raw: also what was removed is found there."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.bed import Bed
    from tests.e2e.canary.words import Canary

_SIZE: Final = 4 << 30
_PIECE: Final = 32 << 20
_OVERLAP: Final = 4096


class OwnDisk:
    """An ext4 in a sparse file; the bed that lives on it takes it away with itself."""

    def __init__(self, directory: Path) -> None:
        self._image = directory / "disk.img"
        self._mount = directory / "disk"
        self._mount.mkdir()
        with self._image.open("wb") as image:
            image.truncate(_SIZE)
        # all is laid out at once: later nothing but what somebody writes reaches the disk
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", self._image], check=True)
        subprocess.run(["mount", "-t", "ext4", "-o", "loop,nodiscard", self._image, self._mount], check=True)

    @property
    def place(self) -> Path:
        """Where a bed may be made."""
        return self._mount / "bed"

    def leave(self, bed: Bed) -> None:
        """Have nobody but *bed* hold it."""
        subprocess.run(["umount", "--lazy", self._mount], check=True)
        bed.directory.mkdir(parents=True)  # its console is written by us

    def hits(self, bed: Bed, canary: Canary) -> list[str]:
        """Where on it the canary is, in whatever was ever written and not overwritten since."""
        bed.run("sync")
        return [f"{form} at byte {at}" for form, at in _found(self._image, canary)]


def _found(image: Path, canary: Canary) -> Iterator[tuple[str, int]]:
    with image.open("rb", buffering=0) as file:
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but holes from here on
                return
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                data = os.pread(file.fileno(), min(_PIECE, end - at) + _OVERLAP, at)
                yield from ((form, at + data.index(text)) for form, text in canary.forms().items() if text in data)
                at += min(_PIECE, end - at)
