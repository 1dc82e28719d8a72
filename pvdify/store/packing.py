"""Volumes, packed: numeric owners, modes, times, links and attributes as they are. Apps may write meanwhile, and no name of theirs leads us out."""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from pvdify.store.files import told, words
from pvdify.store.tape import PIECE, write_member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

XATTR: Final = "SCHILY.xattr."
"""What GNU tar puts before the name of an attribute."""
SHARED: Final = "PVDIFY.shared"
"""Marks a file that a later member is a further name of."""
KEPT_XATTRS: Final = ("user.", "system.posix_acl_")
DEEPEST: Final = 256
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""What a name answers once it is another one's, or nobody's."""
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPENED: Final = {stat.S_IFDIR: _DIRECTORY, stat.S_IFREG: os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC}


@dataclass(slots=True)
class Packed:
    """What was packed of one volume; *left_out* are sockets, pipes and devices, and what lies deeper than any program makes it."""

    name: str
    files: int = 0
    bytes: int = 0
    left_out: int = 0


@dataclass(slots=True)
class Packing:
    """One volume on its way into a tar."""

    out: BinaryIO
    packed: Packed
    _names: dict[tuple[int, int], str] = field(default_factory=dict)

    def pack(self, top: Path) -> Packed:
        """Write all that is in *top*, each directory before what is in it, and names in their order; what goes meanwhile is not there."""
        with told(f"read the volume {self.packed.name}"):
            descriptor = os.open(top, _DIRECTORY)
        self._directory(descriptor, f"volumes/{self.packed.name}", 0)
        return self.packed

    def _directory(self, descriptor: int, path: str, depth: int) -> None:
        """Write an open directory, and close it."""
        try:
            with told(f"read {path}"):
                member = _member(path, os.fstat(descriptor), tarfile.DIRTYPE, _attributes(descriptor))
                names = sorted(os.listdir(descriptor))
            write_member(self.out, member)
            for name in names:
                self._entry(descriptor, name, f"{path}/{name}", depth + 1)
        finally:
            os.close(descriptor)

    def _entry(self, parent: int, name: str, path: str, depth: int) -> None:
        descriptor: int | None = None
        target = ""
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFLNK:
                target = os.readlink(name, dir_fd=parent)
            elif kind == stat.S_IFREG or (kind == stat.S_IFDIR and depth < DEEPEST):
                descriptor = os.open(name, _OPENED[kind], dir_fd=parent)
        except OSError as error:
            if error.errno in _GONE:
                return
            raise words(f"read {path}", error) from error
        if target:
            member = _member(path, status, tarfile.SYMTYPE, {})
            member.linkname = target
            write_member(self.out, member)
        elif descriptor is None:
            self.packed.left_out += 1
            return
        elif kind == stat.S_IFDIR:
            self._directory(descriptor, path, depth)
            return
        else:
            self._file(descriptor, path)
        self.packed.files += 1

    def _file(self, descriptor: int, path: str) -> None:
        """Write an open file, or that it is one that was written under another name; and close it."""
        try:
            with told(f"read {path}"):
                status = os.fstat(descriptor)
                member = _member(path, status, tarfile.REGTYPE, _attributes(descriptor))
            first = path
            if status.st_nlink > 1:
                first = self._names.setdefault((status.st_dev, status.st_ino), path)
                member.pax_headers = {**member.pax_headers, SHARED: "1"}
            if first != path:
                member.type, member.linkname, member.size = tarfile.LNKTYPE, first, 0
            write_member(self.out, member, _content(descriptor, member.size, path))
            self.packed.bytes += member.size
        finally:
            os.close(descriptor)


def _member(path: str, status: os.stat_result, kind: bytes, headers: Mapping[str, str]) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type = kind
    member.mode = stat.S_IMODE(status.st_mode)
    member.uid, member.gid = status.st_uid, status.st_gid
    seconds, part = divmod(max(0, status.st_mtime_ns), 10**9)
    member.mtime = seconds
    member.size = status.st_size if kind == tarfile.REGTYPE else 0
    member.pax_headers = {**headers, "mtime": f"{seconds}.{part:09}"}
    return member


def _attributes(descriptor: int) -> dict[str, str]:
    found = {}
    with suppress(OSError):  # a file system without any, or one that goes meanwhile
        for name in os.listxattr(descriptor):
            if name.startswith(KEPT_XATTRS):
                found[f"{XATTR}{name}"] = os.getxattr(descriptor, name).decode("utf-8", "surrogateescape")
    return found


def _content(descriptor: int, size: int, path: str) -> Iterator[bytes]:
    """Just *size* bytes: of a file that grew no more, of one that shrank zeros for the rest."""
    while size:
        with told(f"read {path}"):
            piece = os.read(descriptor, min(PIECE, size))
        piece = piece or bytes(min(PIECE, size))
        size -= len(piece)
        yield piece
