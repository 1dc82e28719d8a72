"""What goes wrong while config is set: a clear error, nothing is lost, and a second try works."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.configs import read, told
from tests.e2e.installed import installed
from tests.e2e.kill import Point, Row, killed, row, wrong
from tests.e2e.operator import REGISTRY, Operator

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.e2e.bed import Bed

STATE: Final = "/var/lib/pvdify"
CONFIGS: Final = f"{STATE}/apps/blog/config"
SOPS: Final = "/usr/local/bin/sops"
KEY: Final = f"{STATE}/secrets/age.key"
HOST, BROKEN, BUSY = 69, 74, 75


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog`, live with a config; and an image that takes a while to start."""
    operator = Operator(bed)
    operator.push("v1")
    operator.push("slow", env={"APP_START_MS": "1500"})
    operator.create("blog")
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
    operator.pvdify("config:set", "blog", "KEPT=1", "OTHER=1")
    return operator


@contextmanager
def instead(bed: Bed, path: str, text: str | None) -> Iterator[None]:
    """Meanwhile there is *text* at *path*, or nothing; a program or a key that is for root alone."""
    bed.run("mv", path, f"{path}.good")
    try:
        if text is not None:
            bed.path(path).write_text(text)
            bed.run("chmod", "0700", path)
        yield
    finally:
        bed.run("mv", "-f", f"{path}.good", path)


def world(operator: Operator) -> tuple[Row, list[str], dict[str, str]]:
    """What a command that fails must leave as it was."""
    files = sorted(str(path.name) for path in operator.bed.path(CONFIGS).rglob("*"))
    return row(operator.bed, "blog"), files, told(operator, "blog")


def refused(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    said = done.stdout + done.stderr
    assert status == done.returncode, said
    for word in words:
        assert word in said
    assert "Traceback" not in said


def old_sops(bed: Bed) -> str:
    """A sops of 3.8: it knows no subcommand `encrypt`, and takes it for a file."""
    del bed
    return '#!/bin/sh\n[ "$1" = --version ] && echo "sops 3.8.1" && exit 0\necho "open encrypt: no such file or directory" >&2; exit 2\n'


def other_key(bed: Bed) -> str:
    return bed.run("age-keygen").stdout


FAULTS: Final[dict[str, tuple[str, Callable[[Bed], str | None], int, tuple[str, ...]]]] = {
    "sops is missing": (SOPS, lambda _bed: None, HOST, ("cannot", "sops", "3.9", "github.com/getsops/sops")),
    "sops is too old": (SOPS, old_sops, HOST, ("cannot use sops 3.8.1", "3.9 or newer")),
    "sops breaks": (SOPS, lambda _bed: "#!/bin/sh\nexit 3\n", HOST, ("cannot", "sops")),
    "no key": (KEY, lambda _bed: None, BROKEN, ("age key is gone", KEY)),
    "another key": (KEY, other_key, BROKEN, ("cannot use c1 of blog", "not encrypted for")),
    "no key in the file": (KEY, lambda _bed: "nothing\n", BROKEN, ("holds no age key",)),
    "systemd seals nothing": ("/usr/bin/systemd-creds", lambda _bed: "#!/bin/sh\nexit 1\n", HOST, ("cannot seal",)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_it_takes_is_missing_and_the_error_says_what(operator: Operator, fault: str) -> None:
    path, text, status, words = FAULTS[fault]
    before = world(operator)

    with instead(operator.bed, path, text(operator.bed)):
        done = operator.pvdify("config:set", "blog", "OTHER=2", check=False)
        doctor = operator.pvdify("doctor", check=False).stdout

    refused(done, status, *words)
    assert "✗" in doctor or "fail" in doctor
    assert before == world(operator)
    assert [] == wrong(operator, "blog", live=before[0].live)


def test_a_second_try_works_after_all_of_them(operator: Operator) -> None:
    operator.pvdify("config:set", "blog", "OTHER=2")

    assert {"KEPT": "1", "OTHER": "2"}.items() <= told(operator, "blog").items()


def test_of_two_at_once_one_is_refused_and_one_that_waits_loses_nothing(operator: Operator) -> None:
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:slow")
    first = operator.spawn("config:set", "blog", "FIRST=1")
    lock = operator.bed.path(f"{STATE}/apps/blog/lock")
    operator.bed.wait_until(lambda: b"config.set" in lock.read_bytes(), what="the first")

    second = operator.pvdify("config:set", "blog", "SECOND=1", check=False)
    third = operator.pvdify("config:set", "blog", "THIRD=1", "--wait")

    first.communicate(timeout=60)
    refused(second, BUSY, "config.set", "--wait")
    assert (0, 0) == (first.returncode, third.returncode)
    found = told(operator, "blog")
    assert {"KEPT": "1", "FIRST": "1", "THIRD": "1"}.items() <= found.items()
    assert "SECOND" not in found
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
    operator.pvdify("config:unset", "blog", "FIRST", "THIRD")


def test_eight_at_once_that_wait_lose_nothing(operator: Operator) -> None:
    writers = [operator.spawn("config:set", "blog", f"AT_ONCE_{one}=1", "--wait", "--no-deploy") for one in range(8)]

    for one in writers:
        one.communicate(timeout=120)

    assert [0] * 8 == [one.returncode for one in writers]
    names = operator.answer("config", "blog")["vars"]
    assert {f"AT_ONCE_{one}" for one in range(8)} <= names.keys()
    operator.pvdify("config:unset", "blog", *(f"AT_ONCE_{one}" for one in range(8)))


def test_killed_between_two_lines_of_its_journal_nothing_is_lost_and_a_second_try_works(operator: Operator) -> None:
    problems, points = [], 0
    for number in itertools.count():
        kept, words = told(operator, "blog"), ("config:set", "blog", f"OTHER=line {number}")
        if killed(operator.bed, "blog", Point("step", number), *words) is None:
            break
        points += 1
        operator.pvdify(*words)
        found, live = told(operator, "blog"), row(operator.bed, "blog").live
        if {**ours(kept), "OTHER": f"line {number}"} != ours(found):
            problems.append(f"{number}: {ours(found)}")
        problems += [f"{number}: {one}" for one in (*wrong(operator, "blog", live=live), *halves(operator.bed))]

    assert [] == problems
    assert points >= 10


def test_killed_at_a_change_of_a_name_on_the_disk_there_is_all_of_a_version_or_nothing(operator: Operator) -> None:
    problems, points = [], 0
    for number in itertools.count(0, 2):
        words = ("config:set", "blog", f"OTHER=name {number}", "--no-deploy")
        if killed(operator.bed, "blog", Point("names", number), *words) is None:
            break
        points += 1
        problems += [f"{number}: {one}" for one in halves(operator.bed) if one.startswith("in no place")]
        operator.pvdify(*words)
        found = operator.answer("config", "blog", "--reveal")["vars"]
        if {"KEPT": "1", "OTHER": f"name {number}"} != ours(found):
            problems.append(f"{number}: {ours(found)}")
        problems += [f"{number}: {one}" for one in halves(operator.bed)]

    assert [] == problems
    assert points >= 8


def ours(found: dict[str, str]) -> dict[str, str]:
    """What was set here."""
    return {key: value for key, value in found.items() if key in {"KEPT", "OTHER"}}


def halves(bed: Bed) -> list[str]:
    """What belongs to no whole config version, and what is missing in one that says that it is there."""
    top = bed.path(CONFIGS)
    files = {str(path.relative_to(top)) for path in top.rglob("*")}
    versions = {path.stem for path in top.glob("c*.toml")}
    missing = {f"{one}{part}" for one in versions for part in (".sops.json", "/env.cred", "/salt.cred")} - files
    odd = {one for one in files if one.partition("/")[0].partition(".")[0] not in versions or "/." in f"/{one}"}
    return [*(f"in no place: {one}" for one in missing), *(f"left over: {one}" for one in odd)]


def test_on_a_full_disk_it_is_refused_whole_and_a_rollback_works() -> None:
    with installed() as bed:
        operator = Operator(bed.boot())
        bed.run(
            *("bash", "-ec"),
            f"cp -a {STATE} /var/tmp/state; mount -t tmpfs -o size=1200m tmpfs {STATE}; cp -a /var/tmp/state/. {STATE}/",
        )
        operator.push("v1")
        operator.create("blog")
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
        operator.pvdify("config:set", "blog", "KEPT=1", "OTHER=1")
        operator.pvdify("config:set", "blog", "OTHER=2")
        bed.path("/root/large").write_bytes(b"x" * 900_000)
        bed.run("sh", "-c", f"cat /dev/zero >{STATE}/filler", check=False)
        operator.pvdify("config:set", "blog", "--file-secret", "large=/root/large", check=False)  # there is a reserve
        before = world(operator)

        bed.path("/root/large").write_bytes(b"y" * 900_000)
        done = operator.pvdify("config:set", "blog", "--file-secret", "large=/root/large", check=False)

        refused(done, HOST, "the disk is full", "pvdify gc")
        assert before == world(operator)
        operator.pvdify("rollback", "blog")
        bed.run("rm", f"{STATE}/filler")
        operator.pvdify("config:set", "blog", "--file-secret", "large=/root/large")
        assert "1" == told(operator, "blog")["KEPT"]
        assert bed.path("/root/large").read_bytes() == read(operator, "blog", "large")
        assert [] == halves(bed)
