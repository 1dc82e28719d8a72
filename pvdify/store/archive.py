"""The stream of a backup: which one it is, pvdify's own files, the audit, the volumes, and its end."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from pvdify.errors import BackupError, SpecError
from pvdify.model.backup import AUDIT, END, FORMAT, INDEX, LARGEST, MOST, MOST_FILES, BackupIndex, place_of
from pvdify.model.parse import from_value, json_object
from pvdify.store.packing import Packed, Packing
from pvdify.store.tape import Reading, reading, write_end, write_member
from pvdify.store.unpacking import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into a backup: *files* are in memory, *audit* so many bytes that are read when it is their turn."""

    index: BackupIndex
    files: Mapping[str, bytes]
    audit_size: int
    audit: Iterable[bytes]
    volumes: Mapping[str, Path]


def write_archive(out: BinaryIO, contents: Contents) -> tuple[Packed, ...]:
    """Write all of it, and answer what the volumes held."""
    index = msgspec.json.format(msgspec.json.encode(contents.index)) + b"\n"
    for path, data in ((INDEX, index), *sorted(contents.files.items())):
        write_member(out, _file(path, len(data)), (data,))
    write_member(out, _file(AUDIT, contents.audit_size), contents.audit)
    packed = tuple(Packing(out, Packed(name)).pack(top) for name, top in sorted(contents.volumes.items()))
    write_member(out, _file(END, 0))
    write_end(out)
    return packed


@dataclass(slots=True)
class Sink:
    """Who is given what an archive holds, member by member."""

    audit: Callable[[Iterator[bytes]], None]
    volume: Callable[[str, tuple[str, ...], tarfile.TarInfo, Iterator[bytes]], None]


@dataclass(slots=True)
class Read:
    """What was read of an archive; *files* are pvdify's own."""

    index: BackupIndex | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    order: Order = field(default_factory=Order)
    has_audit: bool = False
    has_end: bool = False
    size: int = 0

    def take(self, member: tarfile.TarInfo, source: Reading, sink: Sink, *, what: str) -> None:
        """Take one member; raise `BackupError` or `ReadError` for one that no backup has, or has there."""
        if self.has_end:
            raise tarfile.ReadError(f"{member.name[:200]!r} comes behind its end")
        if self.index is None:
            self.index = _index(member, source, what=what)
        elif member.name.startswith("volumes/"):
            name, parts = self.order.checked(member)
            sink.volume(name, parts, member, source.content(member))
        elif not member.isreg():
            raise tarfile.ReadError(f"{member.name[:200]!r} is no file")
        elif member.name == AUDIT and not self.has_audit:
            self.has_audit = True
            sink.audit(source.content(member))
        elif member.name == END:
            self.has_end = True
        else:
            self._keep(member, source)

    def _keep(self, member: tarfile.TarInfo, source: Reading) -> None:
        if place_of(member.name) is None or member.name in self.files:
            raise tarfile.ReadError(f"{member.name[:200]!r} has no place in a backup")
        if member.size > LARGEST or len(self.files) >= MOST_FILES:
            raise tarfile.ReadError(f"{member.name[:200]!r} is too large, or one too many")
        self.size += member.size
        if self.size > MOST:
            raise tarfile.ReadError("pvdify's own files are too large")
        self.files[member.name] = b"".join(source.content(member))


def read_archive(stream: BinaryIO, sink: Sink, *, what: str) -> Read:
    """Read the backup *what* to its end."""
    read = Read()
    with reading(stream, what=what) as source:
        for member in source.members():
            read.take(member, source, sink, what=what)
        if not read.has_end:
            raise tarfile.ReadError("it ends too soon")
    return read


def _index(member: tarfile.TarInfo, source: Reading, *, what: str) -> BackupIndex:
    if member.name != INDEX or not member.isreg() or member.size > LARGEST:
        raise BackupError(what, "it is no backup of pvdify")
    try:
        value = json_object(b"".join(source.content(member)), what=INDEX)
        if isinstance(value.get("format"), int) and value["format"] != FORMAT:
            raise BackupError(what, f"its format is {value['format']}, and this pvdify knows {FORMAT}")
        return from_value(value, BackupIndex, what=INDEX)
    except SpecError as error:
        raise BackupError(what, "it is no backup of pvdify") from error


def _file(path: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size, member.mode = size, 0o600
    return member
