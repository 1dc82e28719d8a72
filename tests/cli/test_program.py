"""The program around the commands: overview, help, typos, completion, the event loop, and what is imported when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

import pvdify
from pvdify.cli.commands import ALIASES, ENTRIES
from pvdify.cli.program import program, without_loop
from pvdify.model.answers import Apps
from pvdify.operations.registered import OPERATIONS
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from pvdify.client.address import RemoteHost
    from pvdify.operations.table import A, Operation, Q

PROJECT = Path(__file__).parents[2]
HEAVY = {
    "trio",
    "anyio",
    "asyncclick",
    "msgspec",
    "rich",
    "h11",
    "httpx",
    "keyring",
    "aiohttp",
    "jinja2",
    "systemd",
    "cloudflare",
}
LOOPS = {"trio", "asyncio", "rich", "h11", "httpx", "keyring", "aiohttp", "jinja2", "systemd", "cloudflare"}


def modules_after(*argv: str, environ: dict[str, str] | None = None) -> set[str]:
    """The modules that a real process has imported when the command is over."""
    script = (
        "import sys, json\n"
        "from pvdify.__main__ import main\n"
        "status = main()\n"
        "sys.stderr.write(json.dumps([status, sorted(sys.modules)]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *argv],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(ended.stderr.splitlines()[-1])
    assert 0 == status
    return set(modules)


def test_the_version_comes_before_anything_is_imported() -> None:
    modules = modules_after("--version")

    assert set() == modules & HEAVY
    assert {"pvdify", "pvdify.__main__"} == {one for one in modules if one.startswith("pvdify")}


@pytest.mark.parametrize("argv", [(), ("--help",), ("deploy", "--help"), ("help", "deploy")], ids=" ".join)
def test_help_needs_no_event_loop(argv: tuple[str, ...]) -> None:
    assert set() == modules_after(*argv) & LOOPS


def test_completion_needs_no_event_loop_and_no_command() -> None:
    modules = modules_after_completion("pvdify apps:")

    assert set() == modules & LOOPS
    assert set() == {f"pvdify.cli.{entry.module}" for entry in ENTRIES.values()} & modules


def modules_after_completion(words: str) -> set[str]:
    script = (
        "import sys, json\n"
        "from pvdify.__main__ import main\n"
        "status = main()\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "_PVDIFY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "plain,apps:create" in ended.stdout
    return set(json.loads(ended.stderr))


def test_a_module_is_imported_when_its_command_is_named() -> None:
    modules = modules_after("deploy", "--help")

    assert "pvdify.cli.releases" in modules
    assert set() == {f"pvdify.cli.{entry.module}" for entry in ENTRIES.values()} - {"pvdify.cli.releases"} & modules


def test_a_command_runs_on_trio() -> None:
    class Noticing(FakeClient):
        async def ask(self, operation: Operation[Q, A], request: Q) -> A:
            assert trio.lowlevel.current_task() is not None
            return await super().ask(operation, request)

    assert 0 == typed("apps", client=Noticing(answers={"apps.list": Apps(apps=())})).status


@pytest.mark.parametrize("argv", [(), ("--help",), ("-h",), ("help",)], ids=" ".join)
def test_the_overview_names_every_command(argv: tuple[str, ...], golden: SnapshotAssertion) -> None:
    ended = typed(*argv)

    text = ended.text.replace(pvdify.__version__, "0.0.0")
    assert text == golden(name="_cli/overview.txt")
    assert [] == [name for name in ENTRIES if f"  {name} " not in text]


@pytest.mark.parametrize("name", [*ENTRIES, *ALIASES])
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    ended = typed(name, "--help")

    assert (0, "") == (ended.status, ended.err)
    entry = ENTRIES[ALIASES.get(name, name)]
    assert entry.summary in " ".join(ended.out.split())
    assert f"\n  pvdify {entry.name}" in ended.out.partition("Example")[2]
    assert "--json" in ended.out
    assert "--state" in ended.out


def test_commands_and_operations_are_described_in_the_same_words() -> None:
    summaries = {entry.summary for entry in ENTRIES.values()}

    without_a_command = {"operations.events", "events.follow", "apps.change", "releases.log", "metrics", "ps.run"}
    without_a_command |= {"restore.check", "domains.cloudflare"}  # `domains:add --dns` does the latter as well
    assert {one.name for one in OPERATIONS.values() if one.summary not in summaries} == without_a_command


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("dploy", "deploy"),
        ("app", "apps"),
        ("apps:crate", "apps:create"),
        ("scale", "ps:scale"),
        ("revoke", "tokens:revoke"),
    ],
)
def test_a_typo_is_told_the_nearest_command(typo: str, meant: str) -> None:
    ended = typed(typo, "blog")

    assert 64 == ended.status
    assert f"did you mean `pvdify {meant}`?" in ended.err


def test_what_is_like_no_command_is_told_where_they_are_listed() -> None:
    assert "`pvdify` lists the commands" in typed("frobnicate").err


@pytest.mark.parametrize(
    "argv",
    [
        ("deploy", "blog", "--frobnicate"),
        ("apps", "create"),
        ("apps:create",),
        ("logs", "blog", "-n", "many"),
        ("deploy", "blog", "ghcr.io/a/b:1", "--image", "ghcr.io/a/b:2"),
        ("--frobnicate",),
    ],
    ids=" ".join,
)
def test_what_is_typed_wrong_ends_with_64_and_asks_nothing(argv: tuple[str, ...]) -> None:
    client = FakeClient()

    ended = typed(*argv, client=client)

    assert (64, "", []) == (ended.status, ended.out, client.asked)
    assert ended.err


def test_a_wrong_command_is_one_object_for_programs() -> None:
    ended = typed("deploy", "--json")

    assert ("usage", 64) == (json.loads(ended.out)["code"], ended.status)
    assert "" == ended.err


def test_words_that_were_typed_apart_are_put_together() -> None:
    nothing = FakeClient(answers={"apps.list": Apps(apps=())})

    assert "did you mean `pvdify ps:scale`?" in typed("ps", "scale", "web=2").err
    assert "did you mean `pvdify ps:restart`?" in typed("ps", "restart", client=nothing).err
    assert "did you mean `pvdify apps:create`?" in typed("apps", "create", "blog").err
    assert "did you mean `pvdify registry:login`?" in typed("registry", "login", "ghcr.io").err


@pytest.mark.parametrize(
    ("argv", "environ", "state"),
    [
        (("apps",), {}, "/var/lib/pvdify"),
        (("apps",), {"PVDIFY_STATE": "/srv/one"}, "/srv/one"),
        (("--state", "/srv/two", "apps"), {"PVDIFY_STATE": "/srv/one"}, "/srv/two"),
        (("--state", "/srv/two", "apps", "--state", "/srv/three"), {}, "/srv/three"),
    ],
)
def test_the_nearest_says_which_state_directory(argv: tuple[str, ...], environ: dict[str, str], state: str) -> None:
    asked: list[Path | RemoteHost] = []

    typed(*argv, client=FakeClient(answers={"apps.list": Apps(apps=())}), environ=environ, asked_whom=asked)

    assert [Path(state)] == asked


def test_who_is_not_root_is_told_to_become_it() -> None:
    client = FakeClient()

    ended = typed("deploy", "blog", "--image", "a/b c", client=client, is_root=False)

    assert (77, []) == (ended.status, client.asked)
    assert "cannot run `pvdify deploy`: not root\n  type `sudo pvdify deploy blog --image 'a/b c'`, or " in ended.err
    assert "`pvdify login`" in ended.err


def test_a_state_directory_of_ones_own_needs_no_root() -> None:
    client = FakeClient(answers={"apps.list": Apps(apps=())})

    assert 0 == typed("apps", "--state", "/srv/mine", client=client, is_root=False).status


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("dep",), ["deploy"]),
        (("apps:",), ["apps:create", "apps:info", "apps:destroy"]),
        (("deploy", ""), ["blog", "shop"]),
        (("deploy", "b"), ["blog"]),
        (("deploy", "-a", "s"), ["shop"]),
        (("deploy", "blog", ""), []),
        (("deploy", "--im"), ["--image"]),
        (("apps:create", "--environment", "st"), ["staging"]),
    ],
)
def test_completion_knows_commands_apps_and_options(words: tuple[str, ...], found: list[str]) -> None:
    assert found == completed(*words)


def completed(*words: str) -> list[str]:
    from asyncclick.shell_completion import BashComplete

    from tests.cli.fake import surroundings

    around = surroundings(apps=("blog", "shop"))
    completion = BashComplete(program(), {"obj": around}, "pvdify", "_PVDIFY_COMPLETE")
    return [one.value for one in without_loop(completion.get_completions(list(words[:-1]), words[-1]))]
