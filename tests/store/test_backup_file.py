"""The file of a backup is there whole or not at all, and is the same each time that it is read."""

from __future__ import annotations

import errno
import io
import os
import stat
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import DiskLowError, NotFoundError, RefusedError, SpecError
from pvdify.store.backup_file import Opened, Written
from tests.store.faults import failing

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"x" * 3_000_000


def write(path: Path, *, is_replaced: bool = False) -> Written:
    with Written(path, is_replaced=is_replaced) as written:
        written.take(io.BytesIO(DATA))
        written.name_it()
    return written


def test_it_is_whole_private_and_its_hash_is_known(tmp_path: Path) -> None:
    written = write(tmp_path / "file")

    assert DATA == (tmp_path / "file").read_bytes()
    assert (len(DATA), sha256(DATA).hexdigest()) == (written.size, written.sha256)
    assert stat.S_IFREG | 0o600 == (tmp_path / "file").stat().st_mode
    assert ["file"] == [path.name for path in tmp_path.iterdir()]


def test_nothing_is_there_under_its_name_before_it_is_whole(tmp_path: Path) -> None:
    with Written(tmp_path / "file") as written:
        written.take(io.BytesIO(DATA))

        assert not (tmp_path / "file").exists()

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("at", range(5))
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, at: int) -> None:
    with (
        failing(errno.ENOSPC, at=at, names=frozenset({"write", "fsync", "link"})),
        pytest.raises(DiskLowError, match="the disk is full"),
    ):
        write(tmp_path / "file")

    assert [] == list(tmp_path.iterdir())


def test_one_that_came_meanwhile_stays(tmp_path: Path) -> None:
    with Written(tmp_path / "file") as written:
        written.take(io.BytesIO(DATA))
        (tmp_path / "file").write_text("theirs")

        with pytest.raises(RefusedError, match="there already"):
            written.name_it()

    assert [("file", "theirs")] == [(path.name, path.read_text()) for path in tmp_path.iterdir()]


def test_another_one_takes_its_place_as_a_whole_if_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    with Written(tmp_path / "file", is_replaced=True) as written:
        written.take(io.BytesIO(DATA))
        assert "old" == (tmp_path / "file").read_text()
        written.name_it()

    assert DATA == (tmp_path / "file").read_bytes()


def test_it_is_read_whole_each_time(tmp_path: Path) -> None:
    write(tmp_path / "file")

    with Opened(tmp_path / "file") as file:
        for _ in range(2):
            out = io.BytesIO()
            file.feed(out)
            assert (DATA, sha256(DATA).hexdigest()) == (out.getvalue(), file.sha256)


def test_what_is_not_there_or_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotFoundError):
        Opened(tmp_path / "file")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SpecError, match="no file"):
            Opened(path)
