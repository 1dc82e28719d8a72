"""Volumes, unpacked: looked at first, written then. Nothing outside of a volume is reached, whatever a name or a link in it says."""

from __future__ import annotations

import os
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pvdify.model.backup import volume_path
from pvdify.store.files import sync_all, told, write_whole
from pvdify.store.packing import DEEPEST, KEPT_XATTRS, SHARED, XATTR
from pvdify.store.tape import nanoseconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA: Final = "_data"
"""The directory of a volume that apps see."""
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE: Final = 0o777
_DIRECTORY_MODE: Final = 0o3777
_BLOCK: Final = 4096
_LONGEST: Final = 255


class Order:
    """The members of volumes as they must come: each directory once, before all that is in it, and names in their order.

    So nothing comes twice, and nothing through a link. *sizes* are the volumes that came, *files* and *room* what all of it takes.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.files = 0
        self.room = 0
        self._way: list[str] = []
        self._last: list[str] = []
        self._shared: set[str] = set()

    def checked(self, member: tarfile.TarInfo) -> tuple[str, tuple[str, ...]]:
        """The volume that a member is in, and the way there from its top; raise `ReadError` for one that cannot be there."""
        found = volume_path(member.name)
        if found is None or len(found[1]) > DEEPEST or any(len(os.fsencode(part)) > _LONGEST for part in found[1]):
            raise tarfile.ReadError(f"{member.name[:200]!r} leads out of its volume")
        name, parts = found
        self._take_turn(member, (name, *parts))
        self.files += 1
        self.room += -(-member.size // _BLOCK) * _BLOCK + _BLOCK
        self.sizes[name] += member.size
        if member.islnk():
            if member.linkname not in self._shared:
                raise tarfile.ReadError(f"{member.name[:200]!r} is a link to what is not there")
        elif member.isreg() and SHARED in member.pax_headers:
            self._shared.add(member.name)
        elif member.issym() and (not member.linkname or "\0" in member.linkname):
            raise tarfile.ReadError(f"{member.name[:200]!r} is a link to nothing")
        return name, parts

    def _take_turn(self, member: tarfile.TarInfo, way: tuple[str, ...]) -> None:
        depth = len(way) - 1
        if tuple(self._way[:depth]) != way[:-1]:
            raise tarfile.ReadError(f"{member.name[:200]!r} is in no directory")
        if len(self._last) > depth and way[-1] <= self._last[depth]:
            raise tarfile.ReadError(f"{member.name[:200]!r} comes out of turn")
        if not depth:
            if not member.isdir():
                raise tarfile.ReadError(f"{member.name[:200]!r} is no volume")
            self.sizes[way[0]] = 0
            self._shared.clear()
        self._last[depth:] = [way[-1]]
        self._way[depth:] = [way[-1]] if member.isdir() else []


class Unpacking:
    """Writes the members of volumes, which come in their order, below *volumes*, where none of them is yet."""

    def __init__(self, volumes: Path) -> None:
        self._volumes = volumes
        self._times: list[tuple[str, tuple[str, ...], int]] = []
        self._open: tuple[tuple[str, ...], int] | None = None

    def put(self, name: str, parts: tuple[str, ...], member: tarfile.TarInfo, content: Iterator[bytes]) -> None:
        """Write one member."""
        with told(f"unpack {member.name}"):
            if not parts:
                self._volumes.mkdir(mode=0o700, parents=True, exist_ok=True)
                (self._volumes / name).mkdir(mode=0o700)
                (self._volumes / name / DATA).mkdir(mode=0o700)
                parent, leaf = self._directory(name, ()), "."
            else:
                parent, leaf = self._directory(name, parts[:-1]), parts[-1]
            if member.isdir():
                self._make(parent, leaf, member)
                self._times.append((name, parts, nanoseconds(member)))
            elif member.issym():
                os.symlink(member.linkname, leaf, dir_fd=parent)
                os.chown(leaf, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
                times = nanoseconds(member)
                os.utime(leaf, ns=(times, times), dir_fd=parent, follow_symlinks=False)
            elif member.islnk():
                self._link(name, parent, leaf, member)
            else:
                _write(parent, leaf, member, content)

    def finish(self) -> None:
        """Give directories their times, which what was made in them has changed, and have all of it safe on the disk."""
        with told("unpack volumes"):
            for name, parts, at in reversed(self._times):
                os.utime(self._directory(name, parts), ns=(at, at))
            if self._times:
                sync_all(self._volumes)

    def close(self) -> None:
        """Let go of what is open."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _make(self, parent: int, leaf: str, member: tarfile.TarInfo) -> None:
        if leaf != ".":
            os.mkdir(leaf, 0o700, dir_fd=parent)
        descriptor = os.open(leaf, _DIRECTORY, dir_fd=parent)
        try:
            _dress(descriptor, member, _DIRECTORY_MODE)
        finally:
            os.close(descriptor)

    def _link(self, name: str, parent: int, leaf: str, member: tarfile.TarInfo) -> None:
        target = volume_path(member.linkname)
        if target is None or not target[1]:
            raise tarfile.ReadError(f"{member.name[:200]!r} is a link to what is not there")
        source = self._opened(name, target[1][:-1])
        try:
            os.link(target[1][-1], leaf, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)

    def _directory(self, name: str, parts: tuple[str, ...]) -> int:
        """The directory *parts* of a volume, open; it is closed when another one is asked for."""
        if self._open is None or self._open[0] != (name, *parts):
            self.close()
            self._open = (name, *parts), self._opened(name, parts)
        return self._open[1]

    def _opened(self, name: str, parts: tuple[str, ...]) -> int:
        descriptor = os.open(self._volumes / name / DATA, _DIRECTORY)
        for part in parts:
            try:
                inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor


def _write(parent: int, leaf: str, member: tarfile.TarInfo, content: Iterator[bytes]) -> None:
    descriptor = os.open(leaf, _NEW, 0o600, dir_fd=parent)
    try:
        for piece in content:
            write_whole(descriptor, piece)
        _dress(descriptor, member, _MODE)
        times = nanoseconds(member)
        os.utime(descriptor, ns=(times, times))
    finally:
        os.close(descriptor)


def _dress(descriptor: int, member: tarfile.TarInfo, mode: int) -> None:
    """Give an open file its owner, its attributes, and as much of its mode as *mode* allows: no file acts for its owner."""
    os.fchown(descriptor, member.uid, member.gid)
    os.fchmod(descriptor, member.mode & mode)
    for key, value in member.pax_headers.items():
        name = key.removeprefix(XATTR)
        if key.startswith(XATTR) and name.startswith(KEPT_XATTRS):
            with suppress(OSError):  # a file system without any
                os.setxattr(descriptor, name, value.encode("utf-8", "surrogateescape"))
