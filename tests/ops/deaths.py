"""An operation that is cut off at each line of its journal, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import anyio

from pvdify.model.event import Outcome
from tests.ops.world import APP, Killed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ops.world import World

    Seen = tuple[object, ...]

LINES: Final = 60
"""More than any operation has."""


def kill() -> NoReturn:
    """The process ends here."""
    raise Killed


async def after(what: str, world: World) -> tuple[Seen, Seen]:
    """What is seen before *what*, and when it is done; *world* stays as it is."""
    other = world.fork(world.directory.with_name("done"))
    await other.do(what)
    return world.seen(), other.seen()


async def cancelled_at_every_line(what: str, begun: World, directory: Path) -> None:
    """Assert that *what* is undone, or done, wherever it is cancelled, says which of them, and is both of them somewhere."""
    old, new = await after(what, begun)
    seen = set()
    for number in range(1, LINES):
        world = begun.fork(directory / str(number))
        with anyio.CancelScope() as scope:
            if not await world.die(what, at=number, is_after=True, act=scope.cancel):
                break

        assert [] == world.problems(), f"line {number}"
        assert world.seen() in {old, new}, f"line {number}"
        outcome = world.process().state.records(APP)[0].outcome
        assert (Outcome.CANCELLED if world.seen() == old else Outcome.DONE) is outcome, f"line {number}"
        seen.add(world.seen())
    assert {old, new} == seen
