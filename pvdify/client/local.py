"""Operations carried out in this process, on this host."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvdify.operations.conductor import Conductor
from pvdify.operations.host import INIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.operations.table import A, Change, Operation, Q
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


@asynccontextmanager
async def local(host: Host, *, actor: str) -> AsyncIterator[Local]:
    """A client for *host*, on which *actor* does everything; leaving the block waits for what was begun."""
    async with Conductor(host) as conductor:
        yield Local(host, conductor, actor)


@dataclass(frozen=True, slots=True)
class Local:
    """The client that needs no service: the same functions, on the same locks."""

    host: Host
    conductor: Conductor
    actor: str

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        request = self._checked(operation, request)
        return await operation.value()(self.host, request)

    def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        request = self._checked(operation, request)
        return operation.stream()(self.host, request)

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        request = self._checked(operation, request)
        function = operation.change()

        async def run(host: Host, running: Running) -> Changed:
            return await function(host, running, request)

        app = operation.app_of(request)
        return await self.conductor.accept(operation.name, run, app=app, actor=self.actor, waits=waits)

    def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        return self.conductor.events(id_, after=after)

    async def ended(self, id_: str) -> Changed:
        return await self.conductor.ended(id_)

    async def cancel(self, id_: str) -> bool:
        return self.conductor.cancel(id_)

    def _checked(self, operation: Operation[Q, A], request: Q) -> Q:
        """*request*, parsed again; and only `init` may find no state directory that this pvdify can read."""
        parsed = operation.parsed(request)
        if operation.name != INIT.name:
            self.host.state.check()
        return parsed
