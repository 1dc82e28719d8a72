"""What a front does by its configuration alone: no pvdify is there, only HAProxy."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.model.edge import EdgeSettings
from pvdify.model.manifest import FRONT_FIRST
from pvdify.render.tree import ROUTER, host_artefacts
from tests.e2e.bed import Bed
from tests.render.world import PLACE, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.model.manifest import AppRow

SCENARIO = Path(__file__).parents[1] / "scenarios"
HOLD = Path(__file__).parents[2] / "templates/haproxy/hold.lua"
SERVICE = "router-of-scenarios"
FRONTS = {"volume-without-overlap": 3001, "nothing-live": 3011, "three-webs": 3021}
WEB = ("python3", "-m", "http.server", "--directory", "/srv")
HELD, CREATED, STOPPED, BALANCED = 3001, 3011, 3012, 3021


@pytest.fixture(scope="module")
def host() -> Iterator[Bed]:
    """A booted bed with the fronts of three scenarios and a small web server behind each instance port."""
    with Bed.create() as bed:
        bed.boot()
        hold = bed.path(f"{PLACE.state}/libexec/{PLACE.version}/hold.lua")
        hold.parent.mkdir(parents=True)
        shutil.copy(HOLD, hold)
        bed.path(PLACE.run).mkdir()
        for path, text in _files().items():
            bed.path(f"/tmp/{path}").parent.mkdir(parents=True, exist_ok=True)
            bed.path(f"/tmp/{path}").write_text(text)
        bed.path("/srv/health").touch()
        for port in (20000, 20001, 20002, 20004):
            bed.run("systemd-run", "--quiet", f"--unit=web-{port}", *WEB, str(port))
        router = ("haproxy", "-Ws", "-f", f"/tmp/{ROUTER}")
        bed.run("systemd-run", "--quiet", f"--unit={SERVICE}", "--property=Type=notify", *router)
        bed.wait_until(lambda: 3 == _told(bed, "show stat -1 4 -1").count(",L7OK,"), what="three servers that are up")
        yield bed


def test_a_request_gets_no_word_of_who_answered_it(host: Bed) -> None:
    headers = host.run("curl", "-sS", "-D-", "-o/dev/null", f"http://127.0.0.1:{HELD}/").stdout

    assert "200 OK" in headers
    assert "x-pvdify" not in headers.lower()


def test_a_probe_is_told_which_instance_answered_it(host: Bed) -> None:
    probe = ("-H", "X-Pvdify-Probe: 4711")
    headers = host.run("curl", "-sS", "-D-", "-o/dev/null", *probe, f"http://127.0.0.1:{HELD}/").stdout

    assert "x-pvdify-instance: v1-web-1" in headers


@pytest.mark.parametrize("front", [CREATED, STOPPED])
def test_a_front_without_a_server_says_so_at_once(host: Bed, front: int) -> None:
    assert "503" == _status(host, front, "--max-time", "1")


def test_a_request_waits_while_one_release_makes_way_for_the_next(host: Bed) -> None:
    _told(host, "set server wiki/v1-web-1 state maint")
    with host.spawn(
        "curl", "-sS", "-o/dev/null", "-w%{http_code} %{time_total}", f"http://127.0.0.1:{HELD}/"
    ) as waiting:
        host.wait_until(
            lambda: "\nwiki,FRONTEND,,,1," in _told(host, "show stat wiki 1 -1"), what="a request that waits"
        )

        _told(host, "set server wiki/v1-web-1 addr 127.0.0.1 port 20001")
        _told(host, "set server wiki/v1-web-1 state ready")
        status, seconds = waiting.communicate(timeout=5)[0].split()

    assert "200" == status
    assert 5 > float(seconds)


def test_an_instance_that_goes_away_takes_no_request_with_it(host: Bed) -> None:
    host.run("systemctl", "stop", "web-20002")

    assert ["200"] * 30 == [_status(host, BALANCED) for _ in range(30)]


def _files() -> dict[str, str]:
    """Render the fronts of the scenarios together, each at a port of its own."""
    rows: dict[str, AppRow] = {}
    for scenario, first in FRONTS.items():
        for name, row in load(SCENARIO / f"{scenario}.toml").rows.items():
            rows[name] = msgspec.structs.replace(row, front=row.front - FRONT_FIRST - 1 + first)
    return {file.path: file.text for file in host_artefacts(rows, EdgeSettings(), PLACE)}


def _status(bed: Bed, front: int, *options: str, path: str = "/") -> str:
    return bed.run("curl", "-sS", "-o/dev/null", "-w%{http_code}", *options, f"http://127.0.0.1:{front}{path}").stdout


def _told(bed: Bed, command: str) -> str:
    """Say *command* to the router, and return its answer."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(bed.path(f"{PLACE.run}/router.sock")))
        admin.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: admin.recv(65536), b"")).decode()
