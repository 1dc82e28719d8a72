"""A program whose change ends when a file appears, for signals from outside: `python -m tests.cli.hanging GATE KIND ARGV…`."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from pvdify.adapters.process import run_in_front
from pvdify.cli.program import main
from pvdify.cli.terminal import of_process
from pvdify.errors import CancelledOperationError, HostError
from pvdify.model.event import Event, EventKind
from tests.cli.answers import ANSWERS
from tests.cli.fake import DONE, FakeClient, surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.answers import Changed
    from pvdify.operations.table import A, Operation, Q

READY = Event(seq=0, at="", kind=EventKind.NOTE, text="ready")


@dataclass
class Hanging(FakeClient):
    """A change that ends when *gate* is there; one of the *stubborn* kind takes as long to undo, a *remote* one goes on elsewhere.

    Beside the gate a file tells that somebody watches it, and heeds signals.
    """

    gate: Path = Path()
    kind: str = ""

    async def ended(self, id_: str) -> Changed:
        self.gate.with_suffix(".watched").touch()
        while not await anyio.Path(self.gate).exists():
            await anyio.sleep(0.005)
            if self._cancelled.is_set() and self.kind != "stubborn":
                raise CancelledOperationError("cannot finish deploy: it was cancelled, and everything was undone")
        if self.kind == "failing":
            raise HostError("cannot go on")
        return DONE

    async def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        if after < 0:
            yield READY
        await anyio.sleep_forever()

    async def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        from pvdify.model.answers import LogEntry

        line = LogEntry(at="", instance="web-1", release=1, text="x" * 100, is_error=False, cursor="")
        while True:
            await anyio.lowlevel.checkpoint()
            assert isinstance(line, operation.answer)
            yield line


if __name__ == "__main__":
    kind = sys.argv[2]
    client = Hanging(
        gate=Path(sys.argv[1]), kind=kind, is_past_the_switch=kind == "forward", is_remote=kind == "remote"
    )
    client.answers = ANSWERS

    @asynccontextmanager
    async def connect(_target: object) -> AsyncIterator[FakeClient]:
        yield client

    async def in_front(argv: tuple[str, ...]) -> int:
        return await run_in_front(*argv, env=os.environ)

    around = replace(
        surroundings(*sys.argv[3:], environ={"EDITOR": os.environ.get("EDITOR", "")}),
        terminal=of_process(os.environ),
        connect=connect,
        leave=os._exit,
        in_front=in_front,
    )
    sys.exit(main(around))
