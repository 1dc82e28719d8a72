"""Faults at exactly one system call of the code under test: an error from it, or death just before it; or errors from then on.

Python tells a profiler of every call of a C function. Those of `posix` and `fcntl` are the system calls that the store makes;
a profiler that raises makes the call fail (and is then dropped), one that kills makes it the last thing that was about to happen.
An audit hook, which is told of all that makes something, can go on raising.
"""

import os
import signal
import sys
import threading
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
MAKES = frozenset({"open", "os.mkdir", "os.link", "os.symlink", "os.rename"})
"""The same, as an audit hook is told of it."""


@dataclass
class Calls:
    """The calls that were met so far; the one with number *at* has an effect."""

    names: frozenset[str]
    at: int
    effect: Callable[[], None]
    met: list[str] = field(default_factory=list)

    def profile(self, _frame: FrameType, event: str, function: object) -> None:
        name = getattr(function, "__name__", "")
        if event != "c_call" or getattr(function, "__module__", "") not in {"posix", "fcntl"} or name not in self.names:
            return
        self.met.append(name)
        if len(self.met) == self.at + 1:
            sys.setprofile(None)
            self.effect()


@contextmanager
def failing(error: int, *, at: int, names: frozenset[str]) -> Iterator[Calls]:
    """Let call number *at* of *names* fail with *error*."""

    def fail() -> None:
        raise OSError(error, os.strerror(error))

    calls = Calls(names, at, fail)
    sys.setprofile(calls.profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@dataclass
class Lasting:
    """From number *at* on everything of *names* fails."""

    error: int
    names: frozenset[str]
    at: int
    met: int = 0


_lasting: list[Lasting] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _lasting or event not in _lasting[0].names:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
        return
    fault = _lasting[0]
    fault.met += 1
    if fault.met > fault.at:
        raise OSError(fault.error, os.strerror(fault.error))


sys.addaudithook(_audit)


@contextmanager
def broken(error: int, *, names: frozenset[str], at: int = 0) -> Iterator[Lasting]:
    """Let whatever makes something, as far as *names* go, fail with *error* from number *at* on."""
    fault = Lasting(error, names, at)
    _lasting.append(fault)
    try:
        yield fault
    finally:
        _lasting.clear()


def killed(action: Callable[[], None], *, at: int, names: frozenset[str] = CHANGES) -> bool:
    """Do *action* in a process of its own that dies just before change number *at*, in whatever thread; whether it died."""
    child = os.fork()
    if child == 0:
        calls = Calls(names, at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        status = 1
        try:
            threading.setprofile(calls.profile)
            sys.setprofile(calls.profile)
            action()
            sys.setprofile(None)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, f"the action itself failed (status {status})"
    return status == signal.SIGKILL
