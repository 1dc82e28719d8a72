"""Whom a command asks: options, environment, and what is nearest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify.cli.choice import Said, chosen
from pvdify.cli.usage import WrongUsage
from pvdify.client.address import ADMIN_SOCKET, RemoteHost
from pvdify.client.hosts import Hosts
from pvdify.errors import NotFoundError, SpecError
from pvdify.model.answers import Apps
from tests.cli.fake import Ended, FakeClient, FakeVault, typed

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path("/var/lib/pvdify")
MINE = Path("/srv/mine")
ONE = RemoteHost(url="https://one.example:9443", name="one", token="pvd_one", certificate="PEM\n")  # noqa: S106 - nobody's
BARE = RemoteHost(url="https://bare.example:9443", name="bare")
ADMIN = RemoteHost(url=ADMIN_SOCKET)
NOTHING = Said()


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    hosts = Hosts(tmp_path / "hosts.toml", FakeVault())
    hosts.keep(BARE)
    hosts.keep(ONE)
    return hosts


def pick(
    typed: Said = NOTHING,
    around: Said = NOTHING,
    *,
    hosts: Hosts,
    is_root: bool = False,
    has_state: bool = True,
    may_connect: Callable[[str], bool] = lambda _socket: False,
) -> Path | RemoteHost | None:
    return chosen(typed, around, is_root=is_root, has_state=has_state, may_connect=may_connect, hosts=lambda: hosts)


def with_token(host: RemoteHost, token: str) -> RemoteHost:
    return RemoteHost(url=host.url, name=host.name, token=token, certificate=host.certificate)


@pytest.mark.parametrize(
    ("said", "around", "target"),
    [
        (NOTHING, NOTHING, HERE),
        (NOTHING, Said(state=MINE), MINE),
        (Said(state=MINE), Said(url="one.example"), MINE),
        (Said(state=MINE), Said(host="one"), MINE),
        (NOTHING, Said(host="one", state=MINE), ONE),
        (NOTHING, Said(url="bare.example", host="one", state=MINE), BARE),
        (Said(host="one"), Said(url="bare.example"), ONE),
        (Said(url=ADMIN_SOCKET), Said(host="one"), ADMIN),
    ],
)
def test_what_was_typed_wins_then_the_environment_then_what_is_nearest(
    said: Said, around: Said, target: Path | RemoteHost, hosts: Hosts
) -> None:
    assert target == pick(said, around, hosts=hosts, is_root=True)


def test_root_works_on_its_own_host_also_where_a_service_is(hosts: Hosts) -> None:
    assert HERE == pick(hosts=hosts, is_root=True, may_connect=lambda _socket: True)


def test_root_of_a_machine_that_is_no_host_asks_the_one_that_was_logged_in_to(hosts: Hosts) -> None:
    assert ONE == pick(hosts=hosts, is_root=True, has_state=False)


def test_an_operator_asks_the_service_of_the_host(hosts: Hosts) -> None:
    asked: list[str] = []

    assert ADMIN == pick(hosts=hosts, may_connect=lambda socket: not asked.append(socket))  # type: ignore[func-returns-value]  # it is the list that counts
    assert [ADMIN_SOCKET] == asked


def test_anybody_else_asks_the_host_that_they_logged_in_to(hosts: Hosts) -> None:
    assert ONE == pick(hosts=hosts)


def test_without_a_login_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert pick(hosts=Hosts(tmp_path / "hosts.toml", FakeVault())) is None


@pytest.mark.parametrize(
    ("said", "around", "target"),
    [
        (Said(url="one.example"), NOTHING, ONE),
        (Said(url="one.example", token="t"), Said(token="e"), with_token(ONE, "t")),  # noqa: S106 - nobody's
        (Said(url="one.example"), Said(token="e"), with_token(ONE, "e")),  # noqa: S106 - nobody's
        (NOTHING, Said(url="new.example", token="e"), RemoteHost(url="https://new.example:9443", token="e")),  # noqa: S106 - nobody's
        (Said(host="one"), Said(token="e"), ONE),  # noqa: S106 - nobody's
        (Said(host="one", token="t"), NOTHING, with_token(ONE, "t")),  # noqa: S106 - nobody's
        (Said(host="bare"), Said(token="e"), with_token(BARE, "e")),  # noqa: S106 - nobody's
        (NOTHING, Said(token="e"), ONE),  # noqa: S106 - nobody's
        (Said(token="t"), NOTHING, with_token(ONE, "t")),  # noqa: S106 - nobody's
    ],
)
def test_a_token_of_the_environment_does_not_replace_that_of_a_login(
    said: Said, around: Said, target: RemoteHost, hosts: Hosts
) -> None:
    assert target == pick(said, around, hosts=hosts)


def test_an_address_that_is_known_brings_its_certificate(hosts: Hosts) -> None:
    found = pick(Said(url="https://one.example:9443"), hosts=hosts)

    assert isinstance(found, RemoteHost)
    assert "PEM\n" == found.certificate


def test_two_hosts_cannot_be_asked(hosts: Hosts) -> None:
    with pytest.raises(WrongUsage, match="--api-url and --state name one each"):
        pick(Said(url="one.example", state=MINE), hosts=hosts)


def test_what_is_unknown_or_no_address_is_told(hosts: Hosts) -> None:
    with pytest.raises(NotFoundError, match="cannot find the host three"):
        pick(Said(host="three"), hosts=hosts)
    with pytest.raises(SpecError, match="as the address of a host"):
        pick(Said(url="http://one.example"), hosts=hosts)


def asked_by(
    *argv: str, tmp_path: Path, environ: dict[str, str] | None = None, sockets: tuple[str, ...] = ()
) -> tuple[list[Path | RemoteHost], Ended]:
    """What a command line is connected to, and how it ends."""
    asked: list[Path | RemoteHost] = []
    environ = {"XDG_CONFIG_HOME": str(tmp_path), **(environ or {})}
    client = FakeClient(answers={"apps.list": Apps(apps=())})
    return asked, typed(*argv, client=client, environ=environ, is_root=False, asked_whom=asked, sockets=sockets)


def test_options_and_variables_reach_the_choice(tmp_path: Path) -> None:
    Hosts(tmp_path / "pvdify" / "hosts.toml", FakeVault()).keep(ONE)
    there = RemoteHost(url="https://new.example:9443", token="t")  # noqa: S106 - nobody's
    environ = {"PVDIFY_API_URL": "new.example", "PVDIFY_TOKEN": "t"}

    assert [ONE] == asked_by("apps", tmp_path=tmp_path)[0]
    assert [ONE] == asked_by("apps", tmp_path=tmp_path, environ={"PVDIFY_HOST": "one"})[0]
    assert [ONE] == asked_by("--host", "one", "apps", tmp_path=tmp_path, environ=environ)[0]
    assert [there] == asked_by("apps", tmp_path=tmp_path, environ=environ)[0]
    assert [there] == asked_by("apps", "--api-url", "new.example", "--token", "t", tmp_path=tmp_path)[0]
    assert [there] == asked_by("--token", "t", "apps", "--api-url", "new.example", tmp_path=tmp_path)[0]
    assert [MINE] == asked_by("--host", "one", "apps", "--state", "/srv/mine", tmp_path=tmp_path)[0]
    assert [ADMIN] == asked_by("apps", tmp_path=tmp_path, sockets=(ADMIN_SOCKET,))[0]


def test_a_host_without_a_token_is_told_before_it_is_asked(tmp_path: Path) -> None:
    asked, ended = asked_by("apps", "--api-url", "new.example", tmp_path=tmp_path)

    assert ([], 77) == (asked, ended.status)
    assert "cannot ask https://new.example:9443 without a token\n  type `pvdify login https://" in ended.err


def test_two_hosts_on_one_line_are_a_usage_error(tmp_path: Path) -> None:
    asked, ended = asked_by("apps", "--host", "one", "--api-url", "two.example", tmp_path=tmp_path)

    assert ([], 64) == (asked, ended.status)
    assert "--api-url and --host name one each" in ended.err
