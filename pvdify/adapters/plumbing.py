"""A program between two functions: it reads what the one writes, and the other reads what it writes. No more is kept than pipes hold."""

from __future__ import annotations

import fcntl
import io
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread

from pvdify.adapters.process import between, kill
from pvdify.errors import HostError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from anyio.abc import Process

    from pvdify.ports.secrets import Feed, Take

_PIECE: Final = 1 << 20
_COMPLAINT: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it complained of."""

    returncode: int
    stderr: str


class _Said(io.FileIO):
    """Our end of what the program writes; it *is_over* once its end was met."""

    is_over = False

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = super().readinto(buffer)
        self.is_over = count == 0
        return count


async def through(*argv: str, feed: Feed, take: Take, lent: tuple[int, ...] = ()) -> Ended:
    """Run a program to its end, *feed* and *take* in threads beside it; a bad exit status is the caller's affair.

    What *feed* raises, or *take* before the end of what it reads, kills the program and comes through. An error of *take* at that end counts only
    where the program ended well: else it was cut short. Cancelled, the program is killed, and both are waited for, which then soon end.
    """
    with ExitStack() as ours, ExitStack() as theirs:
        reads, fed = _pipe()
        theirs.callback(os.close, reads)
        into = ours.enter_context(io.FileIO(fed, "w"))
        said, writes = _pipe()
        theirs.callback(os.close, writes)
        out = ours.enter_context(_Said(said, "r"))
        async with between(*argv, reads=reads, writes=writes, lent=lent) as process:
            theirs.close()
            return await _joined(argv, process, _Ends(feed, into, take, out))


class _Ends:
    """What is done at our ends of both pipes, and how it went."""

    def __init__(self, feed: Feed, into: io.FileIO, take: Take, out: _Said) -> None:
        self._feed, self._into = feed, into
        self._take, self._out = take, out
        self.is_unread = False
        self.failure: Exception | None = None
        self.late: Exception | None = None

    async def fed(self, process: Process) -> None:
        """Write all of it."""
        try:
            await to_thread.run_sync(self._write)
        except BrokenPipeError:
            self.is_unread = True
        except Exception as error:  # noqa: BLE001 - it comes through once the program is gone
            self.failure = self.failure or error
            kill(process)

    async def taken(self, process: Process) -> None:
        """Read all of it."""
        try:
            await to_thread.run_sync(self._read)
        except Exception as error:  # noqa: BLE001 - the same
            if self._out.is_over:
                self.late = error
            else:
                self.failure = self.failure or error
                kill(process)

    def _write(self) -> None:
        with self._into:
            stream = io.BufferedWriter(self._into, _PIECE)
            try:
                self._feed(stream)
                stream.flush()
            except BaseException:
                with suppress(OSError):
                    self._into.close()  # first, so that nothing more is written
                    stream.close()
                raise

    def _read(self) -> None:
        with self._out, io.BufferedReader(self._out, _PIECE) as stream:
            self._take(stream)
            while stream.read(_PIECE):  # so that the program meets its own end
                continue


async def _joined(argv: tuple[str, ...], process: Process, ends: _Ends) -> Ended:
    complaint = bytearray()

    async def listen() -> None:
        if process.stderr is not None:
            async for chunk in process.stderr:
                complaint.extend(chunk[: _COMPLAINT - len(complaint)])

    async def killed_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            kill(process)

    async with anyio.create_task_group() as watching:
        watching.start_soon(killed_when_cancelled)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(ends.fed, process)
            tasks.start_soon(ends.taken, process)
        returncode = await process.wait()
        watching.cancel_scope.cancel()
    if ends.failure is not None:
        raise ends.failure
    if not returncode and ends.late is not None:
        raise ends.late
    if not returncode and ends.is_unread:
        raise HostError(f"cannot hand everything to {argv[0]}: it read no further")
    return Ended(returncode, complaint.decode(errors="replace"))


def _pipe() -> tuple[int, int]:
    """A pipe that holds much: its end to read, and its end to write."""
    reads, writes = os.pipe2(os.O_CLOEXEC)
    with suppress(OSError):  # more than an unprivileged process may have
        fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, _PIECE)
    return reads, writes
