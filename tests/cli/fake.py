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
from pvdify.errors import CancelledOperationError, HostError
from pvdify.model.answers import Changed
from pvdify.model.event import Event, EventKind, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Unpack

    from pvdify.client.address import RemoteHost
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
    is_remote: bool = False
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


@dataclass
class FakeVault:
    """A keyring in memory; one that *is_there* keeps tokens."""

    is_there: bool = False
    tokens: dict[str, str] = field(default_factory=dict)

    def keep(self, name: str, token: str) -> bool:
        if self.is_there:
            self.tokens[name] = token
        return self.is_there

    def token(self, name: str) -> str:
        if name not in self.tokens:
            raise HostError(f"cannot read the token for {name} from the keyring: it is not there any more")
        return self.tokens[name]

    def forget(self, name: str) -> None:
        self.tokens.pop(name, None)


class Given(TypedDict, total=False):
    """What `surroundings` takes."""

    client: FakeClient | None
    environ: Mapping[str, str] | None
    directory: Path
    is_root: bool
    has_state: bool
    says: str
    apps: tuple[str, ...]
    is_interactive: bool
    asked_whom: list[Path | RemoteHost] | None
    sockets: tuple[str, ...]
    vault: FakeVault | None
    editor: Callable[[Path], int | None]


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


def surroundings(*argv: str, **given: Unpack[Given]) -> Surroundings:
    """A process where nobody looks but we; *asked_whom* collects what was connected to, *sockets* are those that may be opened."""

    @asynccontextmanager
    async def connect(target: Path | RemoteHost) -> AsyncIterator[FakeClient]:
        asked_whom = given.get("asked_whom")
        if asked_whom is not None:
            asked_whom.append(target)
        yield given.get("client") or FakeClient()

    async def in_front(argv: tuple[str, ...]) -> int:
        await anyio.lowlevel.checkpoint()
        return given["editor"](Path(argv[-1])) or 0

    return Surroundings(
        argv=argv,
        terminal=Terminal(
            out=io.StringIO(),
            err=io.StringIO(),
            input=io.StringIO(given.get("says", "")),
            is_interactive=given.get("is_interactive", False),
        ),
        environ=given.get("environ") or {},
        directory=given.get("directory", Path("/")),
        is_root=given.get("is_root", True),
        has_state=given.get("has_state", True),
        connect=connect,
        may_connect=given.get("sockets", ()).__contains__,
        vault=given.get("vault") or FakeVault(),
        app_names=lambda _state: given.get("apps", ()),
        leave=lambda _status: None,
        in_front=in_front,
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
