"""`config:edit`: a file in memory, what is sent of it, and an edit that is not lost."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.cli.scratch import kept, places, scratch
from pvdify.errors import CancelledOperationError, HostError, LeftRunningError, PreconditionError, ProgramMissingError
from pvdify.model.config_answers import Config
from pvdify.model.requests import SetConfig
from tests.cli.fake import DONE, ID, Ended, FakeClient, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pvdify.model.answers import Changed
    from pvdify.operations.table import A, Operation, Q

PROJECT = Path(__file__).parents[2]
C7 = Config(
    app="blog",
    version=7,
    live_version=7,
    vars={"A": "1", "B": "it's 2", "C": "3"},
    files={"tls.pem": b"PEM"},
    sizes={"tls.pem": 3},
)
C8 = msgspec.structs.replace(C7, version=8, vars={"A": "1", "B": "theirs", "D": "4"})
STALE = PreconditionError("cannot change the config of blog: it is c8 by now, and not c7")
SECRET = "hunter2"  # noqa: S105 - looked for where it must not be


@dataclass
class Editing(FakeClient):
    """A host whose config is, and whose changes end, one after the other as was said."""

    shown: list[Config] = field(default_factory=lambda: [C7])
    ends: list[BaseException] = field(default_factory=list)

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        self.answers["config.show"] = self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]
        return await super().ask(operation, request)

    async def ended(self, id_: str) -> Changed:
        assert id_ == ID
        if self.ends:
            raise self.ends.pop(0)
        return DONE

    @property
    def told(self) -> list[SetConfig]:
        """What it was told to set."""
        return [request for _, request in self.asked if isinstance(request, SetConfig)]


@dataclass
class Editor:
    """Replaces texts, a pair each time it is started, and remembers what it found."""

    replaces: list[tuple[str, str]]
    found: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def __call__(self, path: Path) -> int | None:
        self.found.append(path.read_text())
        self.files.append(path)
        path.with_suffix(".bak").write_text(self.found[-1])
        before, after = self.replaces.pop(0)
        path.write_text(self.found[-1].replace(before, after) if before else after)
        return None


def edit(
    editor: Callable[[Path], int | None], client: Editing, *options: str, says: str = "", is_interactive: bool = False
) -> Ended:
    return typed(
        "config:edit", "blog", *options, client=client, editor=editor, says=says, is_interactive=is_interactive
    )


def test_what_is_other_is_set_if_the_config_is_still_the_one_that_was_shown() -> None:
    client, editor = Editing(), Editor([("A=1\nB='it\\'s 2'\n", "A=2\nB='it\\'s 2'\nNEW=' x'\n")])

    done = edit(editor, client, "--no-deploy")

    assert (0, "") == (done.status, done.err)
    assert [SetConfig(app="blog", vars={"A": "2", "NEW": " x"}, deploy=False, base=7)] == client.told


def test_a_line_that_is_gone_is_a_variable_that_is_forgotten() -> None:
    client = Editing()

    edit(Editor([("C=3\n", "")]), client)

    assert [SetConfig(app="blog", vars={"C": None}, base=7)] == client.told


def test_the_first_config_is_edited_too() -> None:
    none = Config(app="blog", version=None, live_version=None, vars={}, files={}, sizes={})
    client = Editing(shown=[none])

    edit(Editor([("", "A=1\n")]), client)

    assert [SetConfig(app="blog", vars={"A": "1"}, base=0)] == client.told


def test_the_file_is_in_memory_for_nobody_else_and_gone_afterwards() -> None:
    modes: list[int] = []
    places: list[Path] = []

    def editor(path: Path) -> None:
        modes.extend(stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent))
        places.append(path)
        path.with_suffix(".swp").write_text("left over")

    edit(editor, Editing())

    assert [0o600, 0o700] == modes
    assert "tmpfs" == filesystem(places[0].parent.parent)
    assert not places[0].parent.exists()


def filesystem(path: Path) -> str:
    return subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_said_in_the_file_names_the_files_and_no_more_of_them() -> None:
    editor = Editor([("", "A=1\n")])

    edit(editor, Editing())

    head = [line for line in editor.found[0].splitlines() if line.startswith("#")]
    assert any("tls.pem (3 B)" in line for line in head)
    assert ["A=1", "B='it\\'s 2'", "C=3"] == editor.found[0].splitlines()[len(head) + 1 :]


@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_an_edit_that_changes_nothing_says_so(options: tuple[str, ...]) -> None:
    client = Editing()

    done = edit(Editor([("A=1", "A='1' # as before")]), client, *options)

    assert (0, []) == (done.status, client.told)
    assert "nothing was changed in the config of blog" in done.out


@pytest.mark.parametrize(
    ("text", "words"),
    [(f"A=1\n{SECRET}\n", "line 2: it has no value"), (" \n", "it is empty"), (f"A='{SECRET}", "line 1")],
)
def test_what_cannot_be_read_is_an_error_where_nobody_can_be_asked(text: str, words: str) -> None:
    client = Editing()

    done = edit(Editor([("", text)]), client)

    assert (65, []) == (done.status, client.told)
    assert words in done.err
    assert SECRET not in done.text


def test_what_cannot_be_read_is_edited_again_as_it_was_left() -> None:
    client, editor = Editing(), Editor([("A=1", "A='1"), ("A='1", "A='5'")])

    done = edit(editor, client, says="e\n", is_interactive=True)

    assert 0 == done.status
    assert "A='1\n" in editor.found[1]
    assert [SetConfig(app="blog", vars={"A": "5"}, base=7)] == client.told


def test_a_config_that_was_changed_meanwhile_is_edited_again_with_both_changes() -> None:
    client = Editing(shown=[C7, C8], ends=[STALE])
    editor = Editor([("A=1\nB='it\\'s 2'\nC=3", "A=1\nB=mine\nC=3\nE=5"), ("B=mine", "B=both")])

    done = edit(editor, client, says="e\n", is_interactive=True)

    assert 0 == done.status
    assert "it is c8 by now" in done.err
    assert "both of you changed: B." in editor.found[1]
    assert "\n\nA=1\nB=mine\nD=4\nE=5\n" in editor.found[1]
    assert [
        SetConfig(app="blog", vars={"B": "mine", "E": "5"}, base=7),
        SetConfig(app="blog", vars={"B": "both", "E": "5"}, base=8),
    ] == client.told


@pytest.mark.parametrize("says", ["k\n", "\n", ""])
def test_an_edit_is_kept_in_memory_and_the_way_to_set_it_is_told(says: str) -> None:
    client = Editing(ends=[STALE])

    done = edit(Editor([("A=1", f"A={SECRET}")]), client, says=says, is_interactive=True)

    words = done.err.partition("it is in ")[2]
    path = Path(words.partition(",")[0])
    try:
        assert 75 == done.status
        assert f"A={SECRET}" in path.read_text()
        assert [0o600, 0o700] == [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)]
        assert f"pvdify config:import blog {path} --replace" in words
        assert SECRET not in done.text
    finally:
        path.unlink()
        path.parent.rmdir()


@pytest.mark.parametrize("error", [STALE, HostError("cannot"), CancelledOperationError("cancelled")])
def test_an_edit_is_forgotten_when_that_is_said(error: Exception) -> None:
    editor = Editor([("A=1", "A=2")])

    done = edit(editor, Editing(ends=[error]), says="f\n", is_interactive=True)

    assert 0 != done.status
    assert "it is in" not in done.err
    assert not editor.files[0].parent.exists()


def test_a_program_reads_why_one_object_and_is_asked_nothing() -> None:
    done = edit(Editor([("A=1", f"A={SECRET}")]), Editing(ends=[STALE]), "--json")

    assert (75, "", True) == (done.status, done.err, '"precondition-failed"' in done.out)
    assert SECRET not in done.text


def test_a_change_that_was_left_running_is_not_edited_again() -> None:
    done = edit(Editor([("A=1", "A=2")]), Editing(ends=[LeftRunningError(ID)]), says="e\n", is_interactive=True)

    assert 75 == done.status
    assert "Nothing is lost" not in done.err


def test_an_editor_that_ends_badly_changes_nothing() -> None:
    client = Editing()

    def editor(path: Path) -> int:
        path.write_text("A=2\n")
        return 1

    done = edit(editor, client)

    assert (69, []) == (done.status, client.told)
    assert "vi ended with status 1; nothing was changed" in done.err


def test_an_editor_that_is_not_there_is_told() -> None:
    def editor(path: Path) -> None:
        raise ProgramMissingError("vi")

    done = edit(editor, Editing())

    assert 69 == done.status
    assert "there is no vi\n  name your editor in VISUAL or EDITOR" in done.err


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A directory that is not in memory."""
    return next(one for one in (tmp_path, PROJECT, Path.home()) if filesystem(one) not in {"tmpfs", "ramfs"})


def test_no_file_is_written_where_it_would_reach_a_disk(disk: Path) -> None:
    before = set(disk.iterdir())

    with pytest.raises(HostError, match=f"none of {disk}, /nowhere is in memory"):
        kept("blog.env", b"", places=(disk, Path("/nowhere")))

    assert before == set(disk.iterdir())


def test_a_place_on_a_disk_is_passed_over(disk: Path) -> None:
    with scratch("blog.env", b"A=1\n", places=(disk, *places({}))) as path:
        assert b"A=1\n" == path.read_bytes()
        assert not path.is_relative_to(disk)


def test_the_users_own_directory_is_the_first_place() -> None:
    assert Path("/run/user/1000") == places({"XDG_RUNTIME_DIR": "/run/user/1000"})[0]


@contextmanager
def an_editor(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A command whose editor is open until `close` is there, and the file that is edited."""
    opened, close, script = tmp_path / "opened", tmp_path / "close", tmp_path / "editor"
    script.write_text(
        f'#!/bin/sh\necho "$1" > {opened}.new\nmv {opened}.new {opened}\nuntil [ -e {close} ]; do sleep 0.01; done\n'
    )
    script.chmod(0o700)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.hanging", str(tmp_path / "gate"), "willing", "config:edit", "blog"],
        cwd=PROJECT,
        env={**os.environ, "EDITOR": f"'{script}'"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, Path(line_of(opened))
        finally:
            process.kill()
            close.touch()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_of_an_edit_that_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    with an_editor(tmp_path) as (process, path):
        assert path.exists()

        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    assert 130 == process.returncode
    assert "nothing was changed" in said
    assert not path.parent.exists()


def test_ctrl_c_is_the_editors(tmp_path: Path) -> None:
    with an_editor(tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        (tmp_path / "close").touch()
        out, said = process.communicate(timeout=20)

    assert (0, "") == (process.returncode, said)
    assert "nothing was changed in the config of blog\n" == out


def line_of(path: Path) -> str:
    for _ in range(2000):
        if path.exists():
            return path.read_text().strip()
        time.sleep(0.01)
    raise TimeoutError(path)
