"""Logging in to a host elsewhere, over real TLS, and the hosts that are known then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify.client import trust
from pvdify.client.address import RemoteHost
from pvdify.client.hosts import Hosts
from pvdify.client.remote import remote
from pvdify.errors import TokenInvalidError
from pvdify.model.answers import Apps
from pvdify.model.token import new_text
from tests.cli.answers import WHO
from tests.cli.fake import Ended, FakeVault, ended, surroundings
from tests.client.canned import CannedHost, Identity, answers, identity, refuses, served

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
TOKEN = new_text()
ASKED_FOR = "Token for "


class Laptop:
    """Somebody who types on a machine of their own, which trusts nobody."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        self.vault = FakeVault()
        self.hosts = Hosts(directory / "pvdify" / "hosts.toml", self.vault)

    def type(
        self, *argv: str, says: str = "", is_interactive: bool = False, token: str = "", is_root: bool = False
    ) -> Ended:
        """Type a command; *says* is what stands on standard input."""
        environ = {"XDG_CONFIG_HOME": str(self.directory), "PVDIFY_TOKEN": token}
        around = surroundings(*argv, environ=environ, is_root=is_root, says=says, is_interactive=is_interactive)
        return ended(replace(around, connect=_connected, vault=self.vault))

    def login(self, *options: str, says: str = f"{TOKEN}\n", is_interactive: bool = False) -> Ended:
        """Log in with a token on standard input."""
        return self.type("login", self.url, "--token-stdin", *options, says=says, is_interactive=is_interactive)


def _connected(target: Path | RemoteHost):  # type: ignore[no-untyped-def]  # what `remote` says
    assert isinstance(target, RemoteHost)
    return remote(target)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("certificates"), "own", names="DNS:localhost")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("certificates"), "other", names="DNS:localhost")


@pytest.fixture
def canned() -> CannedHost:
    canned = CannedHost()
    canned.on("GET /whoami", answers(WHO))
    canned.on("GET /apps", answers(Apps(apps=())))
    return canned


@pytest.fixture
def laptop(canned: CannedHost, own: Identity, tmp_path: Path) -> Iterator[Laptop]:
    with served(canned, shows=own) as there:
        yield Laptop(tmp_path, there.url)


def test_a_login_is_checked_and_asked_from_then_on(laptop: Laptop, canned: CannedHost, own: Identity) -> None:
    done = laptop.login("--fingerprint", trust.fingerprint(own.pem))

    assert 0 == done.status
    assert f"logged in to localhost ({laptop.url}) as ci: may read, deploy of blog-*, until 2026-05-01" in done.out
    assert f"the token is in {laptop.hosts.path} (no keyring is there)\n" == done.err
    assert 0 == laptop.type("apps").status
    assert ["/api/v1/whoami", "/api/v1/apps"] == [one.path for one in canned.seen]
    assert {f"Bearer {TOKEN}"} == {one.headers["Authorization"] for one in canned.seen}


def test_a_keyring_keeps_the_token(laptop: Laptop, own: Identity) -> None:
    laptop.vault.is_there = True

    done = laptop.login("--fingerprint", trust.fingerprint(own.pem), "--name", "paas")

    assert "the token is in the keyring\n" == done.err
    assert {"paas": TOKEN} == laptop.vault.tokens
    assert 0 == laptop.type("apps").status


def test_a_login_for_programs_is_one_object(laptop: Laptop, own: Identity) -> None:
    done = laptop.login("--json", "--fingerprint", trust.fingerprint(own.pem))

    assert (0, "ci", "") == (done.status, json.loads(done.out)["name"], done.err)


@pytest.mark.parametrize(("says", "status"), [("yes", 0), ("y", 0), ("no", 69), ("", 69)])
def test_a_person_decides_whether_to_trust_a_certificate(
    says: str, status: int, laptop: Laptop, canned: CannedHost, own: Identity
) -> None:
    done = laptop.login(says=f"{says}\n{TOKEN}\n", is_interactive=True)

    assert status == done.status
    assert trust.fingerprint(own.pem) in done.err
    assert "Trust it? (yes/no)" in done.err
    assert (status == 0) == bool(canned.seen)


def test_without_a_person_nobody_is_trusted_unasked(laptop: Laptop, canned: CannedHost) -> None:
    done = laptop.login()

    assert (69, []) == (done.status, canned.seen)
    assert "--fingerprint" in done.err
    assert "--ca" in done.err


def test_another_fingerprint_ends_it_before_the_token_is_sent(
    laptop: Laptop, canned: CannedHost, other: Identity
) -> None:
    done = laptop.login("--fingerprint", trust.fingerprint(other.pem))

    assert (69, []) == (done.status, canned.seen)
    assert "not the one that was given" in done.err


def test_an_authority_of_ones_own_is_held_to(laptop: Laptop, own: Identity, other: Identity, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(f"# ours\n{own.pem}\n{other.pem}")

    assert 0 == laptop.login("--ca", str(bundle)).status
    assert 69 == laptop.login("--ca", str(other.certificate)).status
    assert 66 == laptop.login("--ca", str(tmp_path / "nothing.pem")).status
    assert 65 == laptop.login("--ca", str(own.key)).status


def test_who_logs_in_again_is_held_to_the_same(laptop: Laptop, own: Identity) -> None:
    laptop.login("--ca", str(own.certificate), "--name", "paas")
    laptop.hosts.keep(RemoteHost(url="https://other.example", name="other"))

    assert 0 == laptop.login().status
    assert 0 == laptop.type("login", "paas", "--token-stdin", says=TOKEN).status
    assert own.pem == laptop.hosts.host("paas").authority


def test_a_keyring_that_lost_the_token_does_not_keep_one_from_logging_in(laptop: Laptop, own: Identity) -> None:
    laptop.vault.is_there = True
    laptop.login("--fingerprint", trust.fingerprint(own.pem))
    laptop.vault.tokens.clear()

    assert 69 == laptop.type("apps").status
    assert 0 == laptop.type("login", "--token-stdin", says=TOKEN).status
    assert 0 == laptop.type("apps").status


def test_a_certificate_that_changed_is_asked_about(laptop: Laptop, other: Identity) -> None:
    laptop.hosts.keep(RemoteHost(url=laptop.url, name="paas", certificate=other.pem))

    done = laptop.login(says=f"yes\n{TOKEN}\n", is_interactive=True)

    assert 0 == done.status
    assert "It is NOT the one of the last login." in done.err
    assert "logged in to paas (" in done.out


def test_a_certificate_that_is_known_is_not_asked_about(laptop: Laptop, own: Identity) -> None:
    laptop.hosts.keep(RemoteHost(url=laptop.url, name="paas", certificate=own.pem))

    done = laptop.type("login", "--token-stdin", says=TOKEN)

    assert 0 == done.status
    assert "logged in to paas (" in done.out


def test_a_token_that_is_not_accepted_is_not_kept(laptop: Laptop, canned: CannedHost, own: Identity) -> None:
    canned.on("GET /whoami", refuses(TokenInvalidError()))

    done = laptop.login("--fingerprint", trust.fingerprint(own.pem))

    assert 77 == done.status
    assert "cannot accept this token" in done.err
    assert not laptop.hosts.path.exists()


def test_a_token_that_is_mistyped_is_not_even_sent(laptop: Laptop, canned: CannedHost, own: Identity) -> None:
    done = laptop.login("--fingerprint", trust.fingerprint(own.pem), says=TOKEN[:-1])

    assert (65, []) == (done.status, canned.seen)
    assert TOKEN[:-1] not in done.text


def test_without_a_person_the_token_has_to_be_given(laptop: Laptop, own: Identity) -> None:
    trusted = ("--fingerprint", trust.fingerprint(own.pem))

    assert 64 == laptop.type("login", laptop.url, *trusted).status
    assert 64 == laptop.type("login").status
    assert 0 == laptop.type("login", laptop.url, *trusted, token=TOKEN).status
    assert 0 == laptop.type("login", laptop.url, *trusted, "--token", TOKEN).status


def test_the_admin_socket_takes_no_login(laptop: Laptop) -> None:
    done = laptop.type("login", "unix:///run/pvdify/admin.sock", "--token-stdin", says=TOKEN)

    assert 65 == done.status
    assert "--api-url unix:///run/pvdify/admin.sock" in done.err


def test_a_host_is_known_before_somebody_logs_in(laptop: Laptop, own: Identity) -> None:
    added = laptop.type("hosts:add", laptop.url, "--name", "paas", "--fingerprint", trust.fingerprint(own.pem))
    refused = laptop.type("apps")
    again = laptop.type("login", "--token-stdin", says=TOKEN)

    assert (0, f"paas is {laptop.url}; log in with `pvdify login`\n") == (added.status, added.out)
    assert 77 == refused.status
    assert 0 == again.status
    assert 0 == laptop.type("hosts:add", laptop.url, "--fingerprint", trust.fingerprint(own.pem)).status
    assert 0 == laptop.type("apps").status, "what is known of it stays"


def test_a_name_that_is_none_is_refused(laptop: Laptop, own: Identity) -> None:
    done = laptop.login("--fingerprint", trust.fingerprint(own.pem), "--name", "a b")

    assert 65 == done.status
    assert "--name" in done.err


def test_hosts_are_listed_changed_and_forgotten(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, "")
    laptop.hosts.keep(RemoteHost(url="https://one.example:9443", name="one"))
    laptop.hosts.keep(RemoteHost(url="https://two.example", name="two", token=TOKEN))

    listed = laptop.type("hosts")
    used = laptop.type("hosts:use", "one")
    forgotten = laptop.type("logout")

    assert (
        "HOST   ADDRESS                   TOKEN\n"
        "one    https://one.example:9443  none\n"
        "two *  https://two.example       kept\n"
    ) == listed.out
    assert "one is asked from now on\n" == used.out
    assert "logged out of one\n" == forgotten.out
    assert {"hosts": [{"name": "two", "url": "https://two.example", "is_current": True, "is_logged_in": True}]} == (
        json.loads(laptop.type("hosts", "--json").out)
    )


def test_where_nothing_is_known_it_says_what_to_type(tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, "")

    assert "pvdify login URL" in laptop.type("hosts").out
    assert 66 == laptop.type("logout").status
    assert 66 == laptop.type("hosts:use", "three").status


def test_a_host_that_is_known_needs_neither_loop_nor_network(tmp_path: Path) -> None:
    script = (
        "import sys, json\n"
        "from pvdify.__main__ import main\n"
        "main()\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, "hosts"],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert set() == {"trio", "asyncio", "httpx", "keyring", "aiohttp"} & set(json.loads(said.stderr))


def test_a_token_that_is_typed_is_not_seen(laptop: Laptop, own: Identity) -> None:
    laptop.hosts.keep(RemoteHost(url=laptop.url, name="paas", certificate=own.pem))
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    environ = {
        **os.environ,
        "XDG_CONFIG_HOME": str(laptop.directory),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }

    with subprocess.Popen(
        [sys.executable, "-c", spawn, sys.executable, "-m", "pvdify", "login"],
        cwd=PROJECT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        while ASKED_FOR.encode() not in seen or not seen.endswith(b": "):
            seen += os.read(process.stdout.fileno(), 1000)
        process.stdin.write(f"{TOKEN}\n".encode())
        process.stdin.flush()
        while b"the token is in" not in seen:
            seen += os.read(process.stdout.fileno(), 1000)
        process.stdin.close()

        assert 0 == process.wait(20)

    assert TOKEN.encode() not in seen
    assert b"logged in to paas" in seen
    assert TOKEN == laptop.hosts.host("paas").token


def test_whoever_is_nearer_to_another_host_is_told_how_to_ask_the_one_that_is_known(
    laptop: Laptop, own: Identity
) -> None:
    away = laptop.login("--name", "paas", "--fingerprint", trust.fingerprint(own.pem))
    here = laptop.type("hosts:use", "paas", is_root=True)

    assert (0, 0) == (away.status, here.status)
    assert "commands typed here" not in away.err
    assert "commands typed here ask this machine; say `--host paas`, or set PVDIFY_HOST=paas" in here.err
