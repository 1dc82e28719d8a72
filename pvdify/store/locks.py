"""Locks: `flock` on a file that is held open. Whoever dies lets go, whatever killed it; a file's mere presence means nothing.

Asking whether somebody holds one must not mean to hold it for a moment: that would turn others away. So a holder also has a record
lock on the same open file, which can be asked for without taking it.
"""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from pvdify.errors import AppBusyError, StateError
from pvdify.model.names import app_name
from pvdify.store.files import PRIVATE, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from pvdify.store.paths import Settings

_RECORD: Final = "hhqqi0q"
"""`struct flock`: type, from where, start, length, process."""
_TEXT: Final = 500


class Lock:
    """A lock that this process holds until it is released, or the process is dead."""

    def __init__(self, descriptor: int, path: Path, *, tidies: bool = False) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self._tidies = tidies

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    @property
    def is_held(self) -> bool:
        """Whether it was not released yet."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let go; twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            if self._tidies and is_same(descriptor, self._path) and [*self._path.parent.iterdir()] == [self._path]:
                self._path.unlink()
                self._path.parent.rmdir()
        os.close(descriptor)


class Locks:
    """The locks of one host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._host: Lock | None = None

    def take_app(self, app: str, holder: str) -> Lock:
        """Take the lock of *app*, or say at once who has it. An app that is not there leaves nothing behind."""
        path = self._settings.app_lock(app_name(app))
        with told(f"lock {app}"):
            while True:
                with suppress(FileExistsError):
                    path.parent.mkdir()
                with suppress(FileNotFoundError):  # the directory went with the last holder, between these lines
                    lock = _taken(path, holder, tidies=True)
                    break
        if lock is None:
            raise AppBusyError(app, holder_of(path))
        return lock

    def take(self, path: Path, holder: str, *, what: str) -> Lock:
        """Take the lock at *path* of whoever changes *what*, or say at once who has it."""
        with told(f"lock {path}"):
            path.parent.mkdir(mode=0o711, exist_ok=True)
            lock = _taken(path, holder)
        if lock is None:
            raise AppBusyError(what, holder_of(path))
        return lock

    def try_host(self) -> Lock | None:
        """Take the host lock if it is free, and remember that we have it."""
        lock = self.try_lock(self._settings.host_lock)
        self._host = lock or self._host
        return lock

    def try_lock(self, path: Path) -> Lock | None:
        """Take the lock at *path* if it is free."""
        with told(f"lock {path}"):
            path.parent.mkdir(mode=0o711, exist_ok=True)
            return _taken(path, f"pid {os.getpid()}")

    def try_share(self, path: Path) -> Lock | None:
        """Take a share of the lock at *path*: others may have one too, and nobody has all of it meanwhile."""
        with told(f"lock {path}"):
            path.parent.mkdir(mode=0o711, exist_ok=True)
            return _taken(path, f"pid {os.getpid()}", is_shared=True)

    def need_host(self) -> None:
        """Raise unless the host lock is held: who changes generations without it would break the chain."""
        if self._host is None or not self._host.is_held:
            raise StateError("cannot change generations: the host lock is not held")

    def is_held(self, path: Path) -> bool:
        """Whether somebody holds the lock at *path*."""
        with told(f"look at the lock {path}"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return False
            try:
                return is_locked(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def alone(directory: Path, *, waits: bool = True) -> Iterator[None]:
    """Keep others out of *directory* who write there under this lock; one that never *waits* is turned away with a `BlockingIOError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def try_flock(descriptor: int, *, is_shared: bool = False) -> bool:
    """Lock an open file if nobody else has; *is_shared* lets others share it."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _record(fcntl.F_RDLCK if is_shared else fcntl.F_WRLCK))
    return True


def is_locked(descriptor: int) -> bool:
    """Whether somebody else has locked an open file."""
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _record(fcntl.F_WRLCK))
    kind: int = struct.unpack(_RECORD, answer)[0]
    return kind != fcntl.F_UNLCK


def _record(kind: int) -> bytes:
    """A record lock over the whole file."""
    return struct.pack(_RECORD, kind, os.SEEK_SET, 0, 0, 0)


def is_same(descriptor: int, path: Path) -> bool:
    """Whether *path* still names the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def holder_of(path: Path) -> str:
    """What the holder of a lock wrote of itself."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:_TEXT].strip()
    except OSError:
        return ""


def _taken(path: Path, text: str, *, is_shared: bool = False, tidies: bool = False) -> Lock | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        if not try_flock(descriptor, is_shared=is_shared):
            os.close(descriptor)
            return None
        if is_same(descriptor, path):
            break
        os.close(descriptor)  # its last holder removed the file: a lock on that keeps nobody out
    with suppress(OSError):  # the text is a courtesy: a full disk must not keep anybody from locking
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode()[:_TEXT], 0)
    return Lock(descriptor, path, tidies=tidies)
