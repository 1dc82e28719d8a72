"""What every `Console` promises of programs whose output is handed on."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import pytest

from pvdify.ports import Output

if TYPE_CHECKING:
    from tests.adapters.worlds import ConsoleWorld


async def until_over(console: ConsoleWorld, argv: tuple[str, ...]) -> None:
    with anyio.fail_after(10):
        while not console.is_over(argv):  # noqa: ASYNC110 -- what is killed takes a moment to go
            await anyio.sleep(0.01)


async def test_what_a_program_writes_is_told_apart_and_its_status_comes_last(console: ConsoleWorld) -> None:
    argv = console.program("out\n", "err\n", 3)

    found = [one async for one in console.port.stream(argv)]

    assert Output(status=3) == found[-1]
    assert {None} == {one.status for one in found[:-1]}
    assert b"out\n" == b"".join(one.data for one in found if not one.is_error)
    assert b"err\n" == b"".join(one.data for one in found if one.is_error)


async def test_a_silent_program_has_a_status_only(console: ConsoleWorld) -> None:
    assert [Output(status=0)] == [one async for one in console.port.stream(console.program("", "", 0))]


async def test_output_comes_before_the_end(console: ConsoleWorld) -> None:
    argv = console.endless("one\n", str(uuid4()))

    async with aclosing(console.port.stream(argv)) as output:
        with anyio.fail_after(10):
            assert Output(data=b"one\n") == await anext(output)

        assert not console.is_over(argv)


async def test_closed_early_it_kills_the_program(console: ConsoleWorld) -> None:
    argv = console.endless("one\n", str(uuid4()))

    async with aclosing(console.port.stream(argv)) as output:
        await anext(output)

    await until_over(console, argv)


@pytest.mark.parametrize("is_waiting", [True, False])
async def test_cancelled_it_kills_the_program(console: ConsoleWorld, *, is_waiting: bool) -> None:
    argv = console.endless("one\n", str(uuid4()))

    with anyio.CancelScope() as scope:
        async with aclosing(console.port.stream(argv)) as output:
            await anext(output)
            if is_waiting:
                scope.deadline = anyio.current_time() + 0.05
                await anext(output)
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    await until_over(console, argv)
