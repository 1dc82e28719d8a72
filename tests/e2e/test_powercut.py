"""Old or new, never between: power cuts on a real file system, and every one that a trace of system calls allows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.bed.host import need_program
from tests.e2e.cuts import Report
from tests.e2e.ext4 import PRIVATE
from tests.e2e.traced import Traced

CUTS = 200
NO_SYNC = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:retval=0")
"""Runs a command in which every `fsync` says that all is well, and does nothing."""


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    need_program("strace", packages=["strace"])
    need_program("mkfs.ext4", packages=["e2fsprogs"])


def cut(directory: Path, *arguments: str) -> Report:
    ended = subprocess.run(
        [*PRIVATE, sys.executable, "-m", "tests.e2e.cuts", str(directory), *arguments],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        check=True,
    )
    return Report(**json.loads(ended.stdout))


def test_no_power_cut_leaves_half_a_generation_or_takes_back_what_was_acknowledged(tmp_path: Path) -> None:
    report = cut(tmp_path, str(CUTS), "1")
    print(json.dumps(vars(report)))

    assert [] == report.problems
    assert CUTS == report.cuts
    assert all(report.acknowledged[kind] > 0 for kind in ("generation", "release", "line", "count", "collected"))
    assert report.left["tmp"] > 0, "no cut fell into a publish"


def test_where_syncs_do_nothing_the_same_cuts_do_harm(tmp_path: Path) -> None:
    report = cut(tmp_path, str(CUTS), "1", *NO_SYNC)

    assert report.problems
    assert report.cuts < 10


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    return Traced(tmp_path_factory.mktemp("traced"))


def test_no_order_in_which_a_disk_may_write_breaks_a_publish_or_a_collection(traced: Traced) -> None:
    assert ["2\\n", "3\\n"] == [traced.calls[number].text for number in traced.acknowledgements()]
    assert {"openat", "write", "fsync", "linkat", "mkdir", "rename", "symlink", "unlinkat", "rmdir"} <= {
        call.name for call in traced.calls
    }
    assert [] == [*traced.verdicts()]


def test_every_single_sync_is_needed(traced: Traced) -> None:
    *_, of_the_collection = traced.numbers("fsync", traced.root)
    syncs = [number for number in traced.numbers("fsync") if number != of_the_collection]

    useless = [traced.calls[number].paths[0] for number in syncs if not traced.breaks(without=(number,))]

    assert len(syncs) > 15
    assert [] == useless


def test_collecting_first_makes_safe_what_a_publisher_was_killed_before(traced: Traced) -> None:
    _, of_the_publisher, of_the_collection = traced.numbers("fsync", traced.root)
    _, acknowledgement = traced.acknowledgements()

    assert not traced.breaks(without=(of_the_publisher, acknowledgement))
    assert traced.breaks(without=(of_the_publisher, acknowledgement, of_the_collection))
