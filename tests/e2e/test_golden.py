"""The golden trees, read by the programs that will read them: Quadlet, systemd, HAProxy and Caddy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify.render.edge import CADDY
from tests.e2e.bed import Bed
from tests.render.golden import GOLDEN
from tests.render.world import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator

TREES = sorted(file.parents[1] for file in GOLDEN.glob("*/haproxy/haproxy.cfg"))
HOLD = Path(__file__).parents[2] / "templates/haproxy/hold.lua"
GENERATIONS = f"{PLACE.state}/generations"
QUADLET = "/usr/lib/systemd/system-generators/podman-system-generator"


@pytest.fixture(scope="module")
def host() -> Iterator[Bed]:
    """A booted bed with every golden tree as a generation."""
    with Bed.create() as bed:
        bed.boot()
        for tree in TREES:
            shutil.copytree(tree, bed.path(f"{GENERATIONS}/{tree.name}"))
        hold = bed.path(f"{PLACE.state}/libexec/{PLACE.version}/hold.lua")
        hold.parent.mkdir(parents=True)
        shutil.copy(HOLD, hold)
        yield bed


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_quadlet_makes_a_service_of_each_container_and_systemd_takes_them_all(host: Bed, tree: Path) -> None:
    expected = {f"{file.stem}.service" for file in tree.glob("quadlet/*.container")}
    generation, made = f"{GENERATIONS}/{tree.name}", f"/tmp/{tree.name}"
    host.path(made).mkdir()

    generated = host.run("env", f"QUADLET_UNIT_DIRS={generation}/quadlet", QUADLET, made, made, made, check=False)

    assert (0, "", "") == (generated.returncode, generated.stdout, generated.stderr)
    assert expected == {file.name for file in host.path(made).glob("*.service")}
    units = [f"{made}/{unit}" for unit in sorted(expected)]
    units += [f"{generation}/systemd/{file.name}" for file in sorted(tree.glob("systemd/*"))]
    verified = host.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units, check=False)
    assert (0, "", "") == (verified.returncode, verified.stdout, verified.stderr)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_haproxy_takes_each_configuration_without_a_warning(host: Bed, tree: Path) -> None:
    checked = host.run("haproxy", "-dW", "-c", "-f", f"{GENERATIONS}/{tree.name}/haproxy/haproxy.cfg", check=False)

    assert (0, "", "") == (checked.returncode, checked.stdout, checked.stderr)


@pytest.mark.parametrize("tree", [tree for tree in TREES if (tree / CADDY).exists()], ids=lambda tree: tree.name)
def test_caddy_takes_each_file_without_a_warning_and_finds_no_other_way_to_write_it(host: Bed, tree: Path) -> None:
    file = f"{GENERATIONS}/{tree.name}/{CADDY}"

    checked = host.run("caddy", "validate", "--adapter", "caddyfile", "--config", file, check=False)
    formatted = host.run("caddy", "fmt", "--diff", file, check=False)

    assert (0, True) == (checked.returncode, "Valid configuration" in checked.stdout + checked.stderr), checked.stderr
    assert '"level":"warn"' not in checked.stderr
    assert (0, 0) == (formatted.returncode, len([one for one in formatted.stdout.splitlines() if one[:1] in "+-"]))
