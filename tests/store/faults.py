"""Faults at exactly one system call of the code under test: an error from it, or death just before it.

Python tells a profiler of every call of a C function. Those of `posix` and `fcntl` are the system calls that the store makes;
a profiler that raises makes the call fail, one that kills makes it the last thing that was about to happen.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

CHANGES = frozenset(
    {
        *("open", "write", "pwrite", "fsync", "close", "ftruncate", "posix_fallocate", "flock", "fcntl"),
        *("rename", "link", "symlink", "unlink", "mkdir", "rmdir", "chmod", "fchmod"),
    }
)
"""What a process does to files."""
NEEDS_ROOM = frozenset({"write", "mkdir", "link", "symlink", "rename"})
"""What fails on a full disk (`open` does too, where it makes a file: a profiler cannot tell)."""


@dataclass
class Calls:
    """The calls that were met so far; the one with number *at*, or all from there on, have an effect."""

    names: frozenset[str]
    at: int
    effect: Callable[[], None]
    is_lasting: bool = False
    met: list[str] = field(default_factory=list)

    def profile(self, _frame: FrameType, event: str, function: object) -> None:
        name = getattr(function, "__name__", "")
        if event != "c_call" or getattr(function, "__module__", "") not in {"posix", "fcntl"} or name not in self.names:
            return
        self.met.append(name)
        number = len(self.met) - 1
        if number == self.at or (self.is_lasting and number > self.at):
            sys.setprofile(None)
            if self.is_lasting:
                sys.setprofile(self.profile)
            self.effect()


@contextmanager
def failing(error: int, *, at: int, names: frozenset[str], is_lasting: bool = False) -> Iterator[Calls]:
    """Let call number *at* of *names* (and those behind it) fail with *error*."""

    def fail() -> None:
        raise OSError(error, os.strerror(error))

    calls = Calls(names, at, fail, is_lasting)
    sys.setprofile(calls.profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def killed(action: Callable[[], None], *, at: int) -> bool:
    """Do *action* in a process of its own that dies just before change number *at*; whether it died."""
    child = os.fork()
    if child == 0:
        calls = Calls(CHANGES, at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        status = 1
        try:
            sys.setprofile(calls.profile)
            action()
            sys.setprofile(None)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, f"the action itself failed (status {status})"
    return status == signal.SIGKILL
