"""One command on its way: whom it asks, and how it shows what it is told."""

from __future__ import annotations

import shlex
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvdify.cli.surroundings import DEFAULT_STATE
from pvdify.errors import NotRootError
from pvdify.model.requests import Nothing
from pvdify.operations import apps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import msgspec

    from pvdify.cli.surroundings import Surroundings
    from pvdify.cli.terminal import Terminal
    from pvdify.client.transport import Client
    from pvdify.model.answers import Changed
    from pvdify.operations.table import A, Change, Operation, Q


@dataclass(slots=True, kw_only=True)
class Session:
    """A command, its options and its client; *app* and *words* are there where the command is about one app."""

    around: Surroundings
    command: str
    state: Path
    is_json: bool
    waits: bool = False
    app: str = ""
    words: tuple[str, ...] = ()
    _clients: list[Client] = field(default_factory=list)

    @property
    def terminal(self) -> Terminal:
        """Where it is shown."""
        return self.around.terminal

    @property
    def client(self) -> Client:
        """Who is asked."""
        return self._clients[-1]

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have a client meanwhile; raise `NotRootError` where only root may."""
        if self.state == DEFAULT_STATE and not self.around.is_root:
            argv = shlex.join(self.around.argv)
            raise NotRootError(f"cannot run `pvdify {self.command}`: not root", hint=f"type `sudo pvdify {argv}`")
        async with self.around.connect(self.state) as client:
            self._clients.append(client)
            try:
                yield
            finally:
                self._clients.pop()

    async def ask(self, operation: Operation[Q, A], request: Q) -> A:
        """The answer of a value."""
        return await self.client.ask(operation, request)

    async def change(self, operation: Change[Q], request: Q) -> Changed:
        """Carry out a change, watched step by step, and show its end."""
        from pvdify.cli.change import carried_out

        return await carried_out(self, operation, request)

    async def has_app(self, name: str) -> bool:
        """Whether there is an app of that name."""
        answer = await self.client.ask(apps.LIST, Nothing())
        return any(app.name == name for app in answer.apps)

    def show(self, answer: msgspec.Struct, text: Callable[[], str]) -> None:
        """Print *answer* as JSON where that was asked for, else as *text*."""
        from pvdify.cli.tables import json_text

        self.terminal.print(json_text(answer) if self.is_json else text())
