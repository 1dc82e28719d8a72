"""The command line on real operations, on a host in memory, over every way in."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

import pytest

from pvdify.model.requests import SetConfig
from pvdify.operations import config as operations
from pvdify.ports import Answer
from tests.cli.shell import WAYS, Shell, going

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=WAYS)
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Somebody with `blog`, whose commands go one of the three ways."""
    shell = Shell(tmp_path)
    assert 0 == shell.type("init").status
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    with going(shell, request.param):
        yield shell


def test_config_is_set_shown_and_comes_back_with_its_release(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "tls.pem"
    file.write_bytes(b"\x00\xff")
    shell.type("deploy blog ghcr.io/org/blog:v1")

    assert 0 == shell.type(f"config:set blog A=1 B=- --file-secret tls.pem={file}", says=" it's # 2").status
    assert 3 == shell.answer("config:set blog A=5")["release"]

    shown = shell.answer("config blog --reveal")
    assert ({"A": "5", "B": " it's # 2"}, {"tls.pem": "AP8="}) == (shown["vars"], shown["files"])
    assert {"A": None, "B": None} == shell.answer("config blog")["vars"]
    assert "5" == shell.type("config:get blog A").out
    assert "\x00\udcff" == shell.type("config:get blog secrets/tls.pem").out
    assert "changed  A\n" == shell.type("config:diff blog c1 c2").out
    assert [2, 1] == [one["version"] for one in shell.answer("config:versions blog")["versions"]]
    assert [2, 1, None] == [one["config_version"] for one in shell.answer("releases blog")["releases"]]
    assert "with c1 (c2 before; changed A)" in shell.type("rollback blog").out
    assert "1" == shell.type("config:get blog A").out
    assert 1 == shell.answer("releases:info blog v2")["config_version"]


def test_config_is_exported_imported_and_unset(shell: Shell) -> None:
    shell.type("config:set blog A=1 'B= two' C=3")
    text, as_json = shell.type("config:export blog").out, shell.type("config:export blog --json").out
    shell.type("config:unset blog A B")

    assert ["C"] == list(shell.answer("config blog")["vars"])
    assert "it waits for the next release\n" in shell.type("config blog").out
    assert 0 == shell.type("config:import blog -", says=text).status
    assert {"A": "1", "B": " two", "C": "3"} == shell.answer("config blog --reveal")["vars"]
    assert 0 == shell.type("config:import blog - --replace", says="C=4\nD=5\n").status
    assert "unchanged" != shell.answer("config:set blog E=6")["outcome"]
    assert 0 == shell.type("config:import blog - --replace", says=as_json).status
    assert {"A": "1", "B": " two", "C": "3"} == shell.answer("config blog --reveal")["vars"]


def test_config_is_edited_unless_somebody_else_was_faster(shell: Shell) -> None:
    shell.type("config:set blog A=1")

    def edit(path: Path) -> None:
        path.write_text(path.read_text().replace("A=1", "A=2"))

    def edit_too_late(path: Path) -> None:
        path.write_text("A=4\n")
        shell.meanwhile(operations.SET, SetConfig(app="blog", vars={"B": "3"}))

    assert 0 == shell.type("config:edit blog", editor=edit).status
    assert {"A": "2"} == shell.answer("config blog --reveal")["vars"]
    late = shell.type("config:edit blog", editor=edit_too_late)
    assert 75 == late.status
    assert "it is c3 by now, and not c2" in late.err
    assert {"A": "2", "B": "3"} == shell.answer("config blog --reveal")["vars"]


def test_what_cannot_be_set_is_told_without_its_value(shell: Shell) -> None:
    long = "hunter2" * 5000
    lines = ["PORT=hunter2", "A='hunter2\n2'", f"A={long}", "'A=hunter2\ufdd0'", "B=1 LD_PRELOAD=hunter2"]

    for line in lines:
        done, for_programs = shell.type(f"config:set blog {line}"), shell.type(f"config:set --json blog {line}")

        assert (65, 65, "spec-invalid") == (done.status, for_programs.status, json.loads(for_programs.out)["code"])
        assert "hunter2" not in done.text + for_programs.text
    assert {} == shell.answer("config blog")["vars"]


def test_who_reads_values_is_written_down_and_the_values_are_not(shell: Shell) -> None:
    shell.type("config:set blog A=hunter2")
    shell.type("config:get blog A")

    entries = shell.answer("audit blog")["entries"]

    assert ["config.show", "config.set"] == [one["action"] for one in entries if one["outcome"] == "done"][:2]
    assert "hunter2" not in json.dumps(entries)


@pytest.mark.parametrize("line", ["apps", "apps:create blog", "logs blog", "doctor"])
def test_before_init_every_command_says_what_to_type(tmp_path: Path, line: str) -> None:
    done = Shell(tmp_path).type(line)

    assert 74 == done.status
    assert "pvdify init" in done.err


def test_a_day_of_an_operator(shell: Shell) -> None:
    first = shell.answer("deploy blog --image ghcr.io/org/blog:v1")
    second = shell.type("deploy blog ghcr.io/org/blog:v2")
    shell.type("ps:scale blog web=2")

    assert ("done", 1) == (first["outcome"], first["release"])
    assert 0 == second.status
    assert [line.split()[0] for line in second.out.splitlines()][:1] == ["pull"]
    assert "v2 of blog is live after " in second.out
    assert 2 == len(shell.answer("ps blog")["instances"])
    assert ["active", "superseded"] == [one["status"] for one in shell.answer("releases blog")["releases"]]
    assert 1 == shell.answer("rollback blog")["release"]
    assert ["running"] == [one["status"] for one in shell.answer("apps")["apps"]]


def test_the_same_release_again_changes_nothing(shell: Shell) -> None:
    shell.type("deploy blog --image ghcr.io/org/blog:v1")

    again = shell.type("deploy blog --image ghcr.io/org/blog:v1")

    assert 0 == again.status
    assert "nothing to do" in again.out


def test_a_release_that_never_answers_well_is_explained_and_the_old_one_serves(shell: Shell) -> None:
    shell.type("deploy blog --image ghcr.io/org/blog:v1")
    slot = shell.settings.slot("blog")
    slot.write_text(slot.read_text() + '\n[healthcheck]\npath = "/health"\ntimeout = "1s"\n')
    shell.fake.network.apps["pvdify-blog-v2-*"] = Answer(status=503, body="no database", latency_ms=4)

    refused = shell.type("deploy blog --image ghcr.io/org/blog:v2")

    assert 69 == refused.status
    assert "status 503" in refused.err
    assert "no database" in refused.err
    assert ["pvdify-blog-v1-web-1"] == [one["name"] for one in shell.answer("ps blog")["instances"]]


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("deploy nobody", 66, "app-not-found"),
        ("deploy blog --image ghcr.io/org/blog:v9", 66, "image-not-found"),
        ("deploy blog --image=-rm", 65, "spec-invalid"),
        ("deploy blog", 65, "spec-invalid"),
        ("rollback blog", 75, "nothing-to-roll-back"),
        ("apps:create blog", 75, "app-exists"),
        ("apps:create host", 65, "spec-invalid"),
        ("apps:create Blog", 65, "spec-invalid"),
        ("ps:stop -a Blog", 65, "spec-invalid"),
        ("ps:scale blog clock=1", 65, "spec-invalid"),
        ("ps:scale blog web=101", 65, "spec-invalid"),
        ("releases:info blog v7", 66, "release-not-found"),
        ("generations:diff 1 99", 66, "generation-not-found"),
        ("operations:info 20990101-000000-000nope", 66, "not-found"),
        ("run blog -- ls", 75, "refused"),
        ("registry:logout ghcr.io", 66, "not-found"),
        ("config blog --version c9", 66, "config-not-found"),
        ("config:get blog A", 66, "not-found"),
        ("config:unset blog A", 65, "spec-invalid"),
        ("config:diff blog c1 c2", 66, "config-not-found"),
    ],
)
def test_what_cannot_be_done_has_its_status_and_its_code(shell: Shell, line: str, status: int, code: str) -> None:
    cut = line.partition(" -- ")

    done = shell.type(f"{cut[0]} --json{cut[1]}{cut[2]}")

    assert (status, code, "") == (done.status, json.loads(done.out)["code"], done.err)


def test_a_project_is_planned_and_applied(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "pvdify.toml"
    file.write_text('app = "shop"\nimage = "ghcr.io/org/blog:v1"\n[processes.web]\ncount = 2\n')

    planned = shell.answer(f"plan -f {file}")
    applied = shell.type(f"apply -f {file}")

    assert ["create", "deploy"] == [one["action"] for one in planned["steps"] if one["app"] == "shop"]
    assert 0 == applied.status
    assert 2 == len(shell.answer("ps shop")["instances"])
    assert [] == [one for one in shell.answer(f"plan -f {file}")["steps"] if one["app"] == "shop"]


def test_logs_and_operations_are_read(shell: Shell) -> None:
    shell.type("deploy blog --image ghcr.io/org/blog:v1")
    shell.fake.logs.write("pvdify-blog-v1-web-1.service", "hello")

    assert "v1 web-1 | hello\n" in shell.type("logs blog").out
    operations = shell.answer("operations blog")["operations"]
    assert ["releases.create", "apps.create"] == [one["name"] for one in operations]
    who = getpass.getuser() if shell.target is not None and shell.target.socket else "ada"
    assert [who, "ada"] == [one["actor"] for one in operations]
    assert "done" in shell.type(f"operations:info {operations[0]['id']}").out


def test_destroying_an_app_leaves_none(shell: Shell) -> None:
    shell.type("deploy blog --image ghcr.io/org/blog:v1")

    assert 0 == shell.type("apps:destroy blog --confirm blog").status

    assert {"apps": []} == shell.answer("apps")


def test_generations_are_listed_compared_and_switched_to(shell: Shell) -> None:
    shell.type("deploy blog --image ghcr.io/org/blog:v1")
    before = shell.answer("generations")["generations"][0]["number"]
    shell.type("deploy blog --image ghcr.io/org/blog:v2")
    after = shell.answer("generations")["generations"][0]["number"]

    assert "pvdify-blog-v2-web-1" in shell.type(f"generations:diff {before} {after}").out
    assert 0 == shell.type(f"generations:switch {before}").status
    assert ["v1"] == [f"v{one['release']}" for one in shell.answer("ps blog")["instances"]]
