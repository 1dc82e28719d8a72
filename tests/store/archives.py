"""Backups as bytes: of pvdify's own making, and such as it would never make."""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from pvdify.model.backup import AUDIT, END, INDEX, BackupIndex
from pvdify.store.archive import Contents, Read, Sink, read_archive, write_archive
from pvdify.store.tape import write_end, write_member
from pvdify.store.unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pvdify.store.packing import Packed

WHAT = "host.pvdify"
VOLUME = "pvdify-blog-data"
BLOG = BackupIndex(format=1, id="ab" * 16, at="2026-01-31T09:00:00.000Z", by="ada", host="one", version="0.1.0")


@dataclass
class Crafted:
    """A tar that somebody put together."""

    out: io.BytesIO = field(default_factory=io.BytesIO)

    def add(self, name: str, data: bytes = b"", **fields: Any) -> Crafted:
        """Add a member; *fields* are those of its header."""
        member = tarfile.TarInfo(name)
        member.size, member.uid, member.gid = len(data), os.getuid(), os.getgid()
        for key, value in fields.items():
            setattr(member, key, value)
        write_member(self.out, member, (data,))
        return self

    def begun(self) -> Crafted:
        """Add what each backup begins with."""
        return self.add(INDEX, msgspec.json.encode(BLOG))

    def volume(self) -> Crafted:
        """Add the top of a volume."""
        return self.add(f"volumes/{VOLUME}", type=tarfile.DIRTYPE)

    def ended(self) -> bytes:
        """All of it, with what each backup ends in."""
        self.add(AUDIT).add(END)
        return self.bytes()

    def bytes(self) -> bytes:
        """All of it, as it is."""
        write_end(self.out)
        return self.out.getvalue()


def packed(volumes: Mapping[str, Path], **files: bytes) -> tuple[bytes, tuple[Packed, ...]]:
    """A backup of *volumes*, and what was told of them."""
    out = io.BytesIO()
    told = write_archive(out, Contents(index=BLOG, files=files, audit_size=0, audit=(), volumes=volumes))
    return out.getvalue(), told


def looked_at(data: bytes) -> Read:
    """Read all of a backup, and write nothing."""
    return read_archive(io.BytesIO(data), Sink(audit=lambda _: None, volume=lambda *_: None), what=WHAT)


def unpacked(data: bytes, volumes: Path) -> Read:
    """Unpack the volumes of a backup."""
    unpacking = Unpacking(volumes)
    try:
        read = read_archive(io.BytesIO(data), Sink(audit=lambda _: None, volume=unpacking.put), what=WHAT)
        unpacking.finish()
    finally:
        unpacking.close()
    return read
