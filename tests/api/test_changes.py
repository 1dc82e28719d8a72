"""Changes over HTTP: one effect for one key, one after the other for one app, and only on what was seen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pvdify.ports import Answer
from pvdify.store.state import State
from tests.api.asking import Got, asked, ended
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.api.asking import Asking

V1, V2 = {"image": "ghcr.io/org/blog:v1"}, {"image": "ghcr.io/org/blog:v2"}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    return shell


def test_a_hundred_requests_with_one_key_have_one_effect(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> list[Got]:
        return await asyncio.gather(
            *(ask("POST", "/apps/blog/releases", V1, Idempotency_Key="one") for _ in range(100))
        )

    answers = asked(shell, tmp_path, ask)

    assert {202} == {one.status for one in answers}
    assert 1 == len({one.headers["Location"] for one in answers})
    assert 1 == sum(1 for one in answers if "Idempotent-Replayed" not in one.headers)
    assert [1] == [one["version"] for one in shell.answer("releases blog")["releases"]]


def test_one_key_has_one_effect_across_a_restart(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> dict[str, Any]:
        return await ended(ask, await ask("POST", "/apps/blog/releases", V1, Idempotency_Key="one"))

    first = asked(shell, tmp_path, ask)
    second = asked(shell, tmp_path, ask)

    assert first["id"] == second["id"]
    assert [1] == [one["version"] for one in shell.answer("releases blog")["releases"]]


def test_a_key_stands_for_one_request_and_is_free_again_if_that_was_refused(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, ...]:
        first = await ask("POST", "/apps", {"name": "shop"}, Idempotency_Key="one")
        other = await ask("POST", "/apps", {"name": "cafe"}, Idempotency_Key="one")
        again = await ask("POST", "/apps", {"name": "shop"}, Idempotency_Key="one")
        missing = await ask("POST", "/apps/cafe/releases", V1, Idempotency_Key="two")
        await ask("POST", "/apps", {"name": "cafe"})
        then = await ask("POST", "/apps/cafe/releases", V1, Idempotency_Key="two")
        return first, other, again, missing, then

    first, other, again, missing, then = asked(shell, tmp_path, ask)

    assert (201, 422, 201) == (first.status, other.status, again.status)
    assert "idempotency-mismatch" == other.json["code"]
    assert first.json == again.json
    assert (404, 202) == (missing.status, then.status)
    assert "Idempotent-Replayed" not in then.headers


def test_a_token_is_made_once_for_one_key_and_its_text_is_never_told_again(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> list[Got]:
        return await asyncio.gather(*(ask("POST", "/tokens", {"name": "ci"}, Idempotency_Key="one") for _ in range(20)))

    answers = asked(shell, tmp_path, ask)

    assert [201] == [one.status for one in answers if one.status != 409]
    assert {"idempotency-replayed"} == {one.json["code"] for one in answers if one.status == 409}
    assert 1 == len(State(shell.settings).tokens())
    made = next(one for one in answers if one.status == 201).json["token"].encode()
    kept = [path for path in shell.settings.state.rglob("*") if path.is_file() and made in path.read_bytes()]
    assert [] == kept


def test_a_hundred_deploys_at_once_make_a_linear_history(shell: Shell, tmp_path: Path) -> None:
    """One of each hundred is accepted, the others are told who holds the app; eight times over."""

    async def ask(ask: Asking) -> tuple[list[dict[str, Any]], list[Got]]:
        done, refused = [], []
        for turn in range(8):
            image = V1 if turn % 2 else V2
            answers = await asyncio.gather(*(ask("POST", "/apps/blog/releases", image) for _ in range(100)))
            refused += [one for one in answers if one.status == 409]
            done += [await ended(ask, one) for one in answers if one.status == 202]
        return done, refused

    operations, refused = asked(shell, tmp_path, ask)

    assert 800 == len(operations) + len(refused)
    assert {"app-busy"} == {one.json["code"] for one in refused}
    assert all("releases.create" in one.json["holder"] for one in refused)
    assert 8 <= len({one["id"] for one in operations})
    assert {"done", "unchanged"} >= {one["status"] for one in operations}
    by_time = sorted(operations, key=lambda one: str(one["id"]))
    versions = [one["result"]["release"] for one in by_time if one["status"] == "done"]
    assert list(range(1, len(versions) + 1)) == versions
    live = [one["version"] for one in shell.answer("releases blog")["releases"] if one["status"] == "active"]
    assert [versions[-1]] == live
    numbers = [one["number"] for one in shell.answer("generations")["generations"]]
    parents = [one["parent"] for one in shell.answer("generations")["generations"]]
    assert numbers[1:] == parents[:-1]


def test_a_change_of_what_is_not_any_more_as_it_was_seen_is_refused(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, ...]:
        tag = (await ask("GET", "/apps/blog")).headers["ETag"]
        slot = shell.settings.slot("blog")
        slot.write_text('image = "ghcr.io/org/blog:v2"\n' + slot.read_text())
        stale = await ask("DELETE", "/apps/blog", If_Match=tag)
        there = await ask("GET", "/apps/blog")
        fresh = await ask("DELETE", "/apps/blog", If_Match=there.headers["ETag"])
        return stale, there, fresh

    stale, there, fresh = asked(shell, tmp_path, ask)

    assert (412, "precondition-failed") == (stale.status, stale.json["code"])
    assert (200, 204) == (there.status, fresh.status)


def test_what_was_made_for_a_key_and_is_gone_since_is_not_found(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, ...]:
        await ask("POST", "/apps", {"name": "shop"}, Idempotency_Key="one")
        await ask("DELETE", "/apps/shop")
        again = await ask("POST", "/apps", {"name": "shop"}, Idempotency_Key="one")
        return again, await ask("POST", "/apps", {"name": "shop"}, If_Match='"of nothing"')

    again, other = asked(shell, tmp_path, ask)

    assert (404, "app-not-found") == (again.status, again.json["code"])
    assert 201 == other.status


def test_an_answer_that_does_not_wait_names_its_operation(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> tuple[Got, dict[str, Any], Got]:
        got = await ask("POST", "/apps", {"name": "shop"}, Prefer="respond-async")
        return got, await ended(ask, got), await ask("POST", "/apps", {"name": "shop"})

    got, end, again = asked(shell, tmp_path, ask)

    assert (202, "pending", "shop") == (got.status, got.json["status"], got.json["app"])
    assert "done" == end["status"]
    assert (409, "app-exists") == (again.status, again.json["code"])


def test_what_failed_is_told_as_it_is_on_the_host(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> dict[str, Any]:
        return await ended(ask, await ask("POST", "/apps/blog/releases", {"image": "ghcr.io/org/blog:missing"}))

    end = asked(shell, tmp_path, ask)

    assert ("failed", "pull", "image-not-found") == (end["status"], end["failure"]["phase"], end["failure"]["code"])
    assert end["result"] is None


def test_whoever_cancels_an_operation_is_in_the_audit(shell: Shell, tmp_path: Path) -> None:
    shell.fake.network.apps["pvdify-blog-v1-web-*"] = Answer(error="connection refused")

    async def ask(ask: Asking) -> tuple[Got, dict[str, Any], Got]:
        got = await ask("POST", "/apps/blog/releases", V1)
        id_ = got.json["operation"]
        cancelled = await ask("POST", f"/operations/{id_}/cancel")
        return cancelled, await ended(ask, got), await ask("GET", "/audit?limit=3")

    cancelled, end, audit = asked(shell, tmp_path, ask)

    assert (200, "cancelled") == (cancelled.status, end["status"])
    assert ("operations.cancel", "asked", end["id"]) in [
        (one["action"], one["outcome"], one["operation"]) for one in audit.json["entries"]
    ]


def test_every_change_is_in_the_audit_with_who_asked(shell: Shell, tmp_path: Path) -> None:
    async def ask(ask: Asking) -> Got:
        got = await ask("POST", "/apps/blog/releases", V1, X_Request_Id="a-request-of-mine")
        await ended(ask, got)
        await ask("POST", "/tokens", {"name": "ci"})
        return await ask("GET", "/audit?limit=4")

    entries = asked(shell, tmp_path, ask).json["entries"]

    told = [(one["action"], one["outcome"], one["via"]) for one in reversed(entries)]
    assert [
        ("releases.create", "accepted", "admin"),
        ("releases.create", "done", "admin"),
        ("tokens.create", "accepted", "admin"),
        ("tokens.create", "done", "admin"),
    ] == told
    assert "a-request-of-mine" == entries[-1]["request_id"]
    assert "ghcr.io/org/blog:v1" == entries[-1]["detail"]["image"]
    assert State(shell.settings).audit_verdict().is_intact
