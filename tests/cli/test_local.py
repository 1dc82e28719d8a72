"""The command line on real operations, on a host in memory, over every way in."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING

import pytest

from pvdify.client.address import RemoteHost
from pvdify.ports import Answer
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["in process", "over the host's socket", "over https"])
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Somebody with `blog`, whose commands go one of the three ways."""
    shell = Shell(tmp_path)
    assert 0 == shell.type("init").status
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    if request.param == "in process":
        yield shell
        return
    token = str(shell.answer("tokens:create ada --scope admin")["token"])
    with served(tmp_path, shell.settings, shell.fake) as services:
        certificate = services.certificate.read_text().partition("-----BEGIN PRIVATE")[0]
        shell.target = (
            RemoteHost(url=services.url, token=token, certificate=certificate)
            if request.param == "over https"
            else RemoteHost(url=f"unix://{services.admin}")
        )
        yield shell


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
