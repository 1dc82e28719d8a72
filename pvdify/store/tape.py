"""A tar that goes through a pipe: written a member at a time, and read forward, a piece at a time, by somebody who trusts nothing in it."""

from __future__ import annotations

import struct
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from pvdify.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE: Final = 1 << 20
"""Bytes that are held at once of a file; no header is larger either."""
_TYPES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE})
_MALFORMED: Final = (tarfile.TarError, ValueError, LookupError, ArithmeticError, RecursionError, EOFError, struct.error)
_LATEST: Final = 1 << 62
_IDS: Final = (1 << 32) - 1


def write_member(out: BinaryIO, member: tarfile.TarInfo, content: Iterable[bytes] = ()) -> None:
    """Write a member, whose *content* has just the size that it says."""
    out.write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
    out.writelines(content)
    out.write(bytes(-member.size % tarfile.BLOCKSIZE))


def write_end(out: BinaryIO) -> None:
    """Write what tells a tar from half of one."""
    out.write(bytes(2 * tarfile.BLOCKSIZE))


class Tape:
    """A stream, as `tarfile` reads a file: whatever is behind is gone, and a header that claims to be huge is not believed."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """The next *size* bytes, or what is left of them."""
        if not 0 <= size <= PIECE:
            raise tarfile.ReadError("a header of it is too large")
        data = self._source.read(size)
        self._at += len(data)
        return data

    def tell(self) -> int:
        """How much was read."""
        return self._at

    def seek(self, position: int, whence: int = 0) -> int:
        """Read on to *position*."""
        if whence or position < self._at:
            raise tarfile.ReadError("a header of it points back")
        while self._at < position:
            if not self.read(min(PIECE, position - self._at)):
                raise tarfile.ReadError("it ends too soon")
        return self._at

    def write(self, data: bytes, /) -> NoReturn:
        """Refuse: `tarfile` asks for a file that could be written."""
        raise tarfile.ReadError(f"{len(data)} bytes cannot be written to it")

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


class Reading:
    """The members of a tar, in turn."""

    def __init__(self, source: BinaryIO) -> None:
        self._tape = Tape(source)
        self._tar = tarfile.TarFile(fileobj=self._tape, mode="r", encoding="utf-8", errors="surrogateescape")

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Each member; those before are forgotten, or a volume of many files would fill the memory."""
        while (member := self._tar.next()) is not None:
            self._tar.members.clear()  # type: ignore[attr-defined]  # what `next` fills
            _check(member)
            yield member

    def content(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """What the member that came last holds, in pieces: all that it says, or the tar ends too soon."""
        rest = member.size
        while rest:
            piece = self._tape.read(min(PIECE, rest))
            if not piece:
                raise tarfile.ReadError("it ends too soon")
            rest -= len(piece)
            yield piece


@contextmanager
def reading(source: BinaryIO, *, what: str) -> Iterator[Reading]:
    """Read the tar *source*; whatever is wrong with it, or is raised as such while it is read, is a `BackupError` about *what*."""
    try:
        yield Reading(source)
    except _MALFORMED as error:
        raise BackupError(what, f"it is no whole archive ({str(error)[:200] or type(error).__name__})") from error


def nanoseconds(member: tarfile.TarInfo) -> int:
    """When the file was last written to, to the nanosecond; raise `ValueError` for no such moment."""
    text = member.pax_headers.get("mtime") or str(int(member.mtime))
    whole, _, part = text.partition(".")
    return int(whole) * 10**9 + int(f"{part:0<9}"[:9])


def _check(member: tarfile.TarInfo) -> None:
    """Raise for a member that is neither a file nor a directory nor a link, or has numbers that no file has."""
    if member.type not in _TYPES or member.issparse():
        raise tarfile.ReadError(f"{member.name[:200]!r} is no file, directory or link")
    if member.size < 0 or (member.size and not member.isreg()):
        raise tarfile.ReadError(f"{member.name[:200]!r} has no size that it could have")
    if not (0 <= member.uid < _IDS and 0 <= member.gid < _IDS and 0 <= nanoseconds(member) < _LATEST):
        raise tarfile.ReadError(f"{member.name[:200]!r} has an owner or a time that no file has")
