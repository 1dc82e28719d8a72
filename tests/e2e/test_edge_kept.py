"""What stays of an edge: after a boot, an edit by hand, a kill; and what is said of the way to an app when a link of it breaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pvdify.render.edge import CADDY
from tests.e2e.edge import asking
from tests.e2e.operator import Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

NAME = "blog.example.org"
FILE = f"/var/lib/pvdify/current/{CADDY}"
LOADS = 'journalctl -u pvdify-caddy -o cat | grep -c \'"uri":"/load"\''


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """An app that serves by a name that leads to this host, behind Caddy."""
    operator = Operator(bed)
    operator.create("blog")
    operator.pvdify("deploy", "blog", "--image", operator.push("v1"))
    operator.pvdify("edge:set", "caddy", "--internal-ca")
    operator.pvdify("domains:add", "blog", NAME)
    bed.wait_until(lambda: asking.https(bed, NAME).startswith("release="), what="its certificate")
    return operator


@pytest.fixture
def resolved(operator: Operator) -> Iterator[Operator]:
    """DNS, as this host sees it, leads the name here; the dot is the one at the end of the whole name."""
    hosts = operator.bed.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}127.0.0.1 {NAME}.\n")
    yield operator
    hosts.write_text(before)


def links(operator: Operator) -> tuple[str, dict[str, str]]:
    """The state of the one name, and how each link of the way to it is."""
    checked = operator.pvdify("domains:check", "blog", "--json", check=False)
    (one,) = json.loads(checked.stdout)["domains"]
    assert (0 if one["state"] == "active" else 69) == checked.returncode
    return one["state"], {link["name"]: link["status"] for link in one["links"]}


def test_after_a_boot_the_names_are_served_and_nobody_asks_caddy_to_read_its_file_again(operator: Operator) -> None:
    loads = operator.bed.run("sh", "-c", LOADS, check=False).stdout

    operator.bed.reboot()

    operator.bed.wait_until(lambda: asking.https(operator.bed, NAME).startswith("release="), what="the app by its name")
    assert "active" == operator.answer("domains", "blog")["domains"][0]["state"]
    assert "nothing to do" in operator.pvdify("apply").stdout
    operator.pvdify("deploy", "blog", "--image", operator.push("v2"))
    assert loads == operator.bed.run("sh", "-c", LOADS, check=False).stdout


def test_the_whole_way_is_well_and_each_broken_link_of_it_is_found(resolved: Operator) -> None:
    well = {"name": "ok", "edge": "ok", "front": "ok", "release": "ok"}
    assert ("active", well) == links(resolved)

    resolved.bed.run("systemctl", "stop", "pvdify-caddy")
    assert ("failed", {**well, "edge": "fail"}) == links(resolved)
    resolved.bed.run("systemctl", "start", "pvdify-caddy")
    resolved.bed.run("systemctl", "stop", "pvdify-router")
    assert ("failed", {**well, "front": "fail", "release": "fail"}) == links(resolved)
    resolved.bed.run("systemctl", "start", "pvdify-router")
    resolved.pvdify("ps:stop", "blog")
    assert ("pending", {**well, "release": "warn"}) == links(resolved)
    resolved.pvdify("ps:start", "blog")
    for way in Way:
        assert ("active", well) == links(resolved.by(way)), way
    assert f"caddy {_version(resolved)} is up; 1 of 1 names" in resolved.pvdify("doctor", check=False).stdout


def test_a_name_that_dns_does_not_know_yet_is_told(operator: Operator) -> None:
    state, found = links(operator)

    assert ("pending", "ok", "ok") == (state, found["edge"], found["release"])
    assert found["name"] in {"warn", "fail"}  # no name server at all, or one that knows no such name
    assert f"{NAME}. A" in operator.pvdify("domains", "blog", "--dns").stdout


def test_a_name_that_caddy_has_no_certificate_for_is_found_by_asking(resolved: Operator) -> None:
    resolved.pvdify("edge:set", "--public-ca")

    try:
        assert "fail" == links(resolved)[1]["edge"]
    finally:
        resolved.pvdify("edge:set", "--internal-ca")
    resolved.bed.wait_until(lambda: "ok" == links(resolved)[1]["edge"], what="a certificate")


def test_a_file_that_was_edited_by_hand_is_found_made_again_and_read_again(operator: Operator) -> None:
    bed = operator.bed
    good = bed.path(FILE).read_text()
    bed.path(FILE).write_text(good.replace(NAME, "evil.example.org"))
    bed.run("systemctl", "restart", "pvdify-caddy")
    assert CADDY in operator.pvdify("doctor", check=False).stdout

    operator.pvdify("apply")

    assert good == bed.path(FILE).read_text()
    assert asking.https(bed, NAME).startswith("release=")
    assert "" == asking.https(bed, "evil.example.org")


def test_a_file_that_was_edited_by_hand_and_shuts_pvdify_out_is_made_again_and_read_again(operator: Operator) -> None:
    bed = operator.bed
    bed.path(FILE).write_text("evil.example.org {\n\ttls internal\n}\n")
    bed.run("systemctl", "restart", "pvdify-caddy")

    operator.pvdify("apply")

    assert asking.https(bed, NAME).startswith("release=")


def test_an_edge_whose_port_a_stranger_has_comes_up_when_they_go(operator: Operator) -> None:
    bed = operator.bed
    bed.run("systemctl", "stop", "pvdify-caddy")
    held = "import socket, sys; held = socket.create_server(('', 443)); print('held', flush=True); sys.stdin.read()"
    stranger = bed.spawn("python3", "-c", held)
    assert stranger.stdout is not None
    assert "held" == stranger.stdout.readline().strip()

    refused = operator.pvdify("edge:set", "--email", "ada@example.org", check=False)
    assert "listening on :443: listen tcp :443: bind: address already in use" in refused.stderr
    assert "`systemctl disable --now caddy`" in refused.stderr
    bed.run("systemctl", "start", "pvdify-caddy", check=False)
    tries = ("systemctl", "show", "--property=NRestarts", "--value", "pvdify-caddy")
    # systemd gives up after five, if it is not told otherwise
    bed.wait_until(lambda: int(bed.run(*tries).stdout) > 5, timeout=60, what="the sixth try")
    stranger.communicate()

    bed.wait_until(lambda: asking.https(bed, NAME).startswith("release="), timeout=30, what="the app by its name")


def test_an_edge_that_is_down_is_started_by_apply(operator: Operator) -> None:
    operator.bed.run("systemctl", "stop", "pvdify-caddy")

    assert "caddy is down" in operator.pvdify("plan").stdout
    assert "heal the edge" in operator.pvdify("apply").stdout

    assert asking.https(operator.bed, NAME).startswith("release=")


def test_a_killed_caddy_comes_back_with_the_names_of_now(operator: Operator) -> None:
    operator.pvdify("domains:add", "blog", "www.example.org")
    operator.bed.run("systemctl", "kill", "--signal=KILL", "pvdify-caddy")

    operator.bed.wait_until(
        lambda: asking.https(operator.bed, "www.example.org").startswith("release="), what="the app by its name"
    )
    operator.pvdify("domains:remove", "blog", "www.example.org")


def test_a_hundred_changes_in_a_row_hang_up_on_nobody(operator: Operator) -> None:
    """Each of them is a new listener; without the kernel's help some who wait at the old one are reset."""
    asking.put(operator.bed, "reload.py", "/opt/reload.py")

    with asking.load(operator.bed, "https://127.0.0.1/", NAME, workers=16, authority=asking.AUTHORITY) as asked:
        operator.bed.run(asking.PYTHON, "/opt/reload.py", "100", timeout=300)

    assert {} == asked.failures
    assert asked.answers > 100


def test_an_edge_whose_program_is_missing_is_refused_with_what_to_install(operator: Operator) -> None:
    set_edge = ("edge:set", "cloudflared", "--tunnel", asking.TUNNEL, "--credentials-stdin")

    refused = operator.pvdify(*set_edge, says=asking.CREDENTIALS, check=False)

    assert 69 == refused.returncode
    assert "cannot find the program cloudflared" in refused.stderr
    assert "install cloudflared" in refused.stderr
    assert asking.https(operator.bed, NAME).startswith("release=")


def _version(operator: Operator) -> str:
    return operator.bed.run("caddy", "version").stdout.split()[0].removeprefix("v")
