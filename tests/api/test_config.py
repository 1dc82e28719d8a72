"""Config over HTTP: how it is set and answered, what is written down of it, and what is not."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.asking import Got, asked, ended
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.asking import Asking

CANARY = "canary-7c1f"
CONFIG = "/apps/blog/config"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    assert 0 == shell.type("deploy blog --image ghcr.io/org/blog:v1").status
    return shell


def test_setting_a_variable_is_accepted_and_becomes_a_version_and_a_release(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, dict[str, Any], dict[str, Any]]:
        got = await ask(
            "PUT", CONFIG, {"vars": {"KEY": CANARY}, "files": {"tls.pem": base64.b64encode(b"\0\n").decode()}}
        )
        return got, await ended(ask, got), (await ask("GET", f"{CONFIG}?reveal=true")).json

    got, end, shown = asked(shell, tmp_path, ask)

    assert 202 == got.status
    assert ("done", 2, 1) == (end["status"], end["release"], shown["version"])
    assert ({"KEY": CANARY}, {"tls.pem": base64.b64encode(b"\0\n").decode()}) == (shown["vars"], shown["files"])


def test_what_is_left_for_the_next_release_is_answered_at_once(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, Got]:
        later = {"vars": {"KEY": CANARY}, "deploy": False}
        return await ask("PUT", CONFIG, later), await ask("PUT", CONFIG, later)

    first, again = asked(shell, tmp_path, ask)

    assert (200, "done", 1) == (first.status, first.json["outcome"], first.json["config"])
    assert (200, "unchanged", 1) == (again.status, again.json["outcome"], again.json["config"])
    assert [1] == [one["version"] for one in shell.answer("releases blog")["releases"]]


def test_a_variable_is_forgotten_by_its_name(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[dict[str, Any], Got, dict[str, Any]]:
        await ended(ask, await ask("PUT", CONFIG, {"vars": {"KEY": CANARY, "OTHER": "x"}}))
        end = await ended(ask, await ask("DELETE", f"{CONFIG}/KEY"))
        return end, await ask("DELETE", f"{CONFIG}/NOT-A-NAME"), (await ask("GET", CONFIG)).json

    end, odd, shown = asked(shell, tmp_path, ask)

    assert "done" == end["status"]
    assert 422 == odd.status
    assert {"OTHER": None} == shown["vars"]


def test_a_config_that_somebody_else_changed_meanwhile_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[str, Got, Got]:
        tag = (await ask("GET", CONFIG)).headers["ETag"]
        await ask("PUT", CONFIG, {"vars": {"KEY": "theirs"}, "deploy": False})
        mine = {"vars": {"KEY": "mine"}, "deploy": False}
        return tag, await ask("PUT", CONFIG, mine, If_Match=tag), await ask("PUT", CONFIG, {**mine, "base": 0})

    tag, by_tag, by_base = asked(shell, tmp_path, ask)

    assert '"c0"' == tag
    assert [(412, "precondition-failed")] * 2 == [(one.status, one.json["code"]) for one in (by_tag, by_base)]
    assert {"KEY": None} == shell.answer("config blog")["vars"]


def test_a_body_may_be_as_large_as_a_config_and_no_larger(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, Got, Got]:
        fits = {f"K{number}": "v" * 30_000 for number in range(30)}
        return (
            await ask("PUT", CONFIG, {"vars": fits, "deploy": False}),
            await ask("PUT", CONFIG, {"vars": {f"K{number}": "v" * 30_000 for number in range(40)}, "deploy": False}),
            await ask("PUT", CONFIG, b'{"vars": {"K": "' + b"v" * (2 * 1024 * 1024) + b'"}}'),
        )

    fits, too_much, too_large = asked(shell, tmp_path, ask)

    assert 200 == fits.status
    assert (422, "spec-invalid") == (too_much.status, too_much.json["code"])
    assert 413 == too_large.status


@pytest.mark.parametrize(
    "body",
    [
        {"vars": {"LD_PRELOAD": CANARY}},
        {"vars": {"1X": CANARY}},
        {"vars": {"A B": CANARY}},
        {"vars": {"KEY": f"{CANARY}\n"}},
        {"vars": {"KEY": f"{CANARY}\0"}},
        {"vars": {"KEY": [CANARY]}},
        {"vars": {"KEY": {"nested": CANARY}}},
        {"vars": {"KEY": 7}, "files": {"f": CANARY + "!"}},
        {"files": {"../f": "AAAA"}, "vars": {"KEY": CANARY}},
        {"files": {"env": "AAAA"}, "vars": {"KEY": CANARY}},
        {"files": {"f": f"{CANARY} is not base64"}},
        {"vars": {"KEY": CANARY}, "surplus": CANARY},
        {"vars": {"UNKNOWN": None}},
        f'{{"vars": {{"KEY": "{CANARY}", "KEY": "{CANARY}"}}}}'.encode(),
        f'{{"vars": {{"KEY": "{CANARY}'.encode(),
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_cannot_be_set_is_refused_without_repeating_it(body: object, shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, str]:
        got = await ask("PUT", CONFIG, body)
        text = got.body.decode()
        if got.status == 202:
            text = str(await ended(ask, got))
        return got, text

    got, text = asked(shell, tmp_path, ask)

    assert got.status == 422 or "'status': 'failed'" in text
    assert CANARY not in text
    assert {} == shell.answer("config blog")["vars"]


def test_the_audit_tells_who_set_and_who_saw_what_by_name(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> list[dict[str, Any]]:
        await ended(ask, await ask("PUT", CONFIG, {"vars": {"KEY": CANARY, "OLD": "x"}, "files": {"f": "AAAA"}}))
        await ask("GET", CONFIG)
        await ask("GET", f"{CONFIG}?reveal=true")
        found: list[dict[str, Any]] = (await ask("GET", "/audit")).json["entries"]
        return found

    entries = [one for one in asked(shell, tmp_path, ask) if one["action"].startswith("config.")]

    assert [
        ("config.show", "done"),
        ("config.show", "accepted"),
        ("config.set", "done"),
        ("config.set", "accepted"),
    ] == [(one["action"], one["outcome"]) for one in entries]
    assert {"app": "blog", "vars": "KEY, OLD", "files": "f"} == entries[-1]["detail"]
    assert {"app": "blog", "reveal": True} == entries[0]["detail"]


def test_nothing_that_is_kept_tells_a_value(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> None:
        body = {"vars": {"KEY": CANARY}, "files": {"f": base64.b64encode(CANARY.encode()).decode()}}
        await ended(ask, await ask("PUT", CONFIG, body, Idempotency_Key="one"))
        await ask("GET", f"{CONFIG}?reveal=true")

    asked(shell, tmp_path, ask)

    kept = [path for path in shell.settings.state.rglob("*") if path.is_file() and "/config/" not in str(path)]
    assert [] == [path for path in kept if CANARY.encode() in path.read_bytes()]
    assert any("idempotency" in str(path) for path in kept)
