"""Carry out a change, or watch one: show its steps, heed Ctrl-C, and say how it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.cli.tables import duration, json_text
from pvdify.errors import AppBusyError, LeftRunningError, PvdifyError
from pvdify.model.event import EventKind
from pvdify.model.requests import ForOperation
from pvdify.operations import journal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup, TaskStatus

    from pvdify.cli.progress import Progress
    from pvdify.cli.session import Session
    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.operations.table import Change, Q

CANCELLED: Final = 130
_LAST_EVENTS: Final = 1.0
_LAST: Final = frozenset({EventKind.END, EventKind.FAILED})
_UNDOING: Final = "undoing… press Ctrl-C again to leave it"
_FORWARD: Final = "past the switch it only goes forward… press Ctrl-C again to leave it"
_QUESTION: Final = "\nIt goes on without you. [L]eave it running, or [c]ancel and undo it? "
_LOOK: Final = 2.0


async def carried_out(session: Session, operation: Change[Q], request: Q) -> Changed:
    """The end of the change; raise what made it fail, or `CancelledOperationError` once it is undone."""
    client, progress = session.client, _progress(session)
    id_ = await _accepted(session, operation, request, progress)
    return await _shown(session, _Watched(session, id_, progress, lambda: client.ended(id_), client.is_remote))


async def followed(session: Session, id_: str) -> Changed:
    """The end of an operation that somebody else began, watched from its first step; raise as `carried_out` does."""
    from pvdify.client.outcome import end_of

    client, progress = session.client, _progress(session)
    await client.ask(journal.INFO, ForOperation(id=id_))
    return await _shown(
        session, _Watched(session, id_, progress, lambda: end_of(client, id_, look=_LOOK), goes_on=True)
    )


async def _shown(session: Session, watched: _Watched) -> Changed:
    with watched.progress:
        changed = await watched.ended()
    if session.is_json:
        session.terminal.print(json_text(changed))
    else:
        session.terminal.say(ended_text(changed))
    return changed


def ended_text(changed: Changed) -> str:
    """The last line of a change."""
    after = f" after {duration(changed.serving_ms)}" if changed.serving_ms is not None else ""
    url = f" at {changed.url}" if changed.url and changed.url not in changed.text else ""
    return f"{changed.text}{after}{url}"


async def _accepted(session: Session, operation: Change[Q], request: Q, progress: Progress) -> str:
    try:
        return await session.client.change(operation, request)
    except AppBusyError as error:
        if not session.waits:
            raise
        progress.note(f"waiting for {error.holder or 'another operation'}")
    return await session.client.change(operation, request, waits=True)


def _progress(session: Session) -> Progress:
    from pvdify.cli.progress import Lines, Silent

    if session.is_json:
        return Silent()
    if not session.terminal.is_live:
        return Lines(session.terminal)
    from pvdify.cli.live import Live

    return Live(session.terminal)


@dataclass(slots=True)
class _Watched:
    """An operation that a person looks at; one that *goes on* does so without this process."""

    session: Session
    id: str
    progress: Progress
    end: Callable[[], Awaitable[Changed]]
    goes_on: bool
    seen: int = -1
    has_seen_all: bool = False
    has_left: bool = False
    is_asking: bool = False
    held_back: list[Event] = field(default_factory=list)

    async def ended(self) -> Changed:
        """Wait for the end; the signals are heeded meanwhile, and whoever reads the events cannot disturb it."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._heed_signals, tasks)
            tasks.start_soon(self._show)
            try:
                changed = await self.end()
            finally:
                tasks.cancel_scope.cancel()
                if not (self.has_seen_all or self.has_left):
                    with anyio.move_on_after(_LAST_EVENTS, shield=True):
                        await self._show()
        return changed

    async def _show(self) -> None:
        try:
            async for event in self.session.client.events(self.id, after=self.seen):
                self.seen, self.has_seen_all = event.seq, event.kind in _LAST
                if self.is_asking:
                    self.held_back.append(event)
                else:
                    self.progress.show(event)
        except PvdifyError as error:
            self.progress.note(f"no more steps can be shown: {error.message}")

    async def _heed_signals(self, tasks: TaskGroup, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Cancel, or ask, at the first Ctrl-C, leave at the second; the loss of the terminal means nothing."""
        times = 0
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    continue
                times += 1
                if times > 1 or (self.goes_on and not (number == signal.SIGINT and self._can_ask)):
                    self._leave()
                elif self.goes_on:
                    tasks.start_soon(self._ask)
                else:
                    await self._cancel()

    @property
    def _can_ask(self) -> bool:
        """Whether there is somebody to be asked, and something that could be cancelled from here."""
        return self.session.terminal.is_interactive and not self.session.is_json and self.session.client.is_remote

    async def _ask(self) -> None:
        """Let the person decide; nothing is drawn meanwhile."""
        terminal = self.session.terminal
        self.progress.close()
        self.is_asking = True
        try:
            answer = await terminal.asked(_QUESTION)
        except anyio.get_cancelled_exc_class():
            terminal.complain("")
            raise
        finally:
            self.is_asking = False
            for event in self.held_back:
                self.progress.show(event)
        if not answer.strip().lower().startswith("c"):
            self._leave()
        self.progress.__enter__()
        await self._cancel()

    async def _cancel(self) -> None:
        try:
            is_undoing = await self.session.client.cancel(self.id)
        except PvdifyError as error:
            self.progress.note(error.message)
        else:
            what = _UNDOING if is_undoing else _FORWARD
            self.progress.note(what if self.goes_on else f"{what} to recovery")

    def _leave(self) -> None:
        """Leave it to go on; one that cannot is left to recovery, at once."""
        if not self.goes_on:
            self.progress.close()
            self.session.around.leave(CANCELLED)
        self.has_left = True
        raise LeftRunningError(self.id)
