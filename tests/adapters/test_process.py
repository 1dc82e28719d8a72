"""Programs: what they say, how they end, and that none outlives its caller."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.process import piped, run, run_in_front
from pvdify.errors import CommandError, HostError, ProgramMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 -- another process makes it true
            await anyio.sleep(0.01)


@BACKENDS
def test_a_program_says_things_and_ends(backend: str) -> None:
    async def ask() -> None:
        done = await run("sh", "-c", "echo out; echo err >&2; exit 3")

        assert ("out\n", "err\n", 3) == (done.stdout, done.stderr, done.returncode)
        with pytest.raises(CommandError, match="cannot run sh: err"):
            done.checked()

    anyio.run(ask, backend=backend)


@BACKENDS
def test_a_cancelled_program_is_killed_with_all_that_it_started(backend: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def cancel() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                run, "sh", "-c", f"trap '' TERM INT; sleep 60 & echo $! $$ >{pids}.new; mv {pids}.new {pids}; wait"
            )
            await until(pids.exists)
            assert all(is_alive(int(pid)) for pid in pids.read_text().split())
            tasks.cancel_scope.cancel()
        await until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))

    anyio.run(cancel, backend=backend)


@BACKENDS
def test_a_program_in_front_is_asked_to_end_before_it_is_killed(backend: str, tmp_path: Path) -> None:
    up, bye = tmp_path / "up", tmp_path / "bye"

    async def cancel() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                run_in_front, "sh", "-c", f"trap 'echo bye >{bye}; exit' TERM; touch {up}; while :; do sleep 0.05; done"
            )
            await until(up.exists)
            tasks.cancel_scope.cancel()

    anyio.run(cancel, backend=backend)
    assert "bye\n" == bye.read_text()


async def test_a_program_of_the_users_gets_the_environment_that_is_said(tmp_path: Path) -> None:
    seen = tmp_path / "seen"

    status = await run_in_front(
        "sh", "-c", f'echo "$HOME $OWN" >{seen}', env={"PATH": os.defpath, "HOME": "/h", "OWN": "1"}
    )

    assert (0, "/h 1\n") == (status, seen.read_text())


async def test_a_program_gets_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "canary")

    environment = (await run("env", env={"OWN": "1"})).stdout

    assert "canary" not in environment
    assert "OWN=1\n" in environment


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProgramMissingError, match="cannot find the program no-such-program"):
        await run("no-such-program")


async def test_what_takes_too_long_or_says_too_much_is_ended() -> None:
    with pytest.raises(HostError, match=r"cannot wait for sleep 60: it did not end in 0\.05 s"):
        await run("sleep", "60", timeout=0.05)
    with pytest.raises(HostError, match="cannot read what yes says"):
        await run("yes", limit=2**20)


@BACKENDS
def test_a_program_in_front_has_our_terminal_and_nothing_else_of_ours(backend: str) -> None:
    script = f"import anyio\nfrom pvdify.adapters.process import run_in_front\nanyio.run(run_in_front, 'sh', '-c', 'tty; env', backend={backend!r})"
    seen = bytearray()

    def read(terminal: int) -> bytes:
        seen.extend(said := os.read(terminal, 4096))
        return said

    os.environ["CANARY"] = "1"
    try:
        status = pty.spawn([sys.executable, "-c", script], read)
    finally:
        del os.environ["CANARY"]

    assert 0 == status
    assert b"/dev/pts/" in seen
    assert b"TERM=" in seen
    assert b"CANARY" not in seen


async def test_a_signal_is_a_status_as_in_a_shell() -> None:
    assert 128 + 15 == await run_in_front("sh", "-c", "kill -TERM $$")
    assert 4 == await run_in_front("sh", "-c", "exit 4")


@BACKENDS
def test_what_is_written_in_turns_comes_whole_and_a_slow_reader_loses_nothing(backend: str) -> None:
    script = "for n in $(seq 200); do echo out $n; echo err $n >&2; done; head -c 1000000 /dev/zero; kill -TERM $$"

    async def read() -> None:
        found = []
        async with aclosing(piped("sh", "-c", script)) as output:
            async for one in output:
                found.append(one)
                await anyio.sleep(0.001)

        out = b"".join(one.data for one in found if not one.is_error)
        assert b"".join(b"out %d\n" % number for number in range(1, 201)) + b"\0" * 1_000_000 == out
        assert b"".join(b"err %d\n" % number for number in range(1, 201)) == b"".join(
            one.data for one in found if one.is_error
        )
        assert 128 + 15 == found[-1].status

    anyio.run(read, backend=backend)


@BACKENDS
def test_who_stops_reading_at_any_moment_leaves_no_program_behind(backend: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    async def stop(after: float) -> None:
        with anyio.move_on_after(after):
            async with aclosing(piped("sh", "-c", f"echo $$ >>{pids}; while :; do echo y; done")) as output:
                async for _ in output:
                    await anyio.lowlevel.checkpoint()

    for number in range(10):
        anyio.run(stop, 0.005 * number, backend=backend)

    assert not any(is_alive(int(pid)) for pid in pids.read_text().split())
