"""A backup that pvdify did not write is refused before anything is, and never leads anywhere else."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvdify.errors import BackupError
from pvdify.model.backup import AUDIT, END, INDEX, LARGEST
from pvdify.store.packing import SHARED
from pvdify.store.tape import Tape
from tests.store.archives import BLOG, VOLUME, WHAT, Crafted, looked_at, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable

TOP: Final = f"volumes/{VOLUME}"
DIRECTORY: Final[dict[str, Any]] = {"type": tarfile.DIRTYPE}
LINK: Final[dict[str, Any]] = {"type": tarfile.SYMTYPE, "linkname": "/etc"}
MARKED: Final[dict[str, Any]] = {"pax_headers": {SHARED: "1"}}


def begun() -> Crafted:
    return Crafted().begun()


def filled() -> Crafted:
    return begun().volume()


def hard_link(target: str) -> dict[str, Any]:
    return {"type": tarfile.LNKTYPE, "linkname": target}


BAD: Final[dict[str, Callable[[], bytes]]] = {
    "nothing": lambda: b"",
    "no tar": lambda: b"hello" * 1000,
    "no index": lambda: Crafted().add("manifest.json", b"{}").ended(),
    "an index that is none": lambda: Crafted().add(INDEX, b"[]").ended(),
    "an index with more": lambda: Crafted().add(INDEX, b'{"format":1,"x":1}').ended(),
    "an index of another format": lambda: Crafted().add(INDEX, b'{"format":2}').ended(),
    "a link for an index": lambda: Crafted().add(INDEX, **LINK).ended(),
    "no end": lambda: begun().add(AUDIT).bytes(),
    "more behind the end": lambda: begun().add(AUDIT).add(END).add("manifest.json").bytes(),
    "two audits": lambda: begun().add(AUDIT).ended(),
    "one file twice": lambda: begun().add("manifest.json").add("manifest.json").ended(),
    "an absolute path": lambda: begun().add("/manifest.json").ended(),
    "a path that goes up": lambda: begun().add("apps/../manifest.json").ended(),
    "a path below another": lambda: begun().add("apps/blog/slot.toml/x").ended(),
    "an app of a name that is reserved": lambda: begun().add("apps/host/config/c1.toml").ended(),
    "a file of no app": lambda: begun().add("apps/Blog/slot.toml").ended(),
    "a lock": lambda: begun().add("lock").ended(),
    "a generation": lambda: begun().add("generations/000001/systemd/pvdify.target").ended(),
    "a link for a file": lambda: begun().add("manifest.json", **LINK).ended(),
    "a directory for a file": lambda: begun().add("manifest.json", **DIRECTORY).ended(),
    "a file that is too large": lambda: begun().add("manifest.json", bytes(LARGEST + 1)).ended(),
    "a volume of no app": lambda: begun().add("volumes/other", **DIRECTORY).ended(),
    "a volume above": lambda: begun().add("volumes/..", **DIRECTORY).ended(),
    "a volume that is a link": lambda: begun().add(TOP, **LINK).ended(),
    "a volume that is a file": lambda: begun().add(TOP).ended(),
    "a volume twice": lambda: filled().volume().ended(),
    "a file without a volume": lambda: begun().add(f"{TOP}/file").ended(),
    "a name that goes up": lambda: filled().add(f"{TOP}/../file").ended(),
    "a name that stays": lambda: filled().add(f"{TOP}/./file").ended(),
    "a name that is empty": lambda: filled().add(f"{TOP}//file").ended(),
    "a name that is too long": lambda: filled().add(f"{TOP}/{'x' * 256}").ended(),
    "a way that is too deep": lambda: filled().add(f"{TOP}/{'/'.join('x' * 300)}").ended(),
    "a file in no directory": lambda: filled().add(f"{TOP}/a/file").ended(),
    "a file in a file": lambda: filled().add(f"{TOP}/a").add(f"{TOP}/a/file").ended(),
    "a file in a link": lambda: filled().add(f"{TOP}/a", **LINK).add(f"{TOP}/a/passwd").ended(),
    "a file in a directory that became a link": lambda: (
        filled().add(f"{TOP}/a", **DIRECTORY).add(f"{TOP}/a", **LINK).add(f"{TOP}/a/passwd").ended()
    ),
    "a file twice": lambda: filled().add(f"{TOP}/a").add(f"{TOP}/a").ended(),
    "a file that comes late": lambda: filled().add(f"{TOP}/b").add(f"{TOP}/a").ended(),
    "a directory that was left": lambda: (
        filled().add(f"{TOP}/a", **DIRECTORY).add(f"{TOP}/b", **DIRECTORY).add(f"{TOP}/a/file").ended()
    ),
    "a link to nothing": lambda: filled().add(f"{TOP}/a", type=tarfile.SYMTYPE, linkname="").ended(),
    "a hard link out": lambda: filled().add(f"{TOP}/a", **hard_link("/etc/shadow")).ended(),
    "a hard link up": lambda: filled().add(f"{TOP}/a", **hard_link(f"{TOP}/../../age.key")).ended(),
    "a hard link to what is not there": lambda: filled().add(f"{TOP}/a", **hard_link(f"{TOP}/0")).ended(),
    "a hard link to what is not shared": lambda: (
        filled().add(f"{TOP}/a").add(f"{TOP}/b", **hard_link(f"{TOP}/a")).ended()
    ),
    "a hard link into another volume": lambda: (
        filled()
        .add(f"{TOP}/a", **MARKED)
        .add("volumes/pvdify-shop-data", **DIRECTORY)
        .add("volumes/pvdify-shop-data/b", **hard_link(f"{TOP}/a"))
        .ended()
    ),
    "a hard link to a link": lambda: (
        filled().add(f"{TOP}/a", **LINK, **MARKED).add(f"{TOP}/b", **hard_link(f"{TOP}/a")).ended()
    ),
    "a device": lambda: filled().add(f"{TOP}/a", type=tarfile.BLKTYPE).ended(),
    "a character device": lambda: filled().add(f"{TOP}/a", type=tarfile.CHRTYPE).ended(),
    "a pipe": lambda: filled().add(f"{TOP}/a", type=tarfile.FIFOTYPE).ended(),
    "something unknown": lambda: filled().add(f"{TOP}/a", type=b"Z").ended(),
    "a sparse file": lambda: filled().add(f"{TOP}/a", type=tarfile.GNUTYPE_SPARSE).ended(),
    "a sparse file of the newer kind": lambda: (
        filled().add(f"{TOP}/a", b"x" * 512, pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9" * 12}).ended()
    ),
    "an owner that nobody is": lambda: filled().add(f"{TOP}/a", pax_headers={"uid": "-1"}).ended(),
    "a group of all ones": lambda: filled().add(f"{TOP}/a", gid=(1 << 32) - 1).ended(),
    "a time that is none": lambda: filled().add(f"{TOP}/a", pax_headers={"mtime": "nan"}).ended(),
    "a time that never comes": lambda: filled().add(f"{TOP}/a", pax_headers={"mtime": "1" * 30}).ended(),
    "a size that is none": lambda: filled().add(f"{TOP}/a", pax_headers={"size": "-5"}).ended(),
    "a size that is not there": lambda: filled().add(f"{TOP}/a", pax_headers={"size": "9" * 15}).ended(),
    "a directory with content": lambda: filled().add(f"{TOP}/a", pax_headers={"size": "700"}, **DIRECTORY).ended(),
    "a header that is huge": lambda: filled().add(f"{TOP}/a", pax_headers={"user.x": "x" * (1 << 21)}).ended(),
}


@pytest.mark.parametrize("made", BAD.values(), ids=BAD)
def test_it_is_refused_before_anything_is_written(made: Callable[[], bytes]) -> None:
    with pytest.raises(BackupError, match=f"cannot use {WHAT}"):
        looked_at(made())


@pytest.mark.parametrize("made", BAD.values(), ids=BAD)
def test_it_writes_nothing_outside_even_if_nobody_had_looked(made: Callable[[], bytes], tmp_path: Path) -> None:
    with pytest.raises(BackupError):
        unpacked(made(), tmp_path / "storage" / "volumes")

    inside = re.compile(r"storage(/volumes(/pvdify-[a-z-]+(/_data(/.*)?)?)?)?$", re.DOTALL)
    paths = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")]
    assert [] == [path for path in paths if not inside.match(path)]


def test_what_pvdify_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("12345")

    read = looked_at(packed({VOLUME: tmp_path}, **{"manifest.json": b"{}"})[0])

    assert (BLOG, {"manifest.json": b"{}"}, {VOLUME: 5}) == (read.index, read.files, read.order.sizes)


def test_what_is_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3000)
    data = packed({VOLUME: tmp_path}, **{"manifest.json": b"{}"})[0]
    whole = len(data) - 2 * tarfile.BLOCKSIZE

    for size in range(0, whole, 97):
        with pytest.raises(BackupError):
            looked_at(data[:size])


def test_a_file_of_many_headers_is_no_trap() -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type = tarfile.XHDTYPE
    data = begun().out.getvalue() + header.tobuf() * 5000

    with pytest.raises(BackupError):
        looked_at(data)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_whatever_is_changed_in_it_is_refused_or_harmless(data: st.DataObject) -> None:
    good = filled().add(f"{TOP}/a", **DIRECTORY).add(f"{TOP}/a/b", b"12345", **MARKED).ended()
    spoiled = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        spoiled[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=12))

    with tempfile.TemporaryDirectory() as where:
        with suppress(BackupError):
            unpacked(bytes(spoiled), Path(where) / "volumes")

        assert {"volumes"} >= {path.name for path in Path(where).iterdir()}


def test_a_tape_goes_forward_only_and_holds_no_more_than_a_piece() -> None:
    tape = Tape(io.BytesIO(b"0123456789"))
    tape.seek(4)

    assert (b"45", 6) == (tape.read(2), tape.tell())
    for size in (-1, 1 << 30):
        with pytest.raises(tarfile.ReadError):
            tape.read(size)
    for position in (5, 11):
        with pytest.raises(tarfile.ReadError):
            tape.seek(position)
