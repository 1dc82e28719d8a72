"""Apps do not need pvdify: uninstalled, they run, restart and survive a reboot."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.bed import Bed
from tests.e2e.edge import asking
from tests.e2e.installed import installed, make
from tests.e2e.operator import PODMAN, Operator


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    """An operator who has deployed two apps, and then uninstalled pvdify."""
    with installed() as bed:
        operator = Operator(bed.boot())
        for release in ("v1", "v2"):
            operator.push(release)
        for app in ("blog", "shop"):
            operator.create(app)
            operator.pvdify("deploy", app, "--image", "127.0.0.1:5000/sample:v1")
        operator.pvdify("deploy", "shop", "--image", "127.0.0.1:5000/sample:v2")
        operator.pvdify("ps:scale", "blog", "web=2")
        operator.pvdify("edge:set", "caddy", "--internal-ca", "--domain", "apps.example.org")
        make(bed, "uninstall")
        yield operator


def fronts(bed: Bed) -> dict[str, int]:
    rows = json.loads(bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"]
    return {app: row["front"] for app, row in rows.items()}


def test_every_front_goes_on_answering(operator: Operator) -> None:
    assert {"blog", "shop"} == set(fronts(operator.bed))
    assert "release=v1" in operator.curl(fronts(operator.bed)["blog"])
    assert "release=v2" in operator.curl(fronts(operator.bed)["shop"])
    assert asking.https(operator.bed, "shop.apps.example.org").startswith("release=v2")
    assert not operator.bed.path("/usr/bin/pvdify").exists()
    assert not operator.bed.path("/usr/lib/pvdify").exists()


def test_an_instance_that_dies_is_started_again(operator: Operator) -> None:
    (unit,) = operator.units("shop")
    began = operator.bed.run("systemctl", "show", "--value", "-p", "InvocationID", unit).stdout

    operator.bed.run(*PODMAN, "kill", "--signal=KILL", unit.removesuffix(".service"))

    operator.bed.wait_until(
        lambda: began != operator.bed.run("systemctl", "show", "--value", "-p", "InvocationID", unit).stdout,
        what="a new invocation",
    )
    operator.wait_for(fronts(operator.bed)["shop"], "release=v2")


def test_a_crash_loop_without_anyone_to_roll_back_harms_nobody_else(operator: Operator) -> None:
    (unit,) = operator.units("shop")
    for _ in range(6):
        operator.bed.run(*PODMAN, "kill", "--signal=KILL", unit.removesuffix(".service"), check=False)
        operator.bed.wait_until(
            lambda: (
                operator.bed.run("systemctl", "is-active", unit, check=False).stdout.strip() in {"active", "failed"}
            ),
            what="the next start, or the last",
        )

    assert "release=v1" in operator.curl(fronts(operator.bed)["blog"])
    operator.bed.run("systemctl", "reset-failed", unit)
    operator.bed.run("systemctl", "start", unit)
    operator.wait_for(fronts(operator.bed)["shop"], "release=v2")


@pytest.mark.parametrize("way", ["reboot", "power cut"])
def test_every_front_answers_after(operator: Operator, way: str) -> None:
    if way == "reboot":
        operator.bed.reboot()
    else:
        operator.bed.cut()
        operator.bed.boot()

    operator.wait_for(fronts(operator.bed)["blog"], "release=v1")
    operator.wait_for(fronts(operator.bed)["shop"], "release=v2")
    assert () == operator.bed.failed_units
    assert 2 == len(operator.units("blog"))
    assert 1 == len(operator.units("shop"))
    operator.bed.wait_until(
        lambda: asking.https(operator.bed, "blog.apps.example.org").startswith("release=v1"), what="the app by its name"
    )


def test_installed_again_it_goes_on_from_there(operator: Operator) -> None:
    make(operator.bed, "install")

    assert 2 == operator.live("shop")
    operator.pvdify("rollback", "shop")
    assert "release=v1" in operator.curl(fronts(operator.bed)["shop"])
    assert [] == operator.leftovers("shop")
    assert [] == operator.leftovers("blog")


def test_purged_nothing_of_an_app_is_left(operator: Operator) -> None:
    make(operator.bed, "purge", "YES=1")

    assert 0 == operator.status(3000)
    assert [] == operator.bed.run("sh", "-c", "pgrep conmon || true").stdout.split()
    assert "" == operator.bed.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvdify*").stdout
    assert [] == list(operator.bed.path("/var/lib/pvdify").iterdir())
    mounts = operator.bed.run("cat", "/proc/mounts").stdout.splitlines()
    assert [] == [line for line in mounts if " /var/lib/pvdify/" in line or " /run/pvdify" in line]
