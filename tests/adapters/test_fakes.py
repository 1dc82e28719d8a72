"""The fakes agree with each other, as the parts of a host do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import RouterError, UnitFailedError
from pvdify.model.names import UnitName
from pvdify.ports import Ports, Server
from tests.fakes import FakeHost

if TYPE_CHECKING:
    from pathlib import Path

UNIT = UnitName("pvdify-blog-v1-web-1.service")
FRONT = "frontend blog\n    bind 127.0.0.1:3000\nbackend blog\n    server v1-web-1 127.0.0.1:20001\n"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    for name, text in {
        "quadlet/pvdify-blog-v1-web-1.container": "[Container]\nPublishPort=127.0.0.1:20001:8080\n",
        "systemd/pvdify-blog.target": f"[Unit]\nWants={UNIT}\nPartOf=pvdify.target\n",
        "systemd/pvdify.target": "[Unit]\nWants=pvdify-blog.target\n",
        "haproxy/haproxy.cfg": FRONT,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return FakeHost(tmp_path)


async def test_a_boot_starts_what_the_tree_wants_and_the_front_answers(host: FakeHost) -> None:
    ports: Ports = host.ports

    host.boot()

    answer = await ports.network.get(3000, "/", headers={"X-Pvdify-Probe": "1"}, timeout=1)
    assert (200, {"x-pvdify-instance": "v1-web-1"}) == (answer.status, answer.headers)
    assert UNIT in host.systemd.running()
    assert ["pvdify-blog-v1-web-1"] == [one.name for one in await ports.podman.containers("pvdify-blog-")]


async def test_a_unit_is_unknown_until_it_is_read_or_lent(host: FakeHost) -> None:
    with pytest.raises(UnitFailedError):
        await host.systemd.start(UNIT, timeout=1)

    await host.systemd.lend({UNIT: b"[Service]\n"})

    await host.systemd.start(UNIT, timeout=1)
    assert UNIT in host.systemd.running()


async def test_what_stops_after_its_file_went_leaves_a_container(host: FakeHost, tmp_path: Path) -> None:
    host.boot()
    (tmp_path / "quadlet/pvdify-blog-v1-web-1.container").unlink()
    await host.systemd.reload()

    await host.systemd.stop(UNIT)

    assert ["pvdify-blog-v1-web-1"] == [one.name for one in await host.podman.containers("pvdify-blog-")]


async def test_the_router_knows_the_apps_of_the_file_only(host: FakeHost) -> None:
    host.boot()

    with pytest.raises(RouterError):
        await host.router.reconcile("shop", (Server(name="v1-web-1", port=20002),))
