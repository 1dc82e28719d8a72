"""Addresses as people type them."""

from __future__ import annotations

import pytest

from pvdify.client.address import RemoteHost, address, endpoint
from pvdify.errors import SpecError


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("paas.example.org", "https://paas.example.org:9443"),
        ("paas.example.org:443", "https://paas.example.org:443"),
        ("https://Paas.Example.Org/", "https://paas.example.org"),
        ("https://192.0.2.7:9443", "https://192.0.2.7:9443"),
        ("[2001:db8::1]", "https://[2001:db8::1]:9443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]", "http://[::1]"),
        ("unix:///run/pvdify/admin.sock", "unix:///run/pvdify/admin.sock"),
    ],
)
def test_an_address_has_one_spelling(typed: str, url: str) -> None:
    assert url == address(typed)
    assert url == address(url)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "https://",
        "ftp://paas.example.org",
        "http://paas.example.org",
        "https://ada:secret@paas.example.org",
        "https://paas.example.org/api/v1",
        "https://paas.example.org?token=pvd_x",
        "https://paas.example.org#top",
        "https://paas.example.org:port",
        "https://paas.example.org:99999",
        "https://[::1",
        "unix://relative.sock",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(SpecError, match="as the address of a host") as caught:
        address(typed)

    assert "https://paas.example.org:9443" in caught.value.hint


def test_the_end_of_a_connection_is_a_host_and_a_port() -> None:
    assert ("::1", 8443) == endpoint("https://[::1]:8443")
    assert ("paas.example.org", 443) == endpoint("https://paas.example.org")


def test_a_host_never_shows_its_token() -> None:
    assert "pvd_secret" not in repr(RemoteHost(url="https://h", token="pvd_secret"))  # noqa: S106 - nobody's
