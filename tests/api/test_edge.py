"""Domains and the edge over HTTP: what is accepted, what is refused, and what is written down of a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pvdify.model.edge import EdgeKind
from tests.api.asking import Got, asked, ended
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.asking import Asking

CANARY = "canary-91d3"
TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
CREDENTIALS = json.dumps({"AccountTag": "a" * 32, "TunnelSecret": CANARY, "TunnelID": TUNNEL})
BY_TUNNEL = {"edge": {"kind": "cloudflared", "tunnel": TUNNEL}, "credentials": CREDENTIALS}
DOMAINS = "/apps/blog/domains"
CHECKS = "/apps/blog/domain-checks"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A host with an app, behind Caddy."""
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    assert 0 == shell.type("apps:create shop").status
    assert 0 == shell.type("edge:set caddy --internal-ca").status
    return shell


def test_names_are_added_listed_checked_and_removed(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[list[str], list[str], Got, str]:
        await ended(ask, await ask("POST", DOMAINS, {"domains": ["Blog.Example.ORG", "*.blog.example.org"]}))
        listed = [one["name"] for one in (await ask("GET", DOMAINS)).json["domains"]]
        checked = (await ask("GET", f"{CHECKS}?domain=blog.example.org")).json["domains"]
        whole = await ask("GET", CHECKS)
        end = await ended(ask, await ask("DELETE", f"{DOMAINS}/%2A.blog.example.org"))
        return listed, [one["name"] for one in checked], whole, end["status"]

    listed, checked, whole, status = asked(shell, tmp_path, ask)

    assert ["blog.example.org", "*.blog.example.org"] == listed
    assert ["blog.example.org"] == checked
    assert (200, 2) == (whole.status, len(whole.json["domains"]))
    assert "done" == status
    assert {"blog.example.org": 3000} == shell.fake.edges[EdgeKind.CADDY].names


def test_what_is_wrong_is_told_by_its_status_and_code(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> list[tuple[int, str]]:
        await ended(ask, await ask("POST", "/apps/shop/domains", {"domains": ["shop.example.org"]}))
        found = [
            await ask("POST", DOMAINS, {"domains": []}),
            await ask("POST", DOMAINS, {"domains": ["x" * 1001]}),
            await ask("POST", DOMAINS, {"domains": ["a.org"] * 101}),
            await ask("PUT", "/edge", {"edge": {"kind": "nginx"}}),
            await ask("PUT", "/edge", {"edge": {"kind": "caddy", "domain": "*.example.org"}}),
            await ask("GET", f"{CHECKS}?domain=other.example.org"),
        ]
        refused = [(one.status, one.json["code"]) for one in found]
        for names in (["example.org:80"], ["shop.example.org"]):
            failure = (await ended(ask, await ask("POST", DOMAINS, {"domains": names})))["failure"]
            refused.append((202, failure["code"]))
        return refused

    assert [
        *[(422, "spec-invalid")] * 5,
        (404, "not-found"),
        (202, "spec-invalid"),
        (202, "domain-taken"),
    ] == asked(shell, tmp_path, ask)


def test_a_tunnels_credentials_are_answered_journaled_audited_and_logged_nowhere(
    shell: Shell, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def ask(ask: Asking) -> list[bytes]:
        wrong = {**BY_TUNNEL, "credentials": CREDENTIALS.replace("f70ff985", "00000000")}
        said = [await ask("PUT", "/edge", wrong)]
        assert "failed" == (await ended(ask, said[0]))["status"]
        said.append(await ask("PUT", "/edge", {**BY_TUNNEL, "credentials": CANARY * 500}))
        done = await ask("PUT", "/edge", BY_TUNNEL)
        assert "done" == (await ended(ask, done))["status"]
        said += [await ask("GET", path) for path in ("/edge", "/audit", "/operations", "/metrics")]
        return [one.body for one in (*said, done)]

    answers = asked(shell, tmp_path, ask)

    assert shell.fake.edges[EdgeKind.CLOUDFLARED].is_up
    assert [] == [answer for answer in answers if CANARY.encode() in answer]
    written = [file for file in shell.settings.state.rglob("*") if file.is_file() and "secrets" not in file.parts]
    assert [] == [file for file in written if CANARY.encode() in file.read_bytes()]
    assert CANARY not in "".join(capfd.readouterr())


def test_a_patch_declares_names_with_all_else(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> dict[str, Any]:
        await ended(ask, await ask("PATCH", "/apps/blog", {"domains": ["blog.example.org"], "drain": "7s"}))
        return (await ask("GET", "/apps/blog")).json

    shown = asked(shell, tmp_path, ask)

    assert (["blog.example.org"], "7s") == (shown["domains"], shown["drain"])
    assert {"blog.example.org": 3000} == shell.fake.edges[EdgeKind.CADDY].names
