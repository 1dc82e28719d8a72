"""Which app a command means, for every spelling that people use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.model.answers import Apps, AppSummary, RunResult
from pvdify.model.release import AppStatus
from pvdify.model.requests import Deploy, ForApp, Request, Restart, Rollback, RunOnce, Scale
from pvdify.model.slot import Environment
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from pathlib import Path


def knowing(*names: str) -> FakeClient:
    apps = (
        AppSummary(name=name, environment=Environment.PRODUCTION, status=AppStatus.RUNNING, image="", created_at="")
        for name in names
    )
    return FakeClient(answers={"apps.list": Apps(apps=tuple(apps))})


def changes(client: FakeClient) -> list[Request]:
    return [request for name, request in client.asked if name != "apps.list"]


@pytest.mark.parametrize(
    ("line", "default", "request_"),
    [
        ("deploy -a blog", None, Deploy(app="blog")),
        ("deploy -a blog", "shop", Deploy(app="blog")),
        ("deploy --app blog nginx", "shop", Deploy(app="blog", image="nginx")),
        ("deploy blog", None, Deploy(app="blog")),
        ("deploy blog", "shop", Deploy(app="blog")),
        ("deploy blog", "blog", Deploy(app="blog")),
        ("deploy", "shop", Deploy(app="shop")),
        ("deploy ghcr.io/org/blog:v2", "shop", Deploy(app="shop", image="ghcr.io/org/blog:v2")),
        ("deploy blog ghcr.io/org/blog:v2", "shop", Deploy(app="blog", image="ghcr.io/org/blog:v2")),
        ("ps:scale blog web=2", None, Scale(app="blog", processes={"web": 2})),
        ("ps:scale web=2 worker=1", "blog", Scale(app="blog", processes={"web": 2, "worker": 1})),
        ("ps:scale -a blog web=2", "shop", Scale(app="blog", processes={"web": 2})),
        ("ps:scale web=2 -a blog", "shop", Scale(app="blog", processes={"web": 2})),
        ("ps:restart worker", "blog", Restart(app="blog", process="worker")),
        ("ps:restart shop worker", "blog", Restart(app="shop", process="worker")),
        ("ps:restart shop", None, Restart(app="shop")),
        ("ps:restart blog", "blog", Restart(app="blog")),
        ("rollback v2", "blog", Rollback(app="blog", version=2)),
        ("rollback blog 2", None, Rollback(app="blog", version=2)),
        ("ps:stop shop", "blog", ForApp(app="shop")),
        ("run -- ls -la", "blog", RunOnce(app="blog", command=("ls", "-la"))),
        ("run blog -- ls -la", "shop", RunOnce(app="blog", command=("ls", "-la"))),
        ("run blog ls -la", None, RunOnce(app="blog", command=("ls", "-la"))),
        ("run ls -la", "blog", RunOnce(app="blog", command=("ls", "-la"))),
        ("run -a blog ls -- -la", None, RunOnce(app="blog", command=("ls", "-la"))),
        ("run -a blog -- sh -c --", None, RunOnce(app="blog", command=("sh", "-c", "--"))),
    ],
)
def test_the_app_is_found(line: str, default: str | None, request_: Request) -> None:
    client = knowing("blog", "shop")
    client.answers["run"] = RunResult(status=0)

    ended = typed(*line.split(), client=client, environ={"PVDIFY_APP": default} if default else {})

    assert (0, "") == (ended.status, ended.err)
    assert [request_] == changes(client)


@pytest.mark.parametrize(
    ("line", "one", "other"),
    [
        ("ps:restart web", "pvdify ps:restart -a web", "pvdify ps:restart -a blog web"),
        ("rollback v2", "pvdify rollback -a v2", "pvdify rollback -a blog v2"),
        ("run web ls", "pvdify run -a web ls", "pvdify run -a blog web ls"),
        ("run web ls -la", "pvdify run -a web ls -la", "pvdify run -a blog web ls -la"),
    ],
)
def test_two_readings_that_would_both_work_show_both_commands(line: str, one: str, other: str) -> None:
    client = knowing("blog", "web", "v2")

    ended = typed(*line.split(), client=client, environ={"PVDIFY_APP": "blog"})

    assert (64, []) == (ended.status, changes(client))
    assert f"type `{one}` or `{other}`" in ended.err


@pytest.mark.parametrize("line", ["deploy", "ps:scale web=2", "deploy ghcr.io/org/blog:v2", "run -- ls"])
def test_without_any_app_it_says_how_to_name_one(line: str) -> None:
    ended = typed(*line.split())

    assert 64 == ended.status
    assert "-a APP" in ended.err


@pytest.mark.parametrize("line", ["ps:scale blog", "releases:info blog", "ps:stop blog shop", "ps:scale blog web=x"])
def test_words_that_do_not_fit_show_the_usage(line: str) -> None:
    client = knowing("blog", "shop")

    ended = typed(*line.split(), client=client, environ={"PVDIFY_APP": "shop"})

    assert (64, []) == (ended.status, changes(client))
    assert f"usage: pvdify {line.split(maxsplit=1)[0]} [APP]" in ended.err


def test_only_where_two_readings_are_possible_is_a_host_asked_for_its_apps() -> None:
    client = knowing("blog")

    typed("ps:stop", "blog", client=client, environ={"PVDIFY_APP": "shop"})
    typed("ps:scale", "blog", "web=2", client=client)

    assert ["ps.stop", "ps.scale"] == [name for name, _ in client.asked]


def test_a_project_says_which_app_it_is_about(tmp_path: Path) -> None:
    (tmp_path / "pvdify.toml").write_text('app = "blog"\nimage = "nginx"\n')
    client = knowing("blog", "shop")

    typed("ps:stop", client=client, directory=tmp_path)
    typed("ps:stop", client=client, directory=tmp_path, environ={"PVDIFY_APP": "shop"})

    assert [ForApp(app="blog"), ForApp(app="shop")] == changes(client)


def test_a_project_file_with_a_mistake_names_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "pvdify.toml").write_text('# our app\napp = "Blog"\n')

    ended = typed("ps:stop", directory=tmp_path)

    assert 65 == ended.status
    assert "./pvdify.toml, line 2" in ended.err


@pytest.mark.parametrize("name", ["Blog", "blog\n", "-blog", "a" * 41])
def test_what_cannot_be_an_app_is_refused_before_it_is_asked_for(name: str) -> None:
    ended = typed("ps:stop", f"--app={name}")

    assert 65 == ended.status
