"""Names of apps from the command line, on real operations, over every way in."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from pvdify.model.edge import EdgeKind
from pvdify.store.state import State
from tests.cli.shell import WAYS, Shell, going
from tests.ops.named import NAME, NO_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = "shop.example.org"


@pytest.fixture(params=WAYS)
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Somebody with `blog`, which serves, and `shop`, which has a name, behind Caddy."""
    shell = Shell(tmp_path)
    done = [shell.type("init")]
    shell.fake.boot()
    done += [shell.type("apps:create blog"), shell.type("apps:create shop"), shell.type("edge:set caddy")]
    done += [shell.type("edge:set --domain apps.example.org"), shell.type("deploy blog ghcr.io/org/blog:v1")]
    done += [shell.type(f"domains:add shop {OTHER}")]
    assert {0} == {one.status for one in done}
    with going(shell, request.param):
        yield shell


def kept(shell: Shell) -> tuple[object, ...]:
    """What a refusal must leave as it was."""
    state, caddy = State(shell.settings), shell.fake.edges[EdgeKind.CADDY]
    return state.current(), state.slot_text("blog"), state.slot_text("shop"), dict(caddy.names), list(caddy.actions)


def test_a_name_is_added_looked_at_checked_and_removed(shell: Shell) -> None:
    shell.fake.resolver.names[NAME] = ("203.0.113.7",)

    added = shell.type(f"domains:add blog {NAME} Bücher.example")
    listed = shell.answer("domains blog")
    whole, broken = shell.answer(f"domains:check blog {NAME}"), shell.type("domains:check blog")
    removed = shell.type("domains:remove blog xn--bcher-kva.example")

    assert (0, 0) == (added.status, removed.status)
    assert [("blog.apps.example.org", True), (NAME, False), ("xn--bcher-kva.example", False)] == sorted(
        (one["name"], one["is_default"]) for one in listed["domains"]
    )
    assert {"active"} == {one["state"] for one in listed["domains"]}
    assert [f"{one}. A" for one in ("*.apps.example.org", NAME, "xn--bcher-kva.example")] == [
        one.partition(" (")[0] for one in listed["advice"]
    ]
    assert [(NAME, "active", 4)] == [(one["name"], one["state"], len(one["links"])) for one in whole["domains"]]
    assert (69, True) == (broken.status, "xn--bcher-kva.example leads nowhere" in broken.out)
    assert {NAME, "blog.apps.example.org", "shop.apps.example.org", OTHER} == set(
        shell.fake.edges[EdgeKind.CADDY].names
    )


def test_what_is_no_name_or_somebody_elses_is_refused_and_nothing_changes(shell: Shell) -> None:
    before = kept(shell)

    for name in (*NO_NAMES, OTHER, "shop.apps.example.org", "apps:x.example.org", "*.example.org"):
        refused = shell.type(f"domains:add -a blog good.example.org {shlex.quote(name)}")

        assert refused.status in {65, 75}, (name, refused)
        assert "cannot" in refused.err, name
        assert before == kept(shell), name


def test_maintenance_is_turned_on_shown_and_turned_off(shell: Shell) -> None:
    on = shell.type("maintenance:on blog")
    shown = shell.answer("maintenance blog")
    off = shell.type("maintenance:off blog")

    assert (0, True, 0) == (on.status, shown["is_on"], off.status)
    assert not shell.answer("maintenance blog")["is_on"]
