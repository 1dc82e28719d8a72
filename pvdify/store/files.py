"""Files and directories that are still there, and whole, after a power cut; and the one place where an `OSError` gets words.

A file counts as written when its bytes and the directory that names it were both synced. A sync that fails is never tried again:
the kernel marks the pages clean, and the second try would succeed without the bytes being anywhere.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pvdify.errors import DiskLowError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.errors import PvdifyError

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
"""For what lies below the state directory, which only root may enter."""
_PIECE: Final = 1 << 16
_HINTS: Final = {
    errno.EACCES: "only root may: put `sudo` in front",
    errno.EPERM: "only root may: put `sudo` in front",
    errno.EROFS: "the file system is read-only: ask `journalctl -k -p err` why",
    errno.EIO: "the disk fails: read `journalctl -k -p err`",
}


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turn an `OSError` in the block into "cannot *doing*", the reason, and what to type."""
    try:
        yield
    except OSError as error:
        raise words(doing, error) from error


def words(doing: str, error: OSError) -> PvdifyError:
    """Say what *error* means for somebody who wanted *doing*."""
    number = error.errno or 0
    if number in FULL:
        hint = "make room: `pvdify gc`, then look with `df -h` and `df -i`"
        return DiskLowError(f"cannot {doing}: the disk is full", hint=hint)
    return StateError(f"cannot {doing}: {os.strerror(number).lower()}", hint=_HINTS.get(number, ""))


def sync_directory(path: Path) -> None:
    """Make the names in *path* safe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(path: Path) -> None:
    """Make everything safe that is on the file system of *path*: for who has written so many files that each by itself would take too long."""
    import ctypes

    library = ctypes.CDLL(
        None, use_errno=True
    )  # Python knows `sync` alone, which waits for every disk and tells of no error
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def opened_new(path: Path, mode: int) -> int:
    """Make a file that is not there yet, with just this *mode*, and answer its descriptor."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    os.fchmod(descriptor, mode)
    return descriptor


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of *data*; the kernel may take it in pieces."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet; its bytes are safe, its name is not before `sync_directory`."""
    descriptor = opened_new(path, mode)
    try:
        write_whole(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Put *data* in the place of whatever *path* is: readers and power cuts see all of the old or all of the new."""
    new = _written_beside(path, data, mode)
    try:
        new.rename(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_once(path: Path, data: bytes, mode: int) -> None:
    """Write *path*, whole, unless it is there: then raise `FileExistsError`."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    new = _written_beside(path, data, mode)
    try:
        os.link(new, path)
    finally:
        new.unlink()
    sync_directory(path.parent)


def make_directory(path: Path, mode: int) -> bool:
    """Make *path* and the directories above it, safely named; False if it was there."""
    if path.is_dir():
        return False
    make_directory(path.parent, mode)
    with suppress(FileExistsError):
        path.mkdir()
        path.chmod(mode)
    sync_directory(path.parent)
    return True


def read_at(descriptor: int) -> bytes:
    """Read an open regular file from where it stands to its end."""
    pieces = []
    while piece := os.read(descriptor, _PIECE):
        pieces.append(piece)
        if len(piece) < _PIECE:
            break
    return b"".join(pieces)


def _written_beside(path: Path, data: bytes, mode: int) -> Path:
    """Write *data* beside *path*; the name is always the same, so that a killed process leaves one file and no more."""
    new = path.parent / f".{path.name}.new"
    new.unlink(missing_ok=True)
    try:
        write_new(new, data, mode)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    return new
