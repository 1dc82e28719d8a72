"""Cloudflare from the command line, over every way in, with the real client and a stand-in for the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.adapters.cloudflare import Cloudflare
from tests.cli.shell import WAYS, Shell, going
from tests.fakes.cloudflare import ACCOUNT, TOKEN, TUNNEL, FakeTunnel
from tests.fakes.cloudflare_server import standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EDGE = f"edge:set cloudflared --managed remote --account {ACCOUNT} --tunnel {TUNNEL}"


@pytest.fixture(params=WAYS)
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Somebody with `blog`, a zone and a tunnel, whose commands go one of the ways."""
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    shell.type("apps:create blog")
    account = shell.fake.account
    account.add_zone("example.org")
    account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home")
    with standing_in(account) as server:
        shell.fake.cloudflare = Cloudflare(server.address, 5.0)
        with going(shell, request.param):
            yield shell


def test_a_name_from_the_login_to_the_record_and_back(shell: Shell) -> None:
    logged_in = shell.type("cloudflare:login --token-stdin", says=f"{TOKEN}\n")
    assert (0, True) == (logged_in.status, "example.org" in logged_in.out)
    assert 0 == shell.type(EDGE).status

    added = shell.type("domains:add blog blog.example.org --dns")

    assert (0, "") == (added.status, added.err.partition("cannot")[1])
    assert "blog is blog.example.org now, and DNS leads there" in added.out
    (record,) = shell.answer("cloudflare:dns example.org")["records"]
    assert ("CNAME", f"{TUNNEL}.cfargotunnel.com", "blog") == (record["type"], record["content"], record["app"])
    assert "blog.example.org  CNAME  auto  yes      blog" in shell.type("cloudflare:dns example.org").out
    assert [] == shell.type("domains:remove blog blog.example.org").err.splitlines()
    assert [] == shell.answer("cloudflare:dns example.org")["records"]


def test_what_is_in_the_way_is_shown_with_what_to_type(shell: Shell) -> None:
    account = shell.fake.account
    account.add_record(next(iter(account.zones)), "CNAME", "blog.example.org", "pages.example.net")
    shell.type("cloudflare:login --token-stdin", says=TOKEN)
    shell.type(EDGE)

    refused = shell.type("domains:add blog blog.example.org --dns")

    assert 75 == refused.status
    assert "CNAME blog.example.org -> pages.example.net" in refused.err
    assert "--force" in refused.err
    assert 0 == shell.type("domains:add blog blog.example.org --dns --force").status
    assert [("CNAME", f"{TUNNEL}.cfargotunnel.com")] == account.found("blog.example.org")


def test_a_token_is_nowhere_but_where_it_is_kept(shell: Shell, tmp_path: Path) -> None:
    wrong = TOKEN[::-1]
    done = [
        shell.type("cloudflare:login --token-stdin --json", says=TOKEN),
        shell.type("cloudflare:login --token-stdin --json", says=wrong),
        shell.type("cloudflare:zones --json"),
        shell.type(f"{EDGE} --json"),
        shell.type("domains:add blog blog.example.org --dns --json"),
        shell.type("audit --json"),
    ]

    assert [0, 75, 0, 0, 0, 0] == [one.status for one in done]
    for secret in (TOKEN, wrong):
        assert not [one for one in done if secret in f"{one.out}{one.err}"]
        kept = (path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes())
        assert [] == list(kept)


def test_without_a_token_it_is_told_how_to_log_in(shell: Shell) -> None:
    for line in ("cloudflare:zones", "cloudflare:logout", EDGE):
        done = shell.type(line)
        assert 0 != done.status
    assert "pvdify cloudflare:login --token-stdin" in shell.type("cloudflare:zones").err


def test_a_token_is_asked_for_only_where_somebody_can_answer(shell: Shell) -> None:
    done = shell.type("cloudflare:login")

    assert 64 == done.status
    assert "--token-stdin" in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("domains:add blog blog.example.org --force", "not asked for"),
        ("domains:add blog blog.example.org --dns --address localhost", "it is no address"),
        ("domains:add blog blog.example.org --dns --address 127.0.0.1", "others cannot reach that"),
        ("cloudflare:dns https://example.org", "scheme"),
    ],
)
def test_what_makes_no_sense_is_refused(shell: Shell, line: str, words: str) -> None:
    shell.type("cloudflare:login --token-stdin", says=TOKEN)

    done = shell.type(line)

    assert 65 == done.status
    assert words in done.err
