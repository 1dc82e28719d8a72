"""The conductor: operations run beside what asked for them, never in its task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import AppBusyError, CancelledOperationError, NotFoundError, RefusedError
from pvdify.model.requests import Follow
from pvdify.ops.journal import follow
from pvdify.ops.perform import Admit, accepted, anybody, performed

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskGroup

    from pvdify.model.answers import Changed
    from pvdify.model.caller import Asked
    from pvdify.model.event import Event
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Run = Callable[["Host", "Running"], Awaitable["Changed"]]
_WAIT: Final = 0.2
_KEPT: Final = 100


@dataclass(slots=True)
class _Task:
    """An operation of this process."""

    running: Running
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)
    changed: Changed | None = None
    error: BaseException | None = None


@dataclass(slots=True)
class Conductor:
    """Accepts operations, runs each in a task of its own, and tells how they ended.

    An operation is in the journal before `accept` returns. A bug in one fails that one and not the others. Leaving the block waits for all.
    """

    host: Host
    _tasks: TaskGroup | None = None
    _known: dict[str, _Task] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        """Be ready to accept."""
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Wait for every operation."""
        if self._tasks is None:
            return None
        return await self._tasks.__aexit__(kind, error, trace)

    @property
    def is_busy(self) -> bool:
        """Whether an operation of this process is not over yet."""
        return any(not task.over.is_set() for task in self._known.values())

    async def idle(self) -> None:
        """Wait until no operation runs."""
        for task in tuple(self._known.values()):
            await task.over.wait()

    def cancel_all(self) -> None:
        """Cancel every operation that can still be undone; the others go forward."""
        for id_ in tuple(self._known):
            self.cancel(id_)

    async def accept(
        self, name: str, run: Run, *, app: str, asked: Asked, waits: bool = False, admit: Admit = anybody
    ) -> str:
        """Take the app's lock, journal, start *run*, and answer its id; raise `AppBusyError` unless it *waits* for the holder.

        What *admit* raises under the lock refuses it, too.
        """
        if self._tasks is None:
            raise RefusedError("cannot accept an operation: the conductor is not running")
        locks = ExitStack()
        running = await self._accepted(locks, name, app=app, asked=asked, waits=waits, admit=admit)
        self._forget()
        task = _Task(running)
        self._known[running.id] = task
        self._tasks.start_soon(self._run, task, run, locks)
        return running.id

    async def ended(self, id_: str) -> Changed:
        """Wait for operation *id_* of this process; its answer, or its error."""
        task = self._task(id_)
        await task.over.wait()
        if task.error is not None:
            raise task.error
        if task.changed is None:
            raise CancelledOperationError(
                f"cannot finish {task.running.name}: it was cancelled, and everything was undone"
            )
        return task.changed

    def cancel(self, id_: str) -> bool:
        """Cancel operation *id_* and let it undo what it did; False once its switch is in force, when it only goes forward."""
        task = self._task(id_)
        if task.running.has_switched or task.over.is_set():
            return False
        task.scope.cancel()
        return True

    def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        """The operation's events, from its journal."""
        return follow(self.host, Follow(id=id_, after=after))

    async def _accepted(
        self, locks: ExitStack, name: str, *, app: str, asked: Asked, waits: bool, admit: Admit
    ) -> Running:
        while True:
            try:
                return locks.enter_context(accepted(self.host, name, app=app, actor=asked, admit=admit))
            except AppBusyError:
                if not waits:
                    raise
            await anyio.sleep(_WAIT)

    async def _run(self, task: _Task, run: Run, locks: ExitStack) -> None:
        try:
            with locks, task.scope:
                task.changed = await performed(self.host, task.running, run)
        except Exception as error:  # noqa: BLE001 - a bug fails this operation and not the others; whoever waits for it gets it
            task.error = error
        finally:
            task.over.set()

    def _forget(self) -> None:
        """Keep the last that are over, and no more."""
        over = [id_ for id_, task in self._known.items() if task.over.is_set()]
        for id_ in over[:-_KEPT]:
            del self._known[id_]

    def knows(self, id_: str) -> bool:
        """Whether operation *id_* is one of this process."""
        return id_ in self._known

    def _task(self, id_: str) -> _Task:
        task = self._known.get(id_)
        if task is None:
            raise NotFoundError(
                f"cannot find operation {id_} in this process",
                hint="`pvdify operations APP` lists them",
            )
        return task
