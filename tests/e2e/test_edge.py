"""The edge in a bed: names over HTTPS by Caddy, and a tunnel's hand-over, under load."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.e2e.edge import asking
from tests.e2e.operator import Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

_BROKEN = """#!/bin/sh
case $* in *validate) exit 0 ;; esac
echo 'no edge of Cloudflare answers' >&2
exit 1
"""
NAME = "blog.example.org"
OTHER = "shop.example.org"


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Two apps that serve."""
    operator = Operator(bed)
    image = operator.push("v1")
    for app in ("blog", "shop"):
        operator.create(app)
        operator.pvdify("deploy", app, "--image", image)
    return operator


@pytest.fixture
def caddy(operator: Operator) -> Iterator[Operator]:
    """The host's edge is Caddy, with an authority of its own."""
    operator.pvdify("edge:set", "caddy", "--internal-ca", "--domain", "apps.example.org")
    operator.pvdify("domains:add", "blog", NAME)
    operator.pvdify("domains:add", "shop", OTHER)
    for name in (NAME, OTHER, "shop.apps.example.org"):
        operator.bed.wait_until(partial(is_served, operator, name), what=f"the certificate of {name}")
    yield operator
    for app, name in (("blog", NAME), ("shop", OTHER)):
        operator.pvdify("domains:remove", app, name)
    operator.pvdify("edge:set", "none", "--domain", "")


@pytest.fixture
def tunnel(operator: Operator) -> Iterator[Operator]:
    """The host's edge is a tunnel."""
    with asking.cloudflare(operator.bed):
        set_edge = ("edge:set", "cloudflared", "--tunnel", asking.TUNNEL, "--credentials-stdin")
        operator.pvdify(*set_edge, says=asking.CREDENTIALS)
        operator.pvdify("domains:add", "blog", NAME)
        yield operator
        operator.pvdify("domains:remove", "blog", NAME)
        operator.pvdify("edge:set", "none", "--domain", "")


def https(operator: Operator, name: str) -> str:
    return asking.https(operator.bed, name)


def is_served(operator: Operator, name: str) -> bool:
    return https(operator, name).startswith("release=")


def test_caddy_serves_an_app_by_its_names_over_https_and_redirects_to_it(caddy: Operator) -> None:
    assert is_served(caddy, NAME)
    assert is_served(caddy, "shop.apps.example.org")
    plain = caddy.bed.run(
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{redirect_url}",
        "-H",
        f"Host: {NAME}",
        "http://127.0.0.1/",
    )
    assert f"308 https://{NAME}/" == plain.stdout
    assert 'h3=":443"' in asking.https(caddy.bed, NAME, "-D", "-", "-o", "/dev/null")
    assert ":443" in caddy.bed.run("ss", "-Hlun", "sport", "=", ":443").stdout
    assert ["active"] * 2 == [one["state"] for one in caddy.answer("domains", "blog")["domains"]]


@pytest.mark.parametrize("way", [Way.LOCAL, Way.ADMIN])
def test_whoever_has_public_certificates_may_go_over_to_an_authority_of_their_own(way: Way, caddy: Operator) -> None:
    bed = caddy.bed
    caddy.pvdify("edge:set", "caddy", "--public-ca")
    bed.run("rm", "-rf", "/var/lib/pvdify-edge/pki", "/var/lib/pvdify-edge/certificates")

    caddy.by(way).pvdify("edge:set", "caddy", "--internal-ca")

    # which it does as soon as it has given up the public one
    bed.wait_until(lambda: is_served(caddy, NAME), what="the certificate of its own authority")
    assert "" == bed.run("find", "/var/lib/pvdify-edge", "!", "-user", "pvdify-edge").stdout


def test_twenty_deploys_behind_caddy_fail_no_request_and_never_touch_it(caddy: Operator) -> None:
    images = [caddy.push("v1"), caddy.push("v2")]
    pid = caddy.bed.run("systemctl", "show", "-P", "MainPID", "pvdify-caddy").stdout
    reloads = 'journalctl -u pvdify-caddy -o cat | grep -c \'"uri":"/load"\''
    before = caddy.bed.run("sh", "-c", reloads).stdout

    with asking.load(caddy.bed, "https://127.0.0.1/", NAME, authority=asking.AUTHORITY) as asked:
        for turn in range(20):
            caddy.pvdify("deploy", "blog", "--image", images[turn % 2])

    assert {} == asked.failures
    assert asked.answers > 500
    assert pid == caddy.bed.run("systemctl", "show", "-P", "MainPID", "pvdify-caddy").stdout
    assert before == caddy.bed.run("sh", "-c", reloads).stdout


@pytest.mark.parametrize("way", [Way.LOCAL, Way.ADMIN])
def test_names_that_come_and_go_for_one_app_cost_another_no_request(way: Way, caddy: Operator) -> None:
    """Among 60 others, since this Caddy listens anew first, and reads certificates then: the more, the later."""
    operator = caddy.by(way)
    others = [f"n{number}.example.org" for number in range(60)]
    operator.create("many")
    operator.pvdify("domains:add", "many", *others)
    caddy.bed.wait_until(lambda: all(https(caddy, name) for name in others), timeout=60, what="60 certificates")

    with asking.load(caddy.bed, "https://127.0.0.1/", NAME, authority=asking.AUTHORITY) as asked:
        for number in range(5):
            operator.pvdify("domains:add", "shop", f"s{number}.example.org")
            caddy.bed.wait_until(partial(is_served, caddy, f"s{number}.example.org"), what="the new name")
        for number in range(5):
            operator.pvdify("domains:remove", "shop", f"s{number}.example.org")

    operator.pvdify("apps:destroy", "many", "--confirm", "many")
    assert {} == asked.failures
    assert asked.answers > 100
    assert "" == https(caddy, "s1.example.org")


def test_a_tunnel_is_handed_over_between_two_replicas_without_a_failed_request(tunnel: Operator) -> None:
    bed = tunnel.bed
    first = asking.replicas(bed)

    with asking.load(bed, f"{asking.CLOUDFLARE}/", NAME) as asked:
        for number in range(6):
            tunnel.pvdify("domains:add", "shop", f"t{number}.example.org")
            got = bed.run("curl", "-s", "-H", f"Host: t{number}.example.org", f"{asking.CLOUDFLARE}/").stdout
            assert got.startswith("release=")
        tunnel.pvdify("deploy", "blog", "--image", tunnel.push("v2"))

    assert {} == asked.failures
    assert asked.answers > 100
    last = asking.replicas(bed)
    assert (1, 1) == (len(first), len(last))
    assert first != last
    tunnel.pvdify("domains:remove", "shop", "t0.example.org")
    status = bed.run(
        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: t0.example.org", f"{asking.CLOUDFLARE}/"
    )
    assert "404" == status.stdout
    for number in range(1, 6):
        tunnel.pvdify("domains:remove", "shop", f"t{number}.example.org")


def test_a_deploy_never_touches_the_tunnel(tunnel: Operator) -> None:
    before = asking.replicas(tunnel.bed)

    tunnel.pvdify("deploy", "blog", "--image", tunnel.push("v1"))
    tunnel.pvdify("rollback", "blog")

    assert before == asking.replicas(tunnel.bed)


def test_a_hand_over_that_was_killed_in_the_middle_is_ended_by_the_next(tunnel: Operator) -> None:
    bed = tunnel.bed
    bed.run("systemctl", "start", "pvdify-tunnel@a.service", "pvdify-tunnel@b.service")
    assert 2 == len(asking.replicas(bed))

    with asking.load(bed, f"{asking.CLOUDFLARE}/", NAME) as asked:
        tunnel.pvdify("domains:add", "shop", "u.example.org")

    assert {} == asked.failures
    assert 1 == len(asking.replicas(bed))
    got = bed.run("curl", "-s", "-H", "Host: u.example.org", f"{asking.CLOUDFLARE}/").stdout
    assert got.startswith("release=")
    tunnel.pvdify("domains:remove", "shop", "u.example.org")


def test_a_replica_that_does_not_connect_leaves_the_old_one_and_the_names_as_they_were(tunnel: Operator) -> None:
    bed, program = tunnel.bed, "/usr/local/bin/cloudflared"
    bed.run("mv", program, f"{program}.good")
    bed.path(program).write_text(_BROKEN)
    bed.path(program).chmod(0o755)
    # a unit that fails at once and is started again: it never says that it is ready
    before = asking.replicas(bed)
    try:
        refused = tunnel.pvdify("domains:add", "shop", "v.example.org", check=False, timeout=180)
    finally:
        bed.run("mv", f"{program}.good", program)

    assert 0 != refused.returncode
    assert "pvdify-tunnel@" in refused.stderr
    assert before == asking.replicas(bed)
    assert [] == tunnel.answer("domains", "shop")["domains"]
    assert bed.run("curl", "-s", "-H", f"Host: {NAME}", f"{asking.CLOUDFLARE}/").stdout.startswith("release=")
    tunnel.pvdify("domains:add", "shop", "v.example.org")
    tunnel.pvdify("domains:remove", "shop", "v.example.org")


def test_the_tunnels_credentials_are_in_no_argument_and_in_no_readable_file(tunnel: Operator) -> None:
    bed = tunnel.bed

    arguments = bed.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'").stdout
    found = bed.run(
        "grep", "-rlF", asking.SECRET, "/var/lib/pvdify", "/etc", "/run", "/var/log", check=False
    ).stdout.split()
    journal = bed.run("journalctl", "--no-pager", "-o", "json").stdout

    assert asking.SECRET not in journal
    # Cloudflare's own side in this bed was told the secret as an argument
    assert 1 == arguments.count(asking.SECRET)
    assert all(path.startswith("/run/credentials/pvdify-tunnel@") for path in found)
    assert all("0" == bed.run("stat", "-c", "%a", path).stdout.strip()[-1] for path in found)


def test_what_is_no_domain_or_anothers_is_refused_and_changes_nothing(caddy: Operator) -> None:
    before = caddy.bed.run("readlink", "/var/lib/pvdify/current").stdout
    odd = (
        "example.org:80",
        "example.org/x",
        "https://example.org",
        "a.*.example.org",
        "127.0.0.1",
        f"{'a' * 250}.org",
        "ex\u202eample.org",
    )

    for name in (*odd, OTHER, "shop.apps.example.org"):
        refused = caddy.pvdify("domains:add", "-a", "blog", name, check=False)
        assert 0 != refused.returncode, name
        assert "cannot" in refused.stderr, name

    assert before == caddy.bed.run("readlink", "/var/lib/pvdify/current").stdout
    assert {NAME, "blog.apps.example.org"} == {one["name"] for one in caddy.answer("domains", "blog")["domains"]}


def test_one_of_two_apps_that_want_a_name_at_once_gets_it(caddy: Operator) -> None:
    processes = [caddy.spawn("domains:add", app, "both.example.org") for app in ("blog", "shop")]
    said = [process.communicate(timeout=60) for process in processes]

    owners = [app for app in ("blog", "shop") if "both.example.org" in json.dumps(caddy.answer("domains", app))]
    assert [0, 75] == sorted(process.returncode for process in processes), said
    assert 1 == len(owners)
    caddy.pvdify("domains:remove", owners[0], "both.example.org")


@pytest.mark.parametrize("way", [Way.ADMIN, Way.HTTPS])
def test_domains_change_from_elsewhere_as_on_the_host(way: Way, caddy: Operator) -> None:
    afar = caddy.by(way)

    afar.pvdify("domains:add", "blog", "afar.example.org")
    caddy.bed.wait_until(lambda: is_served(caddy, "afar.example.org"), what="the new name")
    afar.pvdify("domains:remove", "blog", "afar.example.org")

    assert "afar" not in json.dumps(afar.answer("domains", "blog"))
