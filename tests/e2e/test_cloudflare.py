"""Cloudflare's API from an installed host: by its own name, over TLS, from the command line and from the service in its sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.edge import asking
from tests.e2e.operator import Operator, Way
from tests.fakes.cloudflare import ACCOUNT, TOKEN, TUNNEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

API = "api.cloudflare.com"
ADDRESS = "127.0.0.2"
CERTIFICATE, KEY = "/etc/ssl/private/cloudflare.pem", "/etc/ssl/private/cloudflare.key"
FAKES = Path(__file__).parents[1] / "fakes"
NAME = "blog.example.org"
TARGET = f"{TUNNEL}.cfargotunnel.com"


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Iterator[Operator]:
    """A host with an app, whose system trusts the stand-in."""
    operator = Operator(bed)
    operator.create("blog")
    bed.run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", KEY, "-out", CERTIFICATE, "-days", "2", "-subj", f"/CN={API}"),
        *("-addext", f"subjectAltName=DNS:{API}"),
    )
    with bed.path("/etc/ssl/certs/ca-certificates.crt").open("a") as trusted:
        trusted.write(bed.path(CERTIFICATE).read_text())
    with bed.path("/etc/hosts").open("a") as hosts:
        hosts.write(f"{ADDRESS} {API}\n")
    for name, text in {
        "fakes/cloudflare.py": (FAKES / "cloudflare.py").read_text(),
        "fakes/cloudflare_server.py": (FAKES / "cloudflare_server.py").read_text(),
        "__init__.py": "",
        "fakes/__init__.py": "",
    }.items():
        path = bed.path(f"/opt/standin/tests/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    asking.put(bed, "cloudflare_api.py", "/opt/standin/cloudflare_api.py")
    words = (asking.PYTHON, "/opt/standin/cloudflare_api.py", ADDRESS, CERTIFICATE, KEY)
    process = bed.spawn(*words)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{TOKEN}\n")
        process.stdin.flush()
        assert "ready" == process.stdout.readline().strip()
        yield operator
    finally:
        process.terminate()
        process.communicate()


def there(bed: Bed, path: str) -> Any:
    """What Cloudflare keeps, as anybody asks for it."""
    done = bed.run("curl", "-sS", "-H", f"Authorization: Bearer {TOKEN}", f"https://{API}/client/v4{path}")
    return json.loads(done.stdout)["result"]


@pytest.mark.parametrize("way", [Way.LOCAL, Way.HTTPS])
def test_a_name_is_led_here_through_a_tunnel_that_cloudflare_keeps_and_back(way: Way, operator: Operator) -> None:
    bed, operator = operator.bed, operator.by(way)
    front = operator.answer("apps:info", "blog")["bind_port"]
    operator.pvdify("cloudflare:login", "--token-stdin", says=TOKEN)
    operator.pvdify("edge:set", "cloudflared", "--managed", "remote", "--account", ACCOUNT, "--tunnel", TUNNEL)

    operator.pvdify("domains:add", "blog", NAME, "--dns")

    zone = there(bed, "/zones")[0]["id"]
    (record,) = there(bed, f"/zones/{zone}/dns_records")
    rules = there(bed, f"/accounts/{ACCOUNT}/cfd_tunnel/{TUNNEL}/configurations")["config"]["ingress"]
    assert ("CNAME", NAME, TARGET, True) == tuple(record[one] for one in ("type", "name", "content", "proxied"))
    assert [{"hostname": NAME, "service": f"http://127.0.0.1:{front}"}, {"service": "http_status:404"}] == rules
    assert "blog" == operator.answer("cloudflare:dns", "example.org")["records"][0]["app"]

    operator.pvdify("domains:remove", "blog", NAME)
    operator.pvdify("edge:set", "none")
    operator.pvdify("cloudflare:logout")

    assert [] == there(bed, f"/zones/{zone}/dns_records")
    configuration = there(bed, f"/accounts/{ACCOUNT}/cfd_tunnel/{TUNNEL}/configurations")
    assert [{"service": "http_status:404"}] == configuration["config"]["ingress"]


def test_the_token_is_in_no_argument_and_in_no_readable_file(operator: Operator) -> None:
    bed = operator.bed
    operator.pvdify("cloudflare:login", "--token-stdin", says=TOKEN)
    operator.by(Way.HTTPS).pvdify("cloudflare:zones")

    written = bed.run(
        *("grep", "-rlF", TOKEN, "/var/lib/pvdify", "/run/pvdify", "/etc", "/var/log", "/root", "/tmp"), check=False
    )
    logged = bed.run("journalctl", "-o", "export", "--no-pager").stdout

    assert "" == written.stdout
    assert TOKEN not in logged
    operator.pvdify("cloudflare:logout")


def test_an_api_that_nobody_trusts_is_told_of_and_gets_no_token(operator: Operator) -> None:
    bed = operator.bed
    bundle = bed.path("/etc/ssl/certs/ca-certificates.crt")
    trusted = bundle.read_text()
    bundle.write_text(trusted.replace(bed.path(CERTIFICATE).read_text(), ""))
    try:
        for way in (Way.LOCAL, Way.HTTPS):
            done = operator.by(way).pvdify("cloudflare:login", "--token-stdin", says=TOKEN, check=False)
            assert 69 == done.returncode
            assert "Cloudflare cannot be reached: its certificate is not trusted" in done.stderr
    finally:
        bundle.write_text(trusted)
