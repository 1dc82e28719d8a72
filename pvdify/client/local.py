"""Operations carried out in this process, on this host."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvdify.model.caller import Caller
from pvdify.operations.conductor import Conductor
from pvdify.operations.door import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.answers import Changed
    from pvdify.model.event import Event
    from pvdify.operations.table import A, Change, Operation, Q
    from pvdify.ops.host import Host


@asynccontextmanager
async def local(host: Host, *, actor: str) -> AsyncIterator[Local]:
    """A client for *host*, on which *actor* does everything; leaving the block waits for what was begun."""
    async with Conductor(host) as conductor:
        yield Local(Door(host, conductor), Caller(name=actor))


@dataclass(frozen=True, slots=True)
class Local:
    """The client that needs no service: the same functions, on the same locks."""

    door: Door
    caller: Caller

    @property
    def is_remote(self) -> bool:
        return False

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        return await self.door.ask(operation, request, self.caller)

    def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        return self.door.stream(operation, request, self.caller)

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        return await self.door.change(operation, request, self.caller, waits=waits)

    def events(self, id_: str, *, after: int = -1) -> AsyncIterator[Event]:
        return self.door.conductor.events(id_, after=after)

    async def ended(self, id_: str) -> Changed:
        return await self.door.conductor.ended(id_)

    async def cancel(self, id_: str) -> bool:
        return self.door.conductor.cancel(id_)
