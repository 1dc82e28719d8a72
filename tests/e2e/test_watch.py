"""A crash loop soon after the switch gives the traffic back, with no process of pvdify running; nothing else does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.journal import operations, unix_time
from tests.e2e.kill import row, wrong
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed

_IMAGE = "127.0.0.1:5000/sample"


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `old`, whose v2 went live first of all and is watched for the shortest time that can hold a crash loop, and `blog` at v1."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
    for app in ("old", "blog"):
        operator.create(app)
    bed.path("/var/lib/pvdify/apps/old/slot.toml").write_text('name = "old"\nwatch = "12s"\n')
    for app, release in (("old", "v1"), ("old", "v2"), ("blog", "v1")):
        operator.pvdify("deploy", app, "--image", f"{_IMAGE}:{release}")
    return operator


def test_stops_starts_and_failed_deploys_wake_no_watch(operator: Operator) -> None:
    operator.push("crash", env={"APP_EXIT_AT_START": "3"})
    front = row(operator.bed, "blog").front

    for argv in (
        ("deploy", "blog", "--image", f"{_IMAGE}:v2"),
        ("ps:scale", "blog", "web=2"),
        ("ps:restart", "blog"),
        ("ps:scale", "blog", "web=1"),
        ("ps:stop", "blog"),
        ("ps:start", "blog"),
        ("rollback", "blog"),
    ):
        operator.pvdify(*argv)
    operator.pvdify("deploy", "blog", "--image", f"{_IMAGE}:crash", check=False)
    (unit,) = operator.units("blog")
    operator.bed.run("systemctl", "restart", unit)
    operator.wait_for(front, "release=v1")

    assert [] == [line for line in _said(operator) if "pvdify-blog-" in line and "is not live" not in line]
    assert not any(lines[0]["data"]["name"] == "releases.revert" for lines in operations(operator.bed, "blog"))
    assert 1 == row(operator.bed, "blog").live


def test_a_crash_loop_of_a_new_release_gives_the_traffic_back_by_itself(operator: Operator) -> None:
    live = row(operator.bed, "blog").live
    done = operator.answer("deploy", "blog", "--image", f"{_IMAGE}:v2")
    assert "" == operator.bed.run("sh", "-c", "pgrep -af '[p]vdify' | grep python || true").stdout

    _crash_until(operator, "blog", lambda: row(operator.bed, "blog").live != done["release"])

    operator.wait_for(row(operator.bed, "blog").front, "release=v1")
    _wait_for_the_end(operator, "blog")
    assert [] == wrong(operator, "blog", live=live)
    last = operations(operator.bed, "blog")[-1]
    assert ("releases.revert", "watch") == (last[0]["data"]["name"], last[0]["data"]["actor"])
    statuses = {one["version"]: one["status"] for one in operator.answer("releases", "blog")["releases"]}
    assert ("active", "rolled_back") == (statuses[live], statuses[done["release"]])


def test_the_release_that_got_the_traffic_back_is_not_left_in_its_turn(operator: Operator) -> None:
    live = row(operator.bed, "blog").live
    count = len(operations(operator.bed, "blog"))
    (unit,) = operator.units("blog")

    _crash_until(operator, "blog", lambda: _has_given_up(operator, unit))

    operator.bed.wait_until(
        lambda: any(f"{unit.removesuffix('.service')} failed; v{live} is not new" in line for line in _said(operator))
    )
    assert live == row(operator.bed, "blog").live
    assert count == len(operations(operator.bed, "blog"))
    operator.pvdify("ps:restart", "blog")
    assert [] == wrong(operator, "blog", live=live)


def test_a_crash_loop_of_an_old_release_changes_nothing(operator: Operator) -> None:
    live = row(operator.bed, "old").live
    (switched,) = (
        unix_time(line)
        for line in operations(operator.bed, "old")[-1]
        if (line["kind"], line.get("step")) == ("done", "switch")
    )
    operator.bed.wait_until(lambda: time.time() > switched + 43, timeout=60, what="the end of the watch")
    (unit,) = operator.units("old")

    _crash_until(operator, "old", lambda: _has_given_up(operator, unit))

    operator.bed.wait_until(
        lambda: any(
            f"{unit.removesuffix('.service')} failed; v{live} serves for longer" in line for line in _said(operator)
        )
    )
    assert live == row(operator.bed, "old").live
    operator.pvdify("ps:restart", "old")
    assert [] == wrong(operator, "old", live=live)


def _crash_until(operator: Operator, app: str, condition: Callable[[], bool]) -> None:
    """Kill the app's process as soon as it is up again, until *condition* holds."""
    front = row(operator.bed, app).front

    def crashed() -> bool:
        operator.curl(front, "/exit?code=3")
        return condition()

    operator.bed.wait_until(crashed, timeout=60, what="what a crash loop leads to")


def _has_given_up(operator: Operator, unit: str) -> bool:
    return "failed" == operator.bed.run("systemctl", "is-active", unit, check=False).stdout.strip()


def _wait_for_the_end(operator: Operator, app: str) -> None:
    operator.bed.wait_until(lambda: operations(operator.bed, app)[-1][-1]["kind"] == "end", what="the end")


def _said(operator: Operator) -> list[str]:
    """What the watch said so far."""
    said = operator.bed.run("journalctl", "-o", "cat", "-u", "pvdify-failed@*", check=False)  # fails where it never ran
    return said.stdout.splitlines()
