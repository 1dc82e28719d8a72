"""A rollback works on a full disk: on a real ext4, filled to its last block or its last inode."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pvdify.store.reserve import FILES
from tests.e2e.bed.host import need_program
from tests.e2e.ext4 import PRIVATE


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    need_program("mkfs.ext4", packages=["e2fsprogs"])


def rolled_back(directory: Path, what: str) -> dict[str, object]:
    ended = subprocess.run(
        [*PRIVATE, sys.executable, "-m", "tests.e2e.full", str(directory), what],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    report: dict[str, object] = json.loads(ended.stdout)
    return report


@pytest.mark.parametrize("what", ["blocks", "inodes"])
def test_a_rollback_works_on_a_full_disk_and_survives_a_power_cut(tmp_path: Path, what: str) -> None:
    report = rolled_back(tmp_path, what)

    assert 0 == report[what]
    assert (3, 3, [True]) == (report.get("generation"), report["in force"], report["over"])
    assert [] == report["drift"]
    assert report["reserve"] == FILES


def test_without_the_reserve_it_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    report = rolled_back(tmp_path, "blocks-without-reserve")

    assert "the disk is full; make room: `pvdify gc`" in str(report["refused"])
    assert 2 == report["in force"]
    assert [] == report["drift"]
