"""What registries refuse with, as Podman 5.4 passes it on, and our logins for them."""

from __future__ import annotations

import base64
import json

import pytest

from pvdify.adapters.registry import credentials, raise_for
from pvdify.errors import (
    ArchitectureError,
    DiskLowError,
    HostError,
    ImageNotFoundError,
    PvdifyError,
    RegistryLoginError,
    RegistryUnreachableError,
)

SOURCE = "initializing source docker://registry.example/blog:v1: "
PING = "pinging container registry registry.example: "


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ImageNotFoundError, f"{SOURCE}reading manifest v1 in registry.example/blog: manifest unknown"),
        (
            ImageNotFoundError,
            f"{SOURCE}reading manifest v1 in registry.example/blog: name unknown: repository not found",
        ),
        (RegistryLoginError, f"{SOURCE}reading manifest v1 in registry.example/blog: authentication required"),
        (RegistryLoginError, f"{SOURCE}reading manifest v1 in registry.example/blog: unauthorized: access to it"),
        (
            RegistryLoginError,
            f"{SOURCE}reading manifest v1 in docker.io/x/y: errors:\ndenied: requested access to the resource is denied\n",
        ),
        (RegistryLoginError, f"{SOURCE}Requesting bearer token: invalid status code from registry 403 (Forbidden)"),
        (RegistryLoginError, 'logging into "registry.example": invalid username/password'),
        (
            RegistryUnreachableError,
            f'{SOURCE}{PING}Get "https://registry.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
        ),
        (
            RegistryUnreachableError,
            f'{SOURCE}{PING}Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host',
        ),
        (
            RegistryUnreachableError,
            f'{SOURCE}{PING}Get "https://registry.example/v2/": dial tcp 10.0.0.1:443: i/o timeout',
        ),
        (
            RegistryUnreachableError,
            f'{SOURCE}{PING}Get "https://registry.example/v2/": http: server gave HTTP response to HTTPS client',
        ),
        (
            RegistryUnreachableError,
            f"{SOURCE}{PING}tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        (
            DiskLowError,
            "copying system image: writing blob: storing blob to file: write /var/tmp/x: no space left on device",
        ),
        (
            ArchitectureError,
            'choosing an image from manifest list: no image found in image index for architecture "amd64", variant "", OS "linux"',
        ),
        (HostError, "something that nobody has met yet"),
    ],
)
def test_a_refusal_is_told_apart(error: type[PvdifyError], reason: str) -> None:
    with pytest.raises(PvdifyError) as caught:
        raise_for(reason, "registry.example/blog:v1", "registry.example")

    assert error is type(caught.value)


def test_a_registry_that_is_away_is_told_of_in_few_words() -> None:
    asked = "dial tcp: lookup registry.example on [::1]:53: read udp [::1]:5->[::1]:53: read: connection refused"
    reason = f'{SOURCE}{PING}Get "https://registry.example/v2/": {asked}'

    with pytest.raises(RegistryUnreachableError, match=r"does not answer \(no such host\)$"):
        raise_for(reason, "registry.example/blog:v1", "registry.example")


def used(logins: dict[str, str], repository: str) -> dict[str, str]:
    header = credentials(logins, repository)
    found: dict[str, str] = json.loads(base64.urlsafe_b64decode(header)) if header else {}
    return found


def test_the_login_that_fits_a_repository_best_is_used() -> None:
    logins = {"ghcr.io": "pat:general", "ghcr.io/org": "pat:pa:ss wörd", "ghcr.io/or": "x:x"}

    assert {"username": "pat", "password": "pa:ss wörd"} == used(logins, "ghcr.io/org/app")
    assert {"username": "pat", "password": "general"} == used(logins, "ghcr.io/other/app")
    assert {} == used(logins, "ghcr.io.example/org/app")
    assert {} == used({}, "ghcr.io/org/app")
