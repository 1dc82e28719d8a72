"""Certificates of an ACME server: the whole way from a name to HTTPS, with the real Caddy and a stand-in for the authority."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.edge import asking
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.e2e.bed import Bed

NAME = "blog.example.org"
SERVER = "https://localhost:14000/directory"
OTHER = "www.example.org"
ROOT = "/opt/acme/root.crt"
TRUSTED = "/usr/local/share/ca-certificates/stand-in.crt"


def acme_server(bed: Bed) -> AbstractContextManager[None]:
    """It answers as long as the block lasts; its root is made once."""
    return asking.stand_in(bed, "/opt/acme.py", "/opt/acme")


@pytest.fixture(scope="module")
def bed(bed: Bed) -> Bed:
    """A host that trusts an ACME server."""
    asking.put(bed, "acme.py", "/opt/acme.py")
    bed.run("mkdir", "-p", "/opt/acme")
    with acme_server(bed):
        bed.run("cp", ROOT, TRUSTED)
        bed.run("update-ca-certificates")
    return bed


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """An app that serves by a name, on a host whose Caddy asked that server for its certificate."""
    operator = Operator(bed)
    operator.create("blog")
    operator.pvdify("deploy", "blog", "--image", operator.push("v1"))
    operator.pvdify("edge:set", "caddy", "--acme-server", SERVER, "--email", "ada@example.org")
    with acme_server(bed):
        operator.pvdify("domains:add", "blog", NAME)
        bed.wait_until(lambda: by_https(operator, NAME), timeout=90, what="the app by its name")
    return operator


def by_https(operator: Operator, name: str) -> bool:
    """Whether the app answers by that name, with a certificate of the ACME server."""
    return asking.https(operator.bed, name, authority=ROOT).startswith("release=")


def test_a_name_gets_its_certificate_from_the_acme_server_and_serves(operator: Operator) -> None:
    assert by_https(operator, NAME)
    assert SERVER in operator.pvdify("edge").stdout


def test_where_the_acme_server_is_down_the_names_from_before_serve_and_a_new_one_waits(operator: Operator) -> None:
    operator.pvdify("domains:add", "blog", OTHER)

    assert by_https(operator, NAME)
    checked = operator.pvdify("domains:check", "blog", OTHER, check=False)
    assert 69 == checked.returncode
    assert f"Caddy has no certificate for {OTHER} yet" in checked.stdout
    with acme_server(operator.bed):
        operator.bed.run("systemctl", "restart", "pvdify-caddy")  # by itself it tries again after a minute
        operator.bed.wait_until(
            lambda: by_https(operator, OTHER), timeout=90, what="the new name, once the server answers"
        )
    assert by_https(operator, NAME)


def test_another_authority_and_back_serve_with_the_certificates_of_each(operator: Operator) -> None:
    operator.pvdify("edge:set", "--internal-ca")
    operator.bed.wait_until(lambda: asking.https(operator.bed, NAME).startswith("release="), what="its own authority")

    operator.pvdify("edge:set", "--public-ca")

    operator.bed.wait_until(lambda: by_https(operator, NAME), what="the certificate that it had")
