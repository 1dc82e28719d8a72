"""A client with canned answers, and somebody who types."""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import anyio

from pvdify.cli.program import main
from pvdify.cli.surroundings import Surroundings
from pvdify.cli.terminal import Terminal
from pvdify.errors import CancelledOperationError
from pvdify.model.answers import Changed
from pvdify.model.event import Event, EventKind, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Unpack

    from pvdify.model.requests import Request
    from pvdify.operations.table import A, Change, Operation, Q

ID = "20260131-090000-123k7qz"
DONE = Changed(operation=ID, outcome=Outcome.DONE, text="done")


@dataclass
class FakeClient:
    """Answers what it was given, by the operation's name; an exception is raised instead."""

    answers: dict[str, object] = field(default_factory=dict)
    asked: list[tuple[str, Request]] = field(default_factory=list)
    steps: tuple[Event, ...] = ()
    end: Changed | BaseException = DONE
    busy: BaseException | None = None
    is_past_the_switch: bool = False
    hangs: bool = False
    waited: bool = False
    _cancelled: anyio.Event = field(default_factory=anyio.Event)

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        answer = self._answer(operation, request)
        assert isinstance(answer, operation.answer)
        return answer

    async def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        answers = self._answer(operation, request)
        assert isinstance(answers, tuple)
        for answer in answers:
            await anyio.lowlevel.checkpoint()
            yield answer

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        self.waited = waits
        if self.busy is not None and not waits:
            raise self.busy
        self.asked.append((operation.name, operation.parsed(request)))
        await anyio.lowlevel.checkpoint()
        return ID

    async def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        assert id_ == ID
        for event in self.steps:
            if event.seq > after:
                yield event
        if self.hangs:
            await self._cancelled.wait()
        yield Event(seq=len(self.steps), at="", kind=EventKind.END)

    async def ended(self, id_: str) -> Changed:
        assert id_ == ID
        if self.hangs:
            await self._cancelled.wait()
            raise CancelledOperationError("cannot finish deploy: it was cancelled, and everything was undone")
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end

    async def cancel(self, id_: str) -> bool:
        assert id_ == ID
        if not self.is_past_the_switch:
            self._cancelled.set()
        return not self.is_past_the_switch

    def _answer(self, operation: Operation[Q, A], request: Q) -> object:
        self.asked.append((operation.name, operation.parsed(request)))
        answer = self.answers[operation.name]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Given(TypedDict, total=False):
    """What `surroundings` takes."""

    client: FakeClient | None
    environ: Mapping[str, str] | None
    directory: Path
    is_root: bool
    says: str
    apps: tuple[str, ...]
    is_interactive: bool
    states: list[Path] | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, as a golden file keeps it."""
        return f"{self.out}{f'--- stderr{chr(10)}{self.err}' if self.err else ''}--- exit status {self.status}\n"


def surroundings(
    *argv: str,
    client: FakeClient | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path = Path("/"),
    is_root: bool = True,
    says: str = "",
    apps: tuple[str, ...] = (),
    is_interactive: bool = False,
    states: list[Path] | None = None,
) -> Surroundings:
    """A process where nobody looks but we; *states* collects the state directories that were connected to."""

    @asynccontextmanager
    async def connect(state: Path) -> AsyncIterator[FakeClient]:
        if states is not None:
            states.append(state)
        yield client or FakeClient()

    return Surroundings(
        argv=argv,
        terminal=Terminal(out=io.StringIO(), err=io.StringIO(), input=io.StringIO(says), is_interactive=is_interactive),
        environ=environ or {},
        directory=directory,
        is_root=is_root,
        connect=connect,
        app_names=lambda _state: apps,
        leave=lambda _status: None,
    )


def typed(*argv: str, **given: Unpack[Given]) -> Ended:
    """Type a command."""
    return ended(surroundings(*argv, **given))


def ended(around: Surroundings) -> Ended:
    """Run what was typed, and collect what it wrote."""
    status = main(around)
    out, err = around.terminal.out, around.terminal.err
    assert isinstance(out, io.StringIO)
    assert isinstance(err, io.StringIO)
    return Ended(status, out.getvalue(), err.getvalue())
