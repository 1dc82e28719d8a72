"""The hosts that a user knows: what is kept, where, and who may read it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from pvdify.client.address import RemoteHost
from pvdify.client.hosts import Hosts
from pvdify.errors import HostError, NotFoundError, RefusedError, SpecError
from tests.cli.fake import FakeVault
from tests.client.canned import identity

if TYPE_CHECKING:
    from pathlib import Path

ONE = RemoteHost(url="https://one.example:9443", name="one", token="pvd_one")  # noqa: S106 - nobody's
TWO = RemoteHost(url="https://two.example", name="two", token="pvd_two")  # noqa: S106 - nobody's


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path / "pvdify" / "hosts.toml", FakeVault())


def test_nothing_is_known_at_first(hosts: Hosts) -> None:
    assert {} == hosts.known().hosts
    assert hosts.known().current is None
    assert not hosts.path.parent.exists()


def test_what_is_kept_is_read_again(hosts: Hosts, tmp_path: Path) -> None:
    pem = identity(tmp_path).pem
    whole = RemoteHost(url="https://[::1]:9443", name="own-1.x", token="pvd_x", certificate=pem, authority="")  # noqa: S106 - nobody's
    signed = RemoteHost(url="https://two.example", name="two", token="pvd_y", authority=pem)  # noqa: S106 - nobody's

    hosts.keep(whole)
    hosts.keep(signed)

    assert (whole, signed) == (hosts.host("own-1.x"), hosts.host("two"))


def test_nobody_else_may_read_it(hosts: Hosts) -> None:
    hosts.keep(ONE)

    assert 0o600 == stat.S_IMODE(hosts.path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(hosts.path.parent.stat().st_mode)
    assert [hosts.path] == list(hosts.path.parent.iterdir())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(mode: int, hosts: Hosts) -> None:
    hosts.keep(ONE)
    hosts.path.chmod(mode)

    with pytest.raises(RefusedError, match="others can read it") as caught:
        hosts.known()

    assert f"chmod 600 {hosts.path}" in caught.value.hint


def test_the_last_one_that_was_kept_is_asked_until_another_is_said(hosts: Hosts) -> None:
    hosts.keep(ONE)
    hosts.keep(TWO)
    assert "two" == hosts.known().current

    hosts.use("one")

    assert "one" == hosts.known().current


def test_a_host_is_found_by_its_address_and_the_current_one_first(hosts: Hosts) -> None:
    other = RemoteHost(url=ONE.url, name="another", token="pvd_another")  # noqa: S106 - nobody's
    hosts.keep(other)
    hosts.keep(ONE)

    assert "one" == hosts.name_of(ONE.url)
    assert hosts.name_of("https://three.example") is None


def test_a_name_that_means_another_host_is_refused(hosts: Hosts) -> None:
    hosts.keep(ONE)

    with pytest.raises(RefusedError, match=r"that is https://one\.example:9443 already"):
        hosts.keep(RemoteHost(url=TWO.url, name="one"))

    assert ONE == hosts.host("one")


def test_a_forgotten_host_leaves_the_only_other_one(hosts: Hosts) -> None:
    hosts.keep(ONE)
    hosts.keep(TWO)

    hosts.forget("two")

    assert ["one"] == list(hosts.known().hosts)
    assert "one" == hosts.known().current


@pytest.mark.parametrize("asked", ["host", "without_token", "use", "forget"])
def test_an_unknown_host_is_not_found(asked: str, hosts: Hosts) -> None:
    with pytest.raises(NotFoundError, match="cannot find the host three"):
        getattr(hosts, asked)("three")


def test_a_keyring_takes_the_token_out_of_the_file(tmp_path: Path) -> None:
    vault = FakeVault(is_there=True)
    hosts = Hosts(tmp_path / "hosts.toml", vault)

    assert hosts.keep(ONE)

    assert {"one": "pvd_one"} == vault.tokens
    assert "pvd_one" not in hosts.path.read_text()
    assert ONE == hosts.host("one")


def test_a_forgotten_host_is_forgotten_by_the_keyring(tmp_path: Path) -> None:
    vault = FakeVault(is_there=True)
    hosts = Hosts(tmp_path / "hosts.toml", vault)
    hosts.keep(ONE)

    hosts.forget("one")

    assert {} == vault.tokens


def test_a_token_that_comes_back_into_the_file_leaves_none_in_the_keyring(tmp_path: Path) -> None:
    vault = FakeVault(is_there=True)
    hosts = Hosts(tmp_path / "hosts.toml", vault)
    hosts.keep(ONE)
    vault.is_there = False

    assert not hosts.keep(ONE)

    assert {} == vault.tokens
    assert ONE == hosts.host("one")


@pytest.mark.parametrize("has_keyring", [False, True])
def test_a_host_that_is_kept_without_a_token_keeps_the_one_that_it_had(has_keyring: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    hosts = Hosts(tmp_path / "hosts.toml", FakeVault(is_there=has_keyring))
    hosts.keep(ONE)

    hosts.keep(hosts.without_token("one"))

    assert ONE == hosts.host("one")


@pytest.mark.parametrize(
    "host",
    [
        RemoteHost(url="https://h", name="a\nb"),
        RemoteHost(url="https://h", name=""),
        RemoteHost(url='https://h"\ncurrent = "x', name="a"),
        RemoteHost(url="https://h", name="a", token='"\\'),  # noqa: S106 - nobody's
        RemoteHost(url="https://h", name="a", certificate='"""\n[hosts.b]\n'),
    ],
    ids=["a line", "no name", "a url", "a token", "a certificate"],
)
def test_what_would_write_other_lines_is_not_kept(host: RemoteHost, hosts: Hosts) -> None:
    with pytest.raises(SpecError):
        hosts.keep(host)

    assert not hosts.path.exists()


def test_a_file_that_is_wrong_names_its_line(hosts: Hosts) -> None:
    hosts.keep(ONE)
    hosts.path.write_text('[hosts.one]\nurl = "https://h"\ncolour = "red"\n')

    with pytest.raises(SpecError, match=r"hosts\.toml, line 3"):
        hosts.known()


def test_a_file_that_cannot_be_read_or_written_is_told(hosts: Hosts) -> None:
    hosts.path.mkdir(parents=True)

    with pytest.raises(HostError, match=r"cannot read .*: is a directory"):
        hosts.known()
    hosts.path.rmdir()
    hosts.path.parent.rmdir()
    hosts.path.parent.write_text("")
    with pytest.raises(HostError, match=r"cannot .*: (file exists|not a directory)"):
        hosts.keep(ONE)
