"""A power cut in the middle of an operation: the boot alone serves the old or the new release, and recovery tidies up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.journal import unfinished
from tests.e2e.kill import Point, killed, row, tag_of, wrong
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

_IMAGE = "127.0.0.1:5000/sample"
# the last line that is written before the power goes, and what the boot must serve
POINTS = (
    ("done prepare", "old"),
    ("done start", "old"),
    ("done probe", "old"),
    ("note switch", "new"),
    ("begin route", "new"),
    ("begin drain", "new"),
    ("done stop", "new"),
)


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog` and `shop` at v1, and `vault`, whose old and new releases must not write one volume at once."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
    for app in ("blog", "shop", "vault"):
        operator.create(app)
    bed.path("/var/lib/pvdify/apps/vault/slot.toml").write_text(
        'name = "vault"\n[processes.web]\nvolumes = [{ name = "data", path = "/data" }]\n'
    )
    for app in ("blog", "shop", "vault"):
        operator.pvdify("deploy", app, "--image", f"{_IMAGE}:v1")
    return operator


def test_after_a_reboot_every_front_serves_what_it_served(operator: Operator) -> None:
    before = {app: (row(operator.bed, app).live, operator.units(app)) for app in ("blog", "shop", "vault")}

    operator.bed.reboot()

    for app, (live, units) in before.items():
        operator.wait_for(row(operator.bed, app).front, "release=v1")
        assert [] == wrong(operator, app, live=live)
        assert units == operator.units(app)
    assert () == operator.bed.failed_units


@pytest.mark.parametrize(("point", "expected"), POINTS)
def test_without_recovery_a_boot_serves_the_old_release_before_the_switch_and_the_new_one_from_it_on(
    operator: Operator, point: str, expected: str
) -> None:
    bed = operator.bed
    bed.run("systemctl", "mask", "pvdify-recover.service")
    tags = _tags(bed, "blog")

    _cut(operator, "blog", point)
    bed.boot()

    operator.wait_for(row(bed, "blog").front, f"release={tags[expected]} ")
    assert 1 == len({operator.curl(row(bed, "blog").front) for _ in range(8)})
    operator.wait_for(row(bed, "shop").front, "release=v1")
    live = {f"pvdify-blog-{name}" for name in row(bed, "blog").live_names}
    assert live == set(operator.containers("blog-v"))
    assert live == {unit.removesuffix(".service") for unit in operator.units("blog")}
    assert 1 == len(unfinished(bed, "blog"))
    bed.run("systemctl", "unmask", "pvdify-recover.service")
    operator.pvdify("ps:scale", "blog", "web=1")
    assert [] == wrong(operator, "blog", live=row(bed, "blog").live)
    assert tags[expected] in operator.curl(row(bed, "blog").front)


@pytest.mark.parametrize(("point", "expected"), POINTS)
def test_with_recovery_nothing_of_it_is_left_when_the_boot_is_over(
    operator: Operator, point: str, expected: str
) -> None:
    tags = _tags(operator.bed, "blog")

    _cut(operator, "blog", point)
    operator.bed.boot()

    live = row(operator.bed, "blog").live
    assert tags[expected] == tag_of(operator.bed, "blog", live)
    assert [] == wrong(operator, "blog", live=live)
    assert [] == wrong(operator, "shop", live=row(operator.bed, "shop").live)
    assert () == operator.bed.failed_units


@pytest.mark.parametrize("way", ["the next command", "a boot"])
def test_where_old_stops_before_new_starts_the_old_one_comes_back(operator: Operator, way: str) -> None:
    live = row(operator.bed, "vault").live
    front = row(operator.bed, "vault").front
    operator.curl(front, "/write?path=/data/note&data=kept")

    lines = killed(operator.bed, "vault", Point("at", "note replace"), "deploy", "vault", "--image", f"{_IMAGE}:v2")
    assert lines is not None
    assert {f"pvdify-vault-v{live}-web-1.service"}.isdisjoint(operator.units("vault"))
    if way == "a boot":
        operator.bed.cut()
        operator.bed.boot()
    else:
        operator.pvdify("ps:scale", "vault", "web=1")

    assert [] == wrong(operator, "vault", live=live)
    assert "kept" in operator.curl(front, "/read?path=/data/note")


def _cut(operator: Operator, app: str, point: str) -> None:
    """Deploy the other image, and cut the power behind a line of the journal."""
    argv = ("deploy", app, "--image", f"{_IMAGE}:{_tags(operator.bed, app)['new']}")
    assert killed(operator.bed, app, Point("at", point), *argv) is not None
    operator.bed.cut()


def _tags(bed: Bed, app: str) -> dict[str, str]:
    """The tag of the live release, and of the one to deploy."""
    live = tag_of(bed, app, row(bed, app).live)
    return {"old": live, "new": {"v1": "v2", "v2": "v1"}[live]}
