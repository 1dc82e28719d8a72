"""A tunnel without anyone to look after it: its unit serves after a boot and a power cut, and when pvdify is uninstalled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.edge import asking
from tests.e2e.installed import installed, make
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

NAME = "blog.example.org"


@pytest.fixture(scope="module")
def bed(bed_base: object) -> Iterator[Bed]:
    """A host that serves an app by a tunnel, and that pvdify was uninstalled from."""
    with installed() as bed:
        operator = Operator(bed.boot())
        operator.create("blog")
        operator.pvdify("deploy", "blog", "--image", operator.push("v1"))
        asking.lasting_cloudflare(bed)
        set_edge = ("edge:set", "cloudflared", "--tunnel", asking.TUNNEL, "--credentials-stdin")
        operator.pvdify(*set_edge, says=asking.CREDENTIALS)
        operator.pvdify("domains:add", "blog", NAME)
        make(bed, "uninstall")
        yield bed


def test_the_tunnel_goes_on_serving_when_pvdify_is_uninstalled(bed: Bed) -> None:
    assert not bed.path("/usr/lib/pvdify").exists()
    assert asking.through_tunnel(bed, NAME).startswith("release=v1")


@pytest.mark.parametrize("way", ["reboot", "power cut"])
def test_the_tunnel_comes_back_with_its_names_after(bed: Bed, way: str) -> None:
    if way == "reboot":
        bed.reboot()
    else:
        bed.cut()
        bed.boot()

    bed.wait_until(lambda: asking.through_tunnel(bed, NAME).startswith("release=v1"), what="the app by its name")
    assert 1 == len(asking.replicas(bed))
    assert () == bed.failed_units
