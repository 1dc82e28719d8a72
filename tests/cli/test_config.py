"""Config: what is asked for, where values come from, where they go, and that no error has any."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from pvdify.cli.program import main
from pvdify.cli.terminal import Terminal
from pvdify.model.config_answers import Config, ConfigVersions
from pvdify.model.requests import DiffConfig, ForApp, SetConfig, ShowConfig
from tests.cli.answers import ANSWERS
from tests.cli.fake import FakeClient, ended, surroundings, typed

PROJECT = Path(__file__).parents[2]
SHOWN = ANSWERS["config.show"]
SECRET = "hunter2"  # noqa: S105 - looked for where it must not be


def told(*argv: str, says: str = "") -> SetConfig:
    """What the host is told to set."""
    client = FakeClient()
    done = typed(*argv, client=client, says=says)
    assert (0, "") == (done.status, done.err)
    ((name, request),) = client.asked
    assert isinstance(request, SetConfig)
    assert "config.set" == name
    return request


def refused(*argv: str, says: str = "", status: int = 65) -> str:
    """Why nothing was asked for, in words and for programs; the secret is in neither."""
    client = FakeClient()
    done = typed(*argv, client=client, says=says)
    for_programs = typed(*argv, "--json", client=client, says=says)
    assert (status, status) == (done.status, for_programs.status)
    assert [] == [one for one in client.asked if one[0] != "apps.list"]
    assert SECRET not in done.text + for_programs.text
    return done.err


@pytest.fixture
def env(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("A=1\nB=' two '\n")
    return path


def test_variables_are_set_as_they_are_typed() -> None:
    request = told("config:set", "blog", "A=1=2", "_b=", "C= ' \"")

    assert SetConfig(app="blog", vars={"A": "1=2", "_b": "", "C": " ' \""}) == request


@pytest.mark.parametrize("argv", [("blog", "A=1"), ("-a", "blog", "A=1"), ("A=1", "-a", "blog")], ids=" ".join)
def test_the_app_stands_in_front_or_behind_an_option(argv: tuple[str, ...]) -> None:
    assert SetConfig(app="blog", vars={"A": "1"}, deploy=False) == told("config:set", *argv, "--no-deploy")


def test_a_value_comes_from_standard_input_as_it_is() -> None:
    assert {"A": " x # ", "B": "1"} == told("config:set", "blog", "A=-", "B=1", says=" x # ").vars


def test_a_value_that_is_typed_on_a_terminal_is_not_seen(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = (sys.executable, "-m", "tests.cli.hanging", str(gate), "willing", "config:set", "blog", "A=-")

    with subprocess.Popen(
        [sys.executable, "-c", spawn, *command], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        seen = b""
        while b"Value of A: " not in seen:
            seen += os.read(process.stdout.fileno(), 1000)
        process.stdin.write(f"{SECRET}\n".encode())
        process.stdin.flush()
        while b"done" not in seen:
            seen += os.read(process.stdout.fileno(), 1000)
        process.stdin.close()

        assert 0 == process.wait(20)
    assert SECRET.encode() not in seen


def test_files_and_variables_of_a_file_are_set_at_once(env: Path) -> None:
    request = told("config:set", "blog", "C=3", "--file", str(env), "--file-secret", f"tls.pem={env}")

    assert {"A": "1", "B": " two ", "C": "3"} == request.vars
    assert {"tls.pem": env.read_bytes()} == request.files


def test_a_file_can_be_standard_input() -> None:
    assert {"A": "1"} == told("config:set", "blog", "--file", "-", says="A=1\n").vars
    assert {"tls.pem": b"A=1\n"} == told("config:set", "blog", "--file-secret", "tls.pem=-", says="A=1\n").files


@pytest.mark.parametrize(
    ("argv", "says", "status", "words"),
    [
        (("blog", SECRET), "", 64, "KEY=VALUE number 1 has no value"),
        (("blog", "A=1", SECRET), "", 64, "KEY=VALUE number 2 has no value"),
        (("blog", f"={SECRET}"), "", 64, "KEY=VALUE number 1 has no name"),
        (("-a", "blog", "A", SECRET), "", 64, "A has no value\n  say A=VALUE, or A=- to be asked for the value"),
        ((f"A={SECRET}",), "", 64, "cannot tell which app `pvdify config:set …` means"),
        (("blog", f"postgres://u:{SECRET}@db?x=1"), "", 64, "cannot read KEY=VALUE number 1"),
        (("blog", f"A={SECRET}", "A=2"), "", 64, "cannot set A twice"),
        (("blog", "A=-", "B=-"), SECRET, 64, "cannot take standard input for more than one thing"),
        (("blog", "A=-", "--file-secret", "b=-"), SECRET, 64, "cannot take standard input for more than one thing"),
        (("blog",), "", 64, "cannot set nothing"),
        (("blog", "A=-"), f"{SECRET}\n", 65, 'printf %s "$(cat FILE)" | pvdify config:set blog A=-'),
        (("blog", f"A={SECRET}\udcff"), "", 65, "cannot set A: its value is not UTF-8"),
        (("blog", "--file", "-"), f"A=1\n{SECRET}\n", 65, "cannot read standard input, line 2"),
        (("blog", "--file", "-"), "# nothing\n", 65, "it has no variable"),
        (("blog", "--file", "/nowhere"), "", 66, "cannot find /nowhere"),
        (("blog", "--file", "/"), "", 65, "cannot read /: is a directory"),
        (("blog", "--file-secret", "tls.pem"), "", 64, "it is not NAME=FILE"),
        (("blog", "--file-secret", "env=-"), SECRET, 65, "expected the name of a secret file"),
        (("blog", "--file-secret", "a=/dev/null", "--file-secret", "a=/dev/null"), "", 64, "it is there twice"),
        (
            ("blog", "--file-secret", "a=/dev/zero"),
            "",
            65,
            "1000000 bytes\n  keep large files in a volume or in the image",
        ),
    ],
)
def test_what_cannot_be_set_is_told_without_its_value(
    argv: tuple[str, ...], says: str, status: int, words: str
) -> None:
    assert words in refused("config:set", *argv, says=says, status=status)


def test_a_variable_of_a_file_and_of_a_word_is_no_choice_of_ours(env: Path) -> None:
    assert "cannot set A twice" in refused("config:set", "blog", "A=2", "--file", str(env), status=64)


def test_words_that_were_typed_apart_are_not_shown() -> None:
    assert "did you mean `pvdify config:set`?" in refused("config", "set", f"A={SECRET}", status=64)


def test_who_is_not_root_does_not_read_the_value_again() -> None:
    done = typed("config:set", "blog", f"A={SECRET}", is_root=False)

    assert 77 == done.status
    assert "sudo pvdify config:set …" in done.err
    assert SECRET not in done.text


def test_variables_and_files_are_unset_at_once() -> None:
    request = told("config:unset", "blog", "A", "lower", "secrets/tls.pem", "--no-deploy")

    assert SetConfig(app="blog", vars={"A": None, "lower": None}, files={"tls.pem": None}, deploy=False) == request


@pytest.mark.parametrize("name", ["tls.pem", "secrets/tls.pem", "/run/secrets/tls.pem"])
def test_a_file_is_unset_by_every_name_that_it_has(name: str) -> None:
    assert SetConfig(app="blog", files={"tls.pem": None}) == told("config:unset", "blog", name)


@pytest.mark.parametrize("command", ["config:get", "config:unset"])
def test_a_value_behind_a_name_is_not_shown(command: str) -> None:
    assert f"cannot read `pvdify {command} …`" in refused(command, "blog", f"A={SECRET}", status=64)
    assert f"cannot read `pvdify {command} -a blog …`" in refused(command, "-a", "blog", f"A={SECRET}", status=64)
    assert f"cannot read `pvdify {command} …`" in refused(command, "blog", f"/run/{SECRET}", status=64)


def test_an_import_of_nothing_says_that_the_file_is_missing() -> None:
    assert "no file is named\n  type `pvdify config:import blog FILE`" in refused("config:import", "blog", status=64)


def test_who_takes_a_config_for_a_release_is_told_the_way_back() -> None:
    way = "pvdify config:export blog --version c3 | pvdify config:import blog - --replace"

    assert way in refused("rollback", "blog", "c3", status=64)
    assert way in refused("rollback", "-a", "blog", "c3", status=64)


def test_an_import_sets_what_the_file_says(env: Path) -> None:
    request = told("config:import", "blog", str(env))

    assert SetConfig(app="blog", vars={"A": "1", "B": " two "}) == request


def test_an_import_that_replaces_forgets_the_rest_if_nobody_has_changed_it_meanwhile() -> None:
    client = FakeClient(answers=ANSWERS)

    typed("config:import", "blog", "-", "--replace", client=client, says='{"LOG_LEVEL": "info", "NEW": "1"}')

    wanted = {"LOG_LEVEL": "info", "NEW": "1", "DATABASE_URL": None}
    assert [
        ("config.show", ShowConfig(app="blog")),
        ("config.set", SetConfig(app="blog", vars=wanted, base=7)),
    ] == client.asked


def test_an_empty_import_forgets_nothing() -> None:
    assert "it has no variable" in refused("config:import", "blog", "-", "--replace")


@pytest.mark.parametrize(
    ("key", "out"),
    [
        ("LOG_LEVEL", "debug\x1b[2J"),
        *((name, "\x00\udcffPEM") for name in ("tls.pem", "secrets/tls.pem", "/run/secrets/tls.pem")),
    ],
)
def test_one_value_is_all_that_is_written(key: str, out: str) -> None:
    client = FakeClient(answers=ANSWERS)

    done = typed("config:get", "blog", key, client=client)

    assert [("config.show", ShowConfig(app="blog", reveal=True))] == client.asked
    assert (0, out, "") == (done.status, done.out, done.err)


def test_bytes_go_into_a_file_as_they_are(tmp_path: Path) -> None:
    around = surroundings("config:get", "blog", "tls.pem", client=FakeClient(answers=ANSWERS))

    with (tmp_path / "tls.pem").open("w") as out:
        terminal = Terminal(out=out, err=io.StringIO(), input=io.StringIO())
        assert 0 == main(replace(around, terminal=terminal))

    assert b"\x00\xffPEM" == (tmp_path / "tls.pem").read_bytes()


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (("config:get", "blog", "LOG_LEVEL"), "debug\\x1b[2J\n"),
        (("config:get", "blog", "tls.pem"), "\\x00\\xffPEM\n"),
        (("config:export", "blog"), "DATABASE_URL=postgres://db/blog\nLOG_LEVEL='debug\\x1b[2J'\n"),
    ],
)
def test_on_a_terminal_nothing_can_move_the_cursor(argv: tuple[str, ...], out: str) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    around = surroundings(*argv, client=FakeClient(answers=ANSWERS))
    terminal = Terminal(out=Screen(), err=io.StringIO(), input=io.StringIO())

    assert out == ended(replace(around, terminal=terminal)).out


def test_values_and_files_for_programs_are_told_apart() -> None:
    client = FakeClient(answers=ANSWERS)

    value = json.loads(typed("config:get", "blog", "LOG_LEVEL", "--json", client=client).out)
    file = json.loads(typed("config:get", "blog", "tls.pem", "--json", client=client).out)
    whole = json.loads(typed("config", "blog", "--reveal", "--json", client=client).out)

    assert {"app": "blog", "version": 7, "key": "LOG_LEVEL", "value": "debug\x1b[2J"} == value
    assert {"app": "blog", "version": 7, "key": "secrets/tls.pem", "value": "AP9QRU0="} == file
    assert b"\x00\xffPEM" == base64.b64decode(whole["files"]["tls.pem"])


@pytest.mark.parametrize("command", ["config", "config:get", "config:export"])
def test_an_older_version_is_shown_by_its_number(command: str) -> None:
    client = FakeClient(answers=ANSWERS)
    words = ("LOG_LEVEL",) if command == "config:get" else ()

    typed(command, "blog", *words, "--version", "c6", client=client)

    ((_, request),) = client.asked
    assert 6 == getattr(request, "version", None)


@pytest.mark.parametrize("key", ["NOBODY", "secrets/LOG_LEVEL", "secrets/nobody.pem"])
def test_what_is_not_set_is_not_found(key: str) -> None:
    done = typed("config:get", "blog", key, client=FakeClient(answers=ANSWERS))

    assert (66, "") == (done.status, done.out)
    assert f"cannot find {key} in c7 of blog" in done.err


def test_an_export_is_an_import_and_names_the_files_that_are_not_in_it() -> None:
    client = FakeClient(answers=ANSWERS)

    text = typed("config:export", "blog", client=client)
    as_json = typed("config:export", "blog", "--json", client=client)

    values = {"DATABASE_URL": "postgres://db/blog", "LOG_LEVEL": "debug\x1b[2J"}
    assert values == told("config:import", "blog", "-", says=text.out).vars
    assert "not in it, as they are files: tls.pem\n" == text.err
    assert (values, "") == (json.loads(as_json.out), as_json.err)


def test_one_version_is_compared_to_the_one_of_now() -> None:
    client = FakeClient(answers=ANSWERS)

    typed("config:diff", "blog", "c6", client=client)

    assert [
        ("config.versions", ForApp(app="blog")),
        ("config.diff", DiffConfig(app="blog", version=6, other=7)),
    ] == client.asked


def test_no_config_says_what_to_type() -> None:
    none = Config(app="blog", version=None, live_version=None, vars={}, files={}, sizes={})
    no_versions = ConfigVersions(app="blog", version=None, live_version=None, versions=())
    client = FakeClient(answers={"config.show": none, "config.versions": no_versions})

    assert "pvdify config:set blog KEY=VALUE" in typed("config", "blog", client=client).out
    assert "pvdify config:set blog KEY=VALUE" in typed("config:versions", "blog", client=client).out
    assert 66 == typed("config:get", "blog", "A", client=client).status
    assert 66 == typed("config:diff", "blog", "c1", client=client).status


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (7, ""),
        (6, "it waits for the next release; the live one has c6, and `pvdify deploy blog` makes the next\n"),
        (None, "it waits for the next release\n"),
    ],
)
def test_a_config_that_waits_for_the_next_release_says_so(live: int | None, words: str) -> None:
    assert isinstance(SHOWN, Config)
    client = FakeClient(answers={"config.show": msgspec.structs.replace(SHOWN, live_version=live)})

    head = typed("config", "blog", client=client).out.partition("\n\n")[0]

    assert f"c7 of blog, set 2026-01-31 09:00:00Z by ada\n{words}" == f"{head}\n"
