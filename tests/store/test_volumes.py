"""Volumes in a backup: what an app wrote comes back as it was, whatever it does meanwhile."""

from __future__ import annotations

import io
import os
import stat
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from pvdify.store.packing import Packed, Packing
from tests.store.archives import VOLUME, looked_at, packed, unpacked
from tests.store.faults import Calls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = [
    "plain",
    " blank ",
    "new\nline",
    "ü☃",
    b"\xff\xfe raw".decode("utf-8", "surrogateescape"),
    "x" * 255,
    "-rf",
    "a\\b",
]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The data of a volume."""
    path = tmp_path / "top"
    path.mkdir(mode=0o777)
    return path


def again(top: Path, volumes: Path) -> Path:
    """The same, packed and unpacked."""
    data, _ = packed({VOLUME: top})
    unpacked(data, volumes)
    return volumes / VOLUME / "_data"


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """All that can be seen of a tree, by path."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else path.readlink() if path.is_symlink() else b""
        found[str(path.relative_to(top))] = (
            *(status.st_mode, status.st_uid, status.st_gid),
            *(status.st_mtime_ns, content),
        )
    return found


def test_all_of_it_comes_back_as_it_was(top: Path, tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        (top / name).write_bytes(os.urandom(number * 70_000))
    (top / "empty").mkdir(mode=0o700)
    inner = top / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "script").write_text("#!/bin/sh\n")
    (inner / "script").chmod(0o755)
    (top / "shared").mkdir()
    (top / "shared").chmod(0o2775)
    (top / "sticky").mkdir()
    (top / "sticky").chmod(0o1777)
    for target in ("plain", "/etc/passwd", "../../..", "nowhere", "x" * 300):
        (top / f"to {len(target)} {target[:3].replace('/', '_')}").symlink_to(target)
    os.utime(inner, ns=(1_234_567_890_123_456_000, 1_234_567_890_123_456_000))
    os.utime(top, ns=(987_654_321_000_000, 987_654_321_000_000))

    new = again(top, tmp_path / "volumes")

    assert tree(top) == tree(new)


def test_two_names_of_one_file_are_two_names_of_one_file(top: Path, tmp_path: Path) -> None:
    (top / "b").mkdir()
    (top / "b" / "first").write_bytes(b"x" * 100_000)
    (top / "z").hardlink_to(top / "b" / "first")
    (top / "a").hardlink_to(top / "z")

    new = again(top, tmp_path / "volumes")

    assert 3 == (new / "a").stat().st_nlink
    assert (new / "a").samefile(new / "b" / "first")
    assert b"x" * 100_000 == (new / "z").read_bytes()


def test_attributes_come_with_it(top: Path, tmp_path: Path) -> None:
    (top / "file").touch()
    os.setxattr(top / "file", "user.note", b"\0\xff\n=")

    new = again(top, tmp_path / "volumes")

    assert b"\0\xff\n=" == os.getxattr(new / "file", "user.note")


def test_a_file_that_acts_for_its_owner_does_not_any_more(top: Path, tmp_path: Path) -> None:
    (top / "file").touch()
    (top / "file").chmod(0o6755)

    new = again(top, tmp_path / "volumes")

    assert 0o755 == stat.S_IMODE((new / "file").stat().st_mode)


def test_what_is_no_data_is_left_out_and_counted(top: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "file").write_text("12345")
    (top / "link").symlink_to("file")

    data, told = packed({VOLUME: top})

    assert (Packed(VOLUME, files=2, bytes=5, left_out=1),) == told
    assert {VOLUME: 5} == looked_at(data).order.sizes


class Meddling(io.BytesIO):
    """Somebody does *act* as soon as *text* was written."""

    def __init__(self, text: bytes, act: Callable[[], object]) -> None:
        super().__init__()
        self._text, self._act = text, act

    def write(self, data: object, /) -> int:
        if isinstance(data, bytes) and self._text in data:
            self._text = b"\0never\0"
            self._act()
        return super().write(data)  # type: ignore[arg-type]  # handed through


def packed_while(top: Path, text: bytes, act: Callable[[], object]) -> bytes:
    out = Meddling(text, act)
    Packing(out, Packed(VOLUME)).pack(top)
    return out.getvalue()


def test_a_directory_that_becomes_a_link_leads_nowhere(top: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("canary")
    (top / "inner").mkdir()
    (top / "inner" / "file").write_text("mine")

    def swap() -> None:
        (top / "inner").rename(top.parent / "away")
        (top / "inner").symlink_to(secret)

    data = packed_while(top, VOLUME.encode(), swap)

    assert b"canary" not in data
    assert str(secret).encode() in data


@pytest.mark.parametrize("name", ["inner", "file"])
def test_what_becomes_a_link_between_a_look_and_the_opening_is_not_followed(
    top: Path, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "canary").write_text("canary")
    (top / "inner").mkdir()
    (top / "file").write_text("mine")
    target = {"inner": secret, "file": secret / "canary"}[name]

    def swap() -> None:
        (top / name).rename(tmp_path / "away")
        (top / name).symlink_to(target)

    out = io.BytesIO()
    calls = Calls(frozenset({"open"}), {"file": 1, "inner": 2}[name], swap)
    sys.setprofile(calls.profile)
    Packing(out, Packed(VOLUME)).pack(top)
    sys.setprofile(None)

    assert (top / name).is_symlink()
    assert b"canary" not in out.getvalue()


def test_a_file_that_grows_shrinks_or_goes_meanwhile_spoils_nothing(top: Path, tmp_path: Path) -> None:
    for name in ("gone", "grows", "shrinks"):
        (top / name).write_bytes(b"1" * 3000)
    (top / "last").write_text("whole")

    def meddle() -> None:
        (top / "gone").unlink()
        os.truncate(top / "shrinks", 10)
        os.truncate(top / "grows", 9000)

    before = packed_while(top, VOLUME.encode(), (top / "gone").unlink)
    (top / "gone").write_bytes(b"1" * 3000)
    during = packed_while(top, b"shrinks", meddle)

    assert b"gone" not in before
    assert b"1" * 10 + bytes(2990) in during
    assert during.count(b"whole") == 1


def test_neither_large_nor_many_files_are_held_in_memory(top: Path, tmp_path: Path) -> None:
    with (top / "large").open("wb") as file:
        file.truncate(48 << 20)
    for number in range(3000):
        (top / f"small {number}").touch()
    archive = tmp_path / "archive"

    tracemalloc.start()
    with archive.open("wb") as out:
        Packing(out, Packed(VOLUME)).pack(top)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert archive.stat().st_size > 48 << 20
    assert peak < 8 << 20
