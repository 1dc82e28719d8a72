"""A program between two functions: everything goes through, errors come out, and nobody is left behind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import anyio
import pytest

from pvdify.adapters.plumbing import through
from pvdify.errors import HostError, ProgramMissingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])
PIECE = os.urandom(1 << 16)
PIECES = 300


def feed(out: BinaryIO) -> None:
    out.writelines(PIECE for _ in range(PIECES))


def endless(out: BinaryIO) -> None:
    while True:
        out.write(PIECE)


def drained(stream: BinaryIO) -> None:
    while stream.read(1 << 20):
        continue


def nothing(_stream: BinaryIO) -> None:
    return


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def run_in(backend: str, one: Callable[[], Awaitable[None]]) -> None:
    before = descriptors()
    anyio.run(one, backend=backend)
    assert before == descriptors()


@BACKENDS
def test_more_than_any_pipe_holds_goes_through_whole(backend: str) -> None:
    seen: list[bytes] = []

    async def one() -> None:
        ended = await through("cat", feed=feed, take=lambda stream: seen.append(stream.read()))

        assert (0, "") == (ended.returncode, ended.stderr)

    run_in(backend, one)
    assert PIECE * PIECES == b"".join(seen)


@BACKENDS
def test_a_bad_end_is_answered_with_what_it_said_whatever_its_reader_makes_of_half_of_it(backend: str) -> None:
    def choke(stream: BinaryIO) -> None:
        drained(stream)
        raise ValueError("it ends too soon")

    async def one() -> None:
        ended = await through("sh", "-c", "head -c 1000; echo broken >&2; exit 3", feed=endless, take=choke)

        assert (3, "broken\n") == (ended.returncode, ended.stderr)

    run_in(backend, one)


@BACKENDS
def test_what_its_reader_says_of_all_of_it_comes_through(backend: str) -> None:
    def choke(stream: BinaryIO) -> None:
        drained(stream)
        raise ValueError("that is none")

    async def one() -> None:
        with pytest.raises(ValueError, match="that is none"):
            await through("cat", feed=feed, take=choke)

    run_in(backend, one)


@BACKENDS
def test_an_error_of_who_reads_ends_it_at_once(backend: str) -> None:
    def choke(stream: BinaryIO) -> None:
        stream.read(10)
        raise OSError(28, "No space left on device")

    async def one() -> None:
        with anyio.fail_after(10), pytest.raises(OSError, match="No space left"):
            await through("cat", feed=endless, take=choke)

    run_in(backend, one)


@BACKENDS
def test_an_error_of_who_writes_ends_it_at_once(backend: str) -> None:
    def choke(out: BinaryIO) -> None:
        out.write(PIECE)
        raise LookupError("the volume is gone")

    async def one() -> None:
        with anyio.fail_after(10), pytest.raises(LookupError, match="the volume is gone"):
            await through("sh", "-c", "cat; sleep 60", feed=choke, take=drained)

    run_in(backend, one)


@BACKENDS
def test_one_that_ends_well_and_did_not_read_all_is_not_believed(backend: str) -> None:
    async def one() -> None:
        with anyio.fail_after(10), pytest.raises(HostError, match="cannot hand everything to head"):
            await through("head", "-c", "10", feed=endless, take=drained)

    run_in(backend, one)


@BACKENDS
@pytest.mark.parametrize("script", ["sleep 60", "cat >/dev/null", "yes"], ids=["reads nothing", "reads", "writes"])
def test_cancelled_it_leaves_neither_a_program_nor_a_thread_behind(backend: str, script: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def one() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: through("sh", "-c", f"echo $$ >{pids}; {script}", feed=endless, take=drained))
                while not (pids.exists() and pids.read_text().endswith("\n")):  # noqa: ASYNC110 -- another process writes it
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()

    run_in(backend, one)
    assert not Path(f"/proc/{pids.read_text().strip()}").exists()


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramMissingError, match="no-such-program"):
        await through("no-such-program", feed=nothing, take=nothing)


async def test_what_is_lent_is_open_to_it_and_nothing_else() -> None:
    reads, writes = os.pipe()
    other = os.open("/dev/null", os.O_RDONLY)
    os.write(writes, b"secret")
    os.close(writes)
    seen: list[bytes] = []

    await through(
        *("sh", "-c", f"cat /dev/fd/{reads}; test -e /dev/fd/{other} && echo too much"),
        feed=nothing,
        take=lambda stream: seen.append(stream.read()),
        lent=(reads,),
    )

    assert [b"secret"] == seen
    os.close(reads)
    os.close(other)
