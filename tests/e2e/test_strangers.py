"""A front that a stranger holds does not keep the others down, and comes back when the stranger has gone."""

import pytest

from tests.e2e.bed import Bed
from tests.e2e.operator import Operator

STRANGER = """\
[Unit]
DefaultDependencies=no
After=local-fs.target
Before=pvdify-router.service

[Service]
ExecStart=python3 -m http.server --bind {address} --directory /srv {port}
ExecStartPost=sh -c 'until curl -so /dev/null 127.0.0.1:{port}; do :; done'

[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    operator = Operator(bed)
    operator.push("v1")
    for app in ("blog", "shop"):
        operator.create(app)
        operator.pvdify("deploy", app, "--image", "127.0.0.1:5000/sample:v1")
    return operator


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 -- in a bed
def test_a_boot_with_a_stranger_on_one_front_brings_up_the_others(operator: Operator, address: str) -> None:
    bed = operator.bed
    taken, free = (int(operator.answer("apps:info", app)["bind_port"]) for app in ("blog", "shop"))
    bed.path("/etc/systemd/system/stranger.service").write_text(STRANGER.format(address=address, port=taken))
    bed.run("systemctl", "enable", "stranger.service")

    bed.reboot()

    operator.wait_for(free, "release=v1")
    assert "Directory listing" in operator.curl(taken)
    journal = bed.run("journalctl", "-b", "-u", "pvdify-router.service", "-o", "cat").stdout
    assert f"parked front 127.0.0.1:{taken}: held by" in journal

    bed.run("systemctl", "disable", "--now", "stranger.service")
    bed.run("systemctl", "reload", "pvdify-router.service")
    operator.wait_for(taken, "release=v1")


def test_a_reload_does_not_take_the_routers_own_listeners_for_strangers(operator: Operator) -> None:
    ports = [int(operator.answer("apps:info", app)["bind_port"]) for app in ("blog", "shop")]
    for _ in range(3):
        operator.bed.run("systemctl", "reload", "pvdify-router.service")

    fronts = operator.bed.path("/run/pvdify/router-fronts.cfg").read_text()

    assert "parked" not in fronts
    assert all(f"setenv PVDIFY_FRONT_{port} 127.0.0.1:{port}" in fronts for port in ports)
    assert all("release=v1" in operator.curl(port) for port in ports)
