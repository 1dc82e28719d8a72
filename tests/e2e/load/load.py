"""The load generator's process, and what it says."""

import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from tests.e2e.bed import Bed, BedError, layers

if TYPE_CHECKING:
    import subprocess

_SOURCE = Path(__file__).parent / "generator"
_PROGRAM = "/run/load"


class Kind(msgspec.Struct, frozen=True):
    """What one kind of traffic came to; the times are of answered requests."""

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class Failure(msgspec.Struct, frozen=True):
    """One failed request, at a time of ``time.time()``."""

    at: float
    kind: str
    front: str
    reason: str


class Release(msgspec.Struct, frozen=True):
    """A release that answered at a front: how often, and when first and last."""

    front: str
    release: str
    first: float
    last: float
    answers: int


class Drop(msgspec.Struct, frozen=True):
    """A websocket that the other side ended."""

    at: float
    lived_s: float
    front: str
    reason: str


class Websockets(msgspec.Struct, frozen=True):
    """The websockets' life: each drop is followed by a new connection."""

    opened: int
    echoes: int
    drops: int
    longest_s: float
    dropped: tuple[Drop, ...]


class Result(msgspec.Struct, frozen=True):
    """All that was asked and answered; `failures` has the first 20."""

    final: bool
    started: float
    seconds: float
    requests: int
    failed: int
    kinds: dict[str, Kind]
    failures: tuple[Failure, ...]
    releases: tuple[Release, ...]
    websocket: Websockets

    def answered(self, release: str, *, front: int | str | None = None) -> Release | None:
        """Return how *release* answered (at *front*), None if it did not."""
        wanted = None if front is None else _front(front)
        for found in self.releases:
            if found.release == release and wanted in (None, found.front):
                return found
        return None


class Load:
    """Traffic at the *fronts* of a bed while the ``with`` block runs; `result` says what came of it.

    A front is a port of the bed's loopback, or ``ADDRESS:PORT``. Each gets so many clients of each
    kind; *rate* is how many requests a second those of `keep_alive` and `new` ask in all.
    """

    def __init__(
        self,
        bed: Bed,
        *fronts: int | str,
        keep_alive: int = 8,
        new: int = 4,
        slow: int = 1,
        websockets: int = 1,
        uploads: int = 0,
        rate: int = 500,
        seconds: int = 300,
    ) -> None:
        self.result: Result | None = None
        self._bed = bed
        self._seconds = seconds
        self._arguments = [
            *("--keep-alive", str(keep_alive), "--new", str(new), "--slow", str(slow)),
            *("--websockets", str(websockets), "--uploads", str(uploads)),
            *("--rate", str(rate), "--seconds", str(seconds)),
            *(_front(front) for front in fronts),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        program = layers.program(layers.base().root, _SOURCE)
        shutil.copy(program, self._bed.path(_PROGRAM))
        self._process = self._bed.spawn(_PROGRAM, *self._arguments, stderr=None)
        if self._line() != "ready":
            self.stop()
            raise BedError("cannot load the fronts: the load generator did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Let what is being asked be answered, and take the result. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            said, _ = process.communicate(timeout=60)
        lines = said.splitlines()
        if lines:
            self.result = _parsed(lines[-1])

    def finish(self) -> Result:
        """Wait until its time is over, and return the result."""
        if self._process is None:
            raise BedError("cannot wait for the load generator: it is not running")
        self._process.wait(self._seconds + 60)
        self.stop()
        if self.result is None:
            raise BedError("cannot read what the load generator found: it said nothing")
        return self.result

    def snapshot(self) -> Result:
        """Return what is known so far."""
        if self._process is None:
            raise BedError("cannot ask the load generator: it is not running")
        self._process.send_signal(signal.SIGUSR1)
        return _parsed(self._line())

    def wait_for(self, release: str, *, front: int | str | None = None, timeout: float = 30) -> Release:
        """Wait until *release* answers (at *front*)."""
        found: list[Release] = []

        def has_answered() -> bool:
            answer = self.snapshot().answered(release, front=front)
            found.extend([answer] if answer else [])
            return bool(found)

        self._bed.wait_until(has_answered, timeout=timeout, what=f"{release} to answer")
        return found[0]

    def _line(self) -> str:
        if self._process is None or self._process.stdout is None:
            raise BedError("cannot hear the load generator: it is not running")
        return self._process.stdout.readline().strip()


def _front(front: int | str) -> str:
    return f"127.0.0.1:{front}" if isinstance(front, int) else front


def _parsed(line: str) -> Result:
    return msgspec.json.decode(line, type=Result)
