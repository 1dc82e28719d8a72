"""Whom a client trusts, with real certificates on real sockets."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.client import trust
from pvdify.client.remote import remote
from pvdify.errors import SpecError, UnreachableError
from pvdify.model.answers import Apps
from pvdify.model.requests import Nothing
from pvdify.operations import apps
from tests.client.canned import CannedHost, Identity, answers, identity, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.client.address import RemoteHost

BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def own(directory: Path) -> Identity:
    """The host's own, for a name that it is not reached by."""
    return identity(directory, "own")


@pytest.fixture(scope="module")
def named(directory: Path) -> Identity:
    """One for the name that the host is reached by."""
    return identity(directory, "named", names="DNS:localhost")


@pytest.fixture(scope="module")
def there(own: Identity) -> Iterator[RemoteHost]:
    canned = CannedHost()
    canned.on("GET /apps", answers(Apps(apps=())))
    with served(canned, shows=own) as there:
        yield there


def asked(host: RemoteHost, *, backend: str = "trio") -> Apps:
    async def run() -> Apps:
        async with remote(host, pauses=(60,)) as client:
            return await client.ask(apps.LIST, Nothing())

    return anyio.run(run, backend=backend)


def shown(url: str, *, backend: str = "trio") -> trust.Shown:
    return anyio.run(trust.shown, url, backend=backend)


@BACKENDS
def test_a_pinned_certificate_is_enough_whatever_name_is_in_it(backend: str, there: RemoteHost, own: Identity) -> None:
    assert Apps(apps=()) == asked(replace(there, certificate=own.pem), backend=backend)


@BACKENDS
def test_another_certificate_than_the_pinned_one_is_refused(backend: str, there: RemoteHost, named: Identity) -> None:
    with pytest.raises(UnreachableError, match="its certificate is not trusted") as caught:
        asked(replace(there, certificate=named.pem), backend=backend)

    assert f"pvdify login {there.url}" in caught.value.hint


@BACKENDS
def test_a_certificate_that_nobody_vouches_for_is_refused(backend: str, there: RemoteHost) -> None:
    with pytest.raises(UnreachableError, match="self-signed certificate"):
        asked(there, backend=backend)


def test_an_authority_vouches_only_for_the_name_in_the_certificate(
    there: RemoteHost, own: Identity, named: Identity
) -> None:
    canned = CannedHost()
    canned.on("GET /apps", answers(Apps(apps=())))

    with pytest.raises(UnreachableError, match=r"[Hh]ostname mismatch"):
        asked(replace(there, authority=own.pem))
    with served(canned, shows=named) as well_named:
        assert Apps(apps=()) == asked(replace(well_named, authority=named.pem))


@BACKENDS
def test_a_stranger_learns_which_certificate_is_shown_and_what_speaks_against_it(
    backend: str, there: RemoteHost, own: Identity
) -> None:
    seen = shown(there.url, backend=backend)

    assert (own.pem, "self-signed certificate") == (seen.certificate, seen.distrust)


def test_a_fingerprint_is_what_openssl_shows_on_the_host(own: Identity) -> None:
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", str(own.certificate)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    fingerprint = trust.fingerprint(own.pem)

    assert fingerprint == trust.read_fingerprint(said)
    assert fingerprint == trust.read_fingerprint(fingerprint.replace(":", "").lower())


@pytest.mark.parametrize("text", ["", "abc", "SHA256:" + 64 * "g", 65 * "a"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="as a fingerprint"):
        trust.read_fingerprint(text)


def test_what_is_no_certificate_is_refused(there: RemoteHost) -> None:
    with pytest.raises(SpecError, match="it is no PEM"):
        asked(replace(there, certificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
    with pytest.raises(SpecError, match="it is no PEM"):
        asked(replace(there, authority="nothing"))


@BACKENDS
def test_nobody_there_is_told(backend: str) -> None:
    with pytest.raises(UnreachableError, match=r"cannot reach https://127\.0\.0\.1:1: connection refused"):
        shown("https://127.0.0.1:1", backend=backend)


def test_who_speaks_no_tls_is_told() -> None:
    with served(CannedHost()) as plain, pytest.raises(UnreachableError, match=r"cannot reach https://.*TLS ends with"):
        shown(plain.url.replace("http:", "https:"))
