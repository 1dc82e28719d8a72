import errno
import os
from pathlib import Path

import pytest

from pvdify.store.paths import Settings
from pvdify.store.reserve import FILE_BYTES, FILES, Reserve


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    return Reserve(Settings(state=tmp_path))


def held(directory: Path) -> tuple[int, int]:
    """Files and bytes that are set aside."""
    files = [path.stat() for path in (directory / "reserve").iterdir()]
    return len(files), sum(file.st_blocks * 512 for file in files)


def test_blocks_and_inodes_are_really_set_aside(reserve: Reserve, tmp_path: Path) -> None:
    assert reserve.fill()

    files, room = held(tmp_path)
    assert FILES == files
    assert room >= FILES * FILE_BYTES


def test_what_is_missing_of_it_is_filled_up(reserve: Reserve, tmp_path: Path) -> None:
    reserve.fill()
    for name in ("00", "63"):
        (tmp_path / "reserve" / name).unlink()

    assert reserve.fill()
    assert FILES == held(tmp_path)[0]


def test_an_action_that_finds_the_disk_full_is_done_again_once(reserve: Reserve, tmp_path: Path) -> None:
    reserve.fill()
    tried = []

    def act() -> str:
        tried.append(held(tmp_path)[0])
        if len(tried) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return "done"

    assert "done" == reserve.spend(act)
    assert [FILES, 0] == tried


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_without_a_reserve_or_for_another_reason_an_action_just_fails(reserve: Reserve, error: int) -> None:
    tried = []

    def act() -> None:
        tried.append(1)
        raise OSError(error, os.strerror(error))

    if error == errno.EIO:
        reserve.fill()
    with pytest.raises(OSError, match=os.strerror(error)):
        reserve.spend(act)

    assert [1] == tried
