"""Every program that a bed's systemd and its children start, with all of their words and their environment."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.bed import Bed
    from tests.e2e.canary.words import Canary

_EXEC: Final = re.compile(r'^\d+ +execve\("(?P<program>[^"]*)", \[(?P<words>.*)\], \[(?P<environment>.*)\]')
_TYPED: Final = ("systemd-run", "--pipe", "--wait", "--quiet", "--collect", "--setenv=HOME=/root")


class Programs:
    """What was started while the ``with`` block ran; commands are typed with `type`, so that they are among it."""

    def __init__(self, bed: Bed, directory: Path) -> None:
        self._bed = bed
        self._trace = directory / "programs"
        self._systemd = bed.path("/").parent
        self._strace: subprocess.Popen[bytes] | None = None
        self.texts: list[str] = []

    def __enter__(self) -> Self:
        options = ("-f", "-qq", "-v", "-s", "4000000", "-e", "trace=execve", "-o", str(self._trace))
        self._strace = subprocess.Popen(["strace", *options, "-p", self._systemd.name])
        status = self._systemd / "status"
        self._bed.wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), what="strace")
        return self

    def __exit__(self, *_rest: object) -> None:
        if self._strace is not None:
            self._strace.send_signal(signal.SIGINT)
            self._strace.wait()

    def type(self, *argv: str, says: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Type a command, whose output is kept."""
        named = (f"--setenv={name}={value}" for name, value in environment.items())
        done = self._bed.run(*_TYPED, *named, "--", *argv, input=says, check=False, timeout=180)
        self.texts.append(done.stdout + done.stderr)
        return done

    def started(self) -> list[re.Match[str]]:
        """The programs, in their order."""
        lines = self._trace.read_text(errors="replace").splitlines()
        return [match for line in lines if (match := _EXEC.search(line))]

    def hits(self, canary: Canary) -> list[str]:
        """Which of them were given the canary, but for the app itself, by its environment."""
        found = []
        for match in self.started():
            told = [name for name in ("words", "environment") if canary.is_in(match[name].encode())]
            if told and not (told == ["environment"] and match["program"] in {"/run/podman-init", "/app"}):
                found.append(f"{' and '.join(told)} of {match['program']}")
        return found
