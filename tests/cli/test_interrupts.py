"""Ctrl-C, a lost terminal, and a reader that leaves: real signals, real pipes and a real terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from pvdify.ports import Answer
from tests.cli.fake import ID
from tests.cli.shell import Shell
from tests.fakes.network import FakeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).parents[2]


class Running:
    """A command that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], gate: Path) -> None:
        self.process = process
        self.gate = gate
        self.seen = ""

    def until(self, words: str) -> None:
        """Read its lines until one has *words*."""
        out = self.process.stdout
        assert out is not None
        while words not in self.seen:
            line = out.readline()
            assert line, self.seen
            self.seen += line

    def end(self) -> int:
        """Let its change end, and answer the exit status."""
        self.gate.touch()
        return self.status()

    def status(self) -> int:
        """Wait for its exit status."""
        return self.process.wait(timeout=20)


@contextmanager
def hanging(tmp_path: Path, kind: str, *argv: str, out: int | IO[str] = subprocess.PIPE) -> Iterator[Running]:
    gate = tmp_path / "gate"
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.hanging", str(gate), kind, *argv],
        cwd=PROJECT,
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Running(process, gate)
        finally:
            process.kill()


def test_the_first_ctrl_c_undoes_and_ends_with_130(tmp_path: Path) -> None:
    with hanging(tmp_path, "willing", "deploy", "blog") as running:
        running.until("ready")
        running.process.send_signal(signal.SIGINT)
        running.until("undoing… press Ctrl-C again to leave it to recovery")

        assert 130 == running.status()


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    with hanging(tmp_path, "stubborn", "deploy", "blog") as running:
        running.until("ready")
        running.process.send_signal(signal.SIGINT)
        running.until("undoing…")
        running.process.send_signal(signal.SIGINT)

        assert 130 == running.status()
        assert not running.gate.exists()


def test_past_the_switch_ctrl_c_waits_for_the_end(tmp_path: Path) -> None:
    with hanging(tmp_path, "forward", "deploy", "blog") as running:
        running.until("ready")
        running.process.send_signal(signal.SIGINT)
        running.until("it only goes forward")

        assert 0 == running.end()


def test_the_loss_of_the_terminal_cancels_nothing(tmp_path: Path) -> None:
    main, other = pty.openpty()
    with os.fdopen(other, "w") as terminal, hanging(tmp_path, "willing", "deploy", "blog", out=terminal) as running:
        seen = b""
        while b"ready" not in seen:
            seen += os.read(main, 1000)
        os.close(main)
        running.process.send_signal(signal.SIGHUP)

        assert 0 == running.end()


def test_a_lost_terminal_does_not_count_as_a_ctrl_c(tmp_path: Path) -> None:
    with hanging(tmp_path, "stubborn", "deploy", "blog") as running:
        running.until("ready")
        running.process.send_signal(signal.SIGHUP)
        running.process.send_signal(signal.SIGINT)
        running.until("undoing…")

        assert 0 == running.end()


def test_on_a_terminal_the_step_that_runs_is_shown(tmp_path: Path) -> None:
    main, other = pty.openpty()
    with os.fdopen(other, "w") as terminal, hanging(tmp_path, "willing", "deploy", "blog", out=terminal) as running:
        seen = b""
        while b"ready" not in seen:
            seen += os.read(main, 1000)
        running.process.send_signal(signal.SIGINT)

        assert 130 == running.status()
        rest = os.read(main, 10_000)
    os.close(main)
    assert b"undoing" in seen + rest
    assert (seen + rest).count(b"\x1b[?25l") <= (seen + rest).count(b"\x1b[?25h"), "the cursor comes back"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_where_nobody_can_be_asked_a_change_elsewhere_is_left_running(tmp_path: Path, number: signal.Signals) -> None:
    with hanging(tmp_path, "remote", "deploy", "blog") as running:
        running.until("ready")
        running.process.send_signal(number)

        assert 75 == running.status()
        assert running.process.stderr is not None
        said = running.process.stderr.read()
    assert f"cannot tell how operation {ID} ends: it was left running\n" in said
    assert f"pvdify operations:follow {ID}" in said
    assert f"pvdify operations:cancel {ID}" in said


def test_a_program_that_leaves_a_change_elsewhere_reads_how_to_come_back(tmp_path: Path) -> None:
    with hanging(tmp_path, "remote", "deploy", "blog", "--json") as running:
        while not running.gate.with_suffix(".watched").exists():
            time.sleep(0.01)
        running.process.send_signal(signal.SIGINT)

        assert 75 == running.status()
        assert running.process.stdout is not None
        problem = json.load(running.process.stdout)
    assert ("left-running", 75) == (problem["code"], problem["exit_status"])


class Terminal:
    """A real terminal, with a command that runs in it."""

    def __init__(self, tmp_path: Path, *argv: str) -> None:
        self.gate = tmp_path / "gate"
        self.main, self.other = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.hanging", str(self.gate), "remote", *argv],
            cwd=PROJECT,
            stdin=self.other,
            stdout=self.other,
            stderr=self.other,
        )

    def until(self, words: str) -> None:
        """Read until *words* were written."""
        while words not in self.seen:
            self.seen += os.read(self.main, 1000).decode()

    def press_ctrl_c(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def type(self, text: str) -> None:
        os.write(self.main, text.encode())

    def status(self) -> int:
        return self.process.wait(timeout=20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.other)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "deploy", "blog")
    terminal.until("ready")
    yield terminal
    terminal.close()


QUESTION = "[L]eave it running, or [c]ancel and undo it? "


def test_a_person_may_leave_a_change_elsewhere(terminal: Terminal) -> None:
    terminal.press_ctrl_c()
    terminal.until(QUESTION)
    terminal.type("\n")

    terminal.until("it was left running")
    assert 75 == terminal.status()


def test_a_person_may_cancel_a_change_elsewhere(terminal: Terminal) -> None:
    terminal.press_ctrl_c()
    terminal.until(QUESTION)
    terminal.type("c\n")

    terminal.until("undoing… press Ctrl-C again to leave it")
    assert 130 == terminal.status()


def test_who_presses_ctrl_c_at_the_question_leaves_at_once(terminal: Terminal) -> None:
    terminal.press_ctrl_c()
    terminal.until(QUESTION)
    terminal.press_ctrl_c()

    terminal.until("it was left running")
    assert 75 == terminal.status()


def test_a_change_that_ends_at_the_question_ends_the_command(terminal: Terminal) -> None:
    terminal.press_ctrl_c()
    terminal.until(QUESTION)
    terminal.gate.touch()

    terminal.until("done")
    assert 0 == terminal.status()


def test_who_follows_an_operation_leaves_it_with_ctrl_c(tmp_path: Path) -> None:
    with hanging(tmp_path, "willing", "operations:follow", ID) as running:
        running.until("ready")
        running.process.send_signal(signal.SIGINT)

        assert 75 == running.status()


def test_a_reader_that_leaves_ends_the_logs_quietly(tmp_path: Path) -> None:
    with hanging(tmp_path, "willing", "logs", "blog", "-f") as running:
        running.until("xxx")
        assert running.process.stdout is not None
        running.process.stdout.close()

        assert 0 == running.status()
        assert running.process.stderr is not None
        assert "" == running.process.stderr.read()


@pytest.mark.parametrize(("kind", "status", "said"), [("willing", 0, ""), ("failing", 69, "cannot go on\n")])
def test_a_change_whose_reader_left_ends_as_it_would_have(tmp_path: Path, kind: str, status: int, said: str) -> None:
    with hanging(tmp_path, kind, "deploy", "blog") as running:
        running.until("ready")
        assert running.process.stdout is not None
        running.process.stdout.close()

        assert status == running.end()
        assert running.process.stderr is not None
        assert said == running.process.stderr.read()


def test_ctrl_c_in_logs_ends_with_130_and_says_nothing(tmp_path: Path) -> None:
    with hanging(tmp_path, "willing", "logs", "blog", "-f") as running:
        running.until("xxx")
        running.process.send_signal(signal.SIGINT)
        assert running.process.stdout is not None
        while running.process.stdout.read(1 << 16):
            pass

        assert 130 == running.status()
        assert running.process.stderr is not None
        assert "" == running.process.stderr.read().strip()


def test_an_answer_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with (
        Path("/dev/full").open("w") as full,
        hanging(tmp_path, "willing", "deploy", "--json", "blog", out=full) as running,
    ):
        assert 69 == running.end()
        assert running.process.stderr is not None
        assert "cannot write the answer: no space left on device" in running.process.stderr.read()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_bug(closed: str) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$0" -m pvdify frobnicate {closed}', sys.executable],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )

    assert 64 == ended.returncode
    assert b"Traceback" not in ended.stdout + ended.stderr


def test_ctrl_c_undoes_a_real_deploy(tmp_path: Path) -> None:
    class Interrupting(FakeNetwork):
        """The first probe makes somebody press Ctrl-C."""

        async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
            if port >= 20_000 and not self.asked:
                os.kill(os.getpid(), signal.SIGINT)
            await super().get(port, path, headers=headers, timeout=timeout)
            return Answer(status=503)

    shell = Shell(tmp_path)
    shell.type("init")
    shell.fake.boot()
    shell.type("apps:create blog")
    shell.type("deploy blog --image ghcr.io/org/blog:v1")
    shell.fake.network = Interrupting(systemd=shell.fake.systemd, router=shell.fake.router)

    stopped = shell.type("deploy blog --image ghcr.io/org/blog:v2")

    assert 130 == stopped.status
    assert "undoing…" in stopped.out
    assert "everything was undone" in stopped.err
    assert ["pvdify-blog-v1-web-1"] == [one["name"] for one in shell.answer("ps blog")["instances"]]
    assert "cancelled" == shell.answer("operations blog")["operations"][0]["status"]
