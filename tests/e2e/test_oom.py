"""Limits of memory hold, and a deploy that runs into one says so: on a kernel of its own, since a bed has no control group controllers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.installed import installed
from tests.e2e.operator import Operator
from tests.e2e.vm import run

if TYPE_CHECKING:
    from tests.e2e.bed import layers

_IMAGE = "127.0.0.1:5000/sample"
_SCRIPT = (Path(__file__).parent / "vm/oom.py").read_text()


@pytest.fixture(scope="module")
def said(bed_base: layers.Base) -> dict[str, Any]:
    """What a machine says whose app may have 64 MiB."""
    with installed() as bed:
        operator = Operator(bed.boot())
        operator.push("v1")
        operator.push("hungry", env={"APP_FILL_MB": "200"})
        operator.create("blog")
        slot = bed.path("/var/lib/pvdify/apps/blog/slot.toml")
        slot.write_text('name = "blog"\n\n[resources]\nmemory = "64M"\n')
        operator.pvdify("deploy", "blog", "--image", f"{_IMAGE}:v1")
        bed.poweroff()
        return run(bed, _SCRIPT)


def test_an_app_comes_up_with_its_limit(said: dict[str, Any]) -> None:
    assert "release=v1" in said["at boot"]
    assert str(64 * 1024 * 1024) == said["limit"]


def test_an_instance_that_passes_its_limit_is_killed_and_started_again(said: dict[str, Any]) -> None:
    assert said["answer to 200 MB"].startswith("HTTP/1.1 502 ")
    assert "Not available right now" in said["answer to 200 MB"]
    assert "release=v1" in said["after the kill"]
    assert 1 == said["restarts"]
    assert "Memory cgroup out of memory" in said["kernel"]


def test_a_deploy_whose_release_passes_its_limit_says_so_and_leaves_the_old_one_serving(said: dict[str, Any]) -> None:
    assert 0 != said["deploy status"]
    assert "memory" in said["deploy"].lower()
    assert "OOM" in said["deploy"]
    assert "release=v1" in said["after the deploy"]
