"""One-off commands from afar, under systemd: a service of their own, which ends with whoever asked, and leaves nothing."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.operator import REGISTRY, Operator, Way

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

RUN = ("run", "blog")
FAR = pytest.mark.parametrize("way", [Way.ADMIN, Way.HTTPS])


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog` at v1, whose processes do not heed SIGTERM."""
    operator = Operator(bed)
    operator.push("v1", env={"APP_IGNORE_TERM": "1"})
    operator.create("blog")
    slot = bed.path("/var/lib/pvdify/apps/blog/slot.toml")
    slot.write_text(f'name = "blog"\nimage = "{REGISTRY}/sample:v1"\nstop = "1s"\n')
    operator.pvdify("apply", "-a", "blog")
    return operator


def units(bed: Bed) -> list[str]:
    listed = bed.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvdify-blog-run-*").stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def nothing_is_left(operator: Operator, *, within: float) -> None:
    began = time.monotonic()
    operator.bed.wait_until(lambda: units(operator.bed) == [], timeout=30, what="the command's unit to go")
    assert time.monotonic() - began < within
    assert () == operator.containers("blog-run-")
    assert [] == operator.leftovers("blog")
    assert () == operator.bed.failed_units


@FAR
def test_what_it_writes_and_its_status_come_back_over_every_way(operator: Operator, way: Way) -> None:
    far = operator.by(way)

    shown = far.pvdify(*RUN, "--", "/app", "show")
    failed = far.pvdify(*RUN, "--", "/app", "migrate", "--fail", check=False)

    assert "run" == json.loads(shown.stdout)["env"]["PVDIFY_PROCESS"]
    assert (1, "v1: migrating\n") == (failed.returncode, failed.stdout)
    assert "told to fail" in failed.stderr
    nothing_is_left(operator, within=5)


@FAR
def test_it_ends_with_whoever_asked(operator: Operator, way: Way) -> None:
    with operator.by(way).spawn(*RUN, "--", "/app", "worker") as asking:
        operator.bed.wait_until(lambda: len(units(operator.bed)) == 1, timeout=30, what="the command to run")

        asking.send_signal(signal.SIGINT)

        asking.communicate(timeout=30)
    assert 130 == asking.returncode
    nothing_is_left(operator, within=5)


def test_one_that_does_not_heed_is_killed_when_its_time_is_over(operator: Operator) -> None:
    done = operator.by(Way.ADMIN).pvdify(*RUN, "--timeout", "2", "--", "/app", "web", check=False)

    assert (124, "pvdify: ended after 2 s") == (done.returncode, done.stderr.splitlines()[-1])
    nothing_is_left(operator, within=5)


def test_it_ends_with_the_service_that_was_asked_for_it_however_that_ends(operator: Operator) -> None:
    with operator.by(Way.HTTPS).spawn(*RUN, "--", "/app", "worker") as asking:
        operator.bed.wait_until(lambda: len(units(operator.bed)) == 1, timeout=30, what="the command to run")

        operator.bed.run("systemctl", "kill", "--kill-whom=main", "--signal=SIGKILL", "pvdify-host.service")

        asking.communicate(timeout=60)
    assert 0 != asking.returncode
    nothing_is_left(operator, within=20)


def test_it_is_in_the_slice_of_its_app_and_not_in_that_of_the_service(operator: Operator) -> None:
    with operator.by(Way.HTTPS).spawn(*RUN, "--", "/app", "worker") as asking:
        operator.bed.wait_until(lambda: len(units(operator.bed)) == 1, timeout=30, what="the command to run")
        (unit,) = units(operator.bed)

        shown = operator.bed.run("systemctl", "show", "-P", "Slice", unit).stdout.strip()
        operator.bed.run("systemctl", "stop", "pvdify-host.service")

        _, said = asking.communicate(timeout=60)
    assert "pvdify-blog.slice" == shown
    assert 0 != asking.returncode
    assert said
    nothing_is_left(operator, within=20)
