"""The reserve: room that is set aside, so that a rollback, or taking an app down, still works on a full disk.

It is a handful of files with nothing in them: they hold blocks and inodes alike, since a store of images uses up either.
The first write that finds the disk full gives all of it back and is tried again. A collection sets it aside anew.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from pvdify.store.files import FULL, PRIVATE, opened_new

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pvdify.store.paths import Settings

T = TypeVar("T")

FILES: Final = 64
FILE_BYTES: Final = 64 * 1024
ENOUGH: Final = 16 * FILES * FILE_BYTES
"""Bytes that must be free before room is set aside again."""


class Reserve:
    """Blocks and inodes for later."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.reserve

    def spend(self, action: Callable[[], T]) -> T:
        """Do *action*, and if the disk was too full for it, give the reserve back and do it once more.

        So *action* must leave nothing behind when it raises.
        """
        try:
            return action()
        except OSError as error:
            if error.errno not in FULL or not self.release():
                raise
        return action()

    def release(self) -> bool:
        """Give the room back; False if there was none."""
        names = self._names()
        for name in names:
            with suppress(FileNotFoundError):
                (self._path / name).unlink()
        return bool(names)

    def fill(self) -> bool:
        """Set room aside where it is not, and where that leaves enough for others; whether all of it is there now."""
        missing = sorted({f"{number:02}" for number in range(FILES)} - set(self._names()))
        if not missing:
            return True
        room = os.statvfs(self._path.parent)
        if room.f_bavail * room.f_frsize < ENOUGH or (room.f_files and room.f_favail < ENOUGH // FILE_BYTES):
            return False
        self._path.mkdir(exist_ok=True)
        for name in missing:
            try:
                _hold(self._path / name)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in FULL:
                    raise
                return False
        return True

    def _names(self) -> list[str]:
        try:
            return [path.name for path in self._path.iterdir()]
        except FileNotFoundError:
            return []


def _hold(path: Path) -> None:
    descriptor = opened_new(path, PRIVATE)
    try:
        os.posix_fallocate(descriptor, 0, FILE_BYTES)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(descriptor)
