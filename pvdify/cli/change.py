"""Carry out a change: show its steps, let Ctrl-C undo it, and say how it ended."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.cli.tables import duration, json_text
from pvdify.errors import AppBusyError, PvdifyError

if TYPE_CHECKING:
    from anyio.abc import TaskStatus

    from pvdify.cli.progress import Progress
    from pvdify.cli.session import Session
    from pvdify.model.answers import Changed
    from pvdify.operations.table import Change, Q

CANCELLED: Final = 130
_LAST_EVENTS: Final = 1.0
_UNDOING: Final = "undoing… press Ctrl-C again to leave it to recovery"
_FORWARD: Final = "past the switch it only goes forward… press Ctrl-C again to leave it to recovery"


async def carried_out(session: Session, operation: Change[Q], request: Q) -> Changed:
    """The end of the change; raise what made it fail, or `CancelledOperationError` once it is undone."""
    progress = _progress(session)
    id_ = await _accepted(session, operation, request, progress)
    watched = _Watched(session, id_, progress)
    with progress:
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
    """An accepted change that a person looks at."""

    session: Session
    id: str
    progress: Progress
    seen: int = -1

    async def ended(self) -> Changed:
        """Wait for the end; the signals are heeded meanwhile, and whoever reads the events cannot disturb it."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._heed_signals)
            tasks.start_soon(self._show)
            try:
                changed = await self.session.client.ended(self.id)
            finally:
                tasks.cancel_scope.cancel()
                with anyio.move_on_after(_LAST_EVENTS, shield=True):
                    await self._show()
        return changed

    async def _show(self) -> None:
        try:
            async for event in self.session.client.events(self.id, after=self.seen):
                self.seen = event.seq
                self.progress.show(event)
        except PvdifyError as error:
            self.progress.note(f"no more steps can be shown: {error.message}")

    async def _heed_signals(self, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Cancel at the first Ctrl-C, leave at the second; the loss of the terminal cancels nothing."""
        times = 0
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    continue
                times += 1
                if times > 1:
                    self.progress.close()
                    self.session.around.leave(CANCELLED)
                is_undoing = await self.session.client.cancel(self.id)
                self.progress.note(_UNDOING if is_undoing else _FORWARD)
