"""The one door through which programs are started: argv only, no shell, and of our environment only where programs are."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING, Final

import anyio
from anyio import open_process

from pvdify.errors import CommandError, HostError, ProgramMissingError
from pvdify.ports import Output

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from anyio.abc import ByteReceiveStream, ByteSendStream, Process

_PROGRAMS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TERMINAL: Final = ("TERM", "COLORTERM", "LANG", "LC_ALL", "LC_CTYPE")
_PATIENCE: Final = 60.0
_FAREWELL: Final = 10.0
_OUTPUT: Final = 32 * 1024 * 1024
_SIGNAL_BASE: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended, and what it said. What it *wrote* is data that may be secret."""

    argv: tuple[str, ...]
    returncode: int
    wrote: bytes = field(repr=False)
    stderr: str

    @property
    def stdout(self) -> str:
        """What it wrote, as text."""
        return self.wrote.decode(errors="replace")

    def checked(self) -> Finished:
        """This, if the program ended well; raise `CommandError` if not."""
        if self.returncode:
            raise CommandError(self.argv, self.returncode, self.stderr or self.stdout)
        return self


async def run(
    *argv: str,
    timeout: float | None = _PATIENCE,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    limit: int = _OUTPUT,
) -> Finished:
    """Run a program to its end and answer what it said; a bad exit status is the caller's affair.

    It has no terminal and a session of its own, so that a Ctrl-C is ours alone; when this is cancelled it is killed, with all that it started.
    Raise `ProgramMissingError`, or `HostError` when it takes longer than *timeout* seconds or says more than *limit* bytes.
    """
    said = {"stdout": b"", "stderr": b""}
    is_too_much = False
    returncode: int | None = None

    async def read(name: str, stream: ByteReceiveStream | None) -> None:
        nonlocal is_too_much
        chunks = bytearray()
        if stream is not None:
            async for chunk in stream:
                chunks += chunk
                if len(chunks) > limit:
                    is_too_much = True
                    tasks.cancel_scope.cancel()
        said[name] = bytes(chunks)

    with anyio.move_on_after(timeout):
        async with _started(argv, {**_environment(), **(env or {})}, has_stdin=bool(stdin)) as process:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_write, process.stdin, stdin)
                tasks.start_soon(read, "stdout", process.stdout)
                tasks.start_soon(read, "stderr", process.stderr)
            if not is_too_much:
                returncode = await process.wait()
    if is_too_much:
        raise HostError(f"cannot read what {argv[0]} says: it is more than {limit // 2**20} MiB")
    if returncode is None:
        raise HostError(f"cannot wait for {' '.join(argv[:2])}: it did not end in {timeout:g} s")
    return Finished(
        argv=argv,
        returncode=returncode,
        wrote=said["stdout"],
        stderr=said["stderr"].decode(errors="replace"),
    )


async def run_in_front(*argv: str, env: Mapping[str, str] | None = None) -> int:
    """Run a program with our own terminal or pipes, and answer its exit status; 128 + N if signal N ended it.

    It gets the environment *env*, if that is said. When this is cancelled it is asked to end, and killed if it does not.
    """
    terminal = {name: os.environ[name] for name in _TERMINAL if name in os.environ}
    process = await _opened(argv, {**_environment(), **terminal} if env is None else env, stdin=None)
    try:
        status = await process.wait()
    except BaseException:
        with anyio.CancelScope(shield=True):
            process.terminate()
            with anyio.move_on_after(_FAREWELL):
                await process.wait()
            await _ended(process)
        raise
    return status if status >= 0 else _SIGNAL_BASE - status


async def piped(*argv: str) -> AsyncGenerator[Output, None]:
    """Run a program that reads nothing, and answer what it writes as it does, then its exit status; 128 + N if signal N ended it.

    No task and no scope is open while an answer is out: whoever reads may stop, or be cancelled, at any of them. Closed early, it kills the
    program, with all that it started.
    """
    async with _started(argv, _environment(), has_stdin=False) as process:
        open_ = {is_error: stream for is_error, stream in enumerate((process.stdout, process.stderr)) if stream}
        while open_:
            for is_error, data in await _whatever_comes(open_):
                if data:
                    yield Output(data=data, is_error=bool(is_error))
                else:
                    del open_[is_error]
        status = await process.wait()
    yield Output(status=status if status >= 0 else _SIGNAL_BASE - status)


async def _whatever_comes(streams: Mapping[int, ByteReceiveStream]) -> list[tuple[int, bytes]]:
    """What is first to be read of *streams*, by their key, and of others what came at the same time; nothing more comes of one at its end."""
    found: list[tuple[int, bytes]] = []

    async def read(key: int, stream: ByteReceiveStream) -> None:
        try:
            data = await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            data = b""
        found.append((key, data))
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for key, stream in streams.items():
            tasks.start_soon(read, key, stream)
    return found


async def _write(stream: ByteSendStream | None, text: bytes) -> None:
    if stream is not None:
        with suppress(anyio.BrokenResourceError):  # it did not want to read
            await stream.send(text)
        await stream.aclose()


@asynccontextmanager
async def between(*argv: str, reads: int, writes: int, lent: tuple[int, ...] = ()) -> AsyncIterator[Process]:
    """Have a program that reads the descriptor *reads* and writes to *writes*; *lent* are open to it too, by their numbers.

    What it complains of comes on its standard error. At the end of the block it is killed, with all that it started.
    """
    process = await _opened(argv, _environment(), stdin=reads, stdout=writes, lent=lent)
    try:
        yield process
    finally:
        await _killed(process)


def kill(process: Process) -> None:
    """Kill a program of `between` at once, with all that it started; one that is gone already is fine."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@asynccontextmanager
async def _started(argv: tuple[str, ...], env: Mapping[str, str], *, has_stdin: bool) -> AsyncIterator[Process]:
    process = await _opened(argv, env, stdin=PIPE if has_stdin else DEVNULL)
    try:
        yield process
    finally:
        await _killed(process)


async def _killed(process: Process) -> None:
    with anyio.CancelScope(shield=True):
        kill(process)
        await _ended(process)


async def _opened(
    argv: tuple[str, ...],
    env: Mapping[str, str],
    *,
    stdin: int | None,
    stdout: int = PIPE,
    lent: tuple[int, ...] = (),
) -> Process:
    """Start a program; without *stdin* it is in front, with our own standard streams and in our session.

    Cancelled halfway, asyncio would lose sight of it: the start is waited for, which takes milliseconds.
    """
    try:
        with anyio.fail_after(None, shield=True):
            if stdin is None:
                return await open_process(argv, stdin=None, stdout=None, stderr=None, env=env)
            return await open_process(
                argv, stdin=stdin, stdout=stdout, stderr=PIPE, env=env, start_new_session=True, pass_fds=lent
            )
    except FileNotFoundError as error:
        raise ProgramMissingError(argv[0]) from error
    except OSError as error:
        raise HostError(f"cannot run {argv[0]}: {error.strerror or error}") from error


async def _ended(process: Process) -> None:
    """Leave nothing behind of *process*, which has been told to end."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.aclose()


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "")
    return {"PATH": f"{path}:{_PROGRAMS}" if path else _PROGRAMS, "HOME": "/root", "LANG": "C.UTF-8"}
