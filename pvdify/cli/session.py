"""One command on its way: whom it asks, and how it shows what it is told."""

from __future__ import annotations

import shlex
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pvdify.cli.choice import Said, chosen, said_by
from pvdify.cli.surroundings import DEFAULT_STATE
from pvdify.errors import NotRootError, UnauthorizedError
from pvdify.model.requests import Nothing
from pvdify.operations import apps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import msgspec

    from pvdify.cli.surroundings import Surroundings
    from pvdify.cli.terminal import Terminal
    from pvdify.client.address import RemoteHost
    from pvdify.client.hosts import Hosts
    from pvdify.client.transport import Client
    from pvdify.model.answers import Changed
    from pvdify.operations.table import A, Change, Operation, Q


@dataclass(slots=True, kw_only=True)
class Session:
    """A command, its options and its client; *app* and *words* are there where the command is about one app.

    *said* is what the options say of whom to ask; *target* is who is asked, once that is known. What was typed may hold a secret
    where the command *is secret*.
    """

    around: Surroundings
    command: str
    said: Said
    is_json: bool
    waits: bool = False
    is_secret: bool = False
    app: str = ""
    words: tuple[str, ...] = ()
    target: Path | RemoteHost | None = None
    _clients: list[Client] = field(default_factory=list)

    @property
    def terminal(self) -> Terminal:
        """Where it is shown."""
        return self.around.terminal

    @property
    def client(self) -> Client:
        """Who is asked."""
        return self._clients[-1]

    @property
    def state(self) -> Path:
        """The state directory of a command that works without a host."""
        return self.said.state or self.around.state

    @property
    def place(self) -> str:
        """Who is asked, as a person names it."""
        return str(self.target) if isinstance(self.target, Path | None) else self.target.url

    def hosts(self) -> Hosts:
        """The hosts that the user knows."""
        from pvdify.client.hosts import Hosts

        return Hosts(self.around.hosts, self.around.vault)

    def nearer(self, host: str) -> str:
        """Who is asked here instead of *host* where nothing else is said; empty if that is *host*."""
        target = self._chosen(Said(), said_by(self.around.environ))
        if target is None or (not isinstance(target, Path) and target.name == host):
            return ""
        return "this machine" if isinstance(target, Path) or target.socket else target.url

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have a client meanwhile; raise `NotRootError` where only root may, `UnauthorizedError` where a token is missing."""
        self.target = self._target()
        async with self.around.connect(self.target) as client:
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

    def _target(self) -> Path | RemoteHost:
        target = self._chosen(self.said, said_by(self.around.environ))
        if target is None or (target == DEFAULT_STATE and not self.around.is_root):
            argv = f"{self.command} …" if self.is_secret else shlex.join(self.around.argv)
            raise NotRootError(
                f"cannot run `pvdify {self.command}`: not root",
                hint=f"type `sudo pvdify {argv}`, or `pvdify login` for a host elsewhere",
            )
        if not isinstance(target, Path) and not target.token and not target.socket:
            raise UnauthorizedError(
                f"cannot ask {target.url} without a token",
                hint=f"type `pvdify login {target.url}`, or set PVDIFY_TOKEN",
            )
        return target

    def _chosen(self, typed: Said, around: Said) -> Path | RemoteHost | None:
        return chosen(
            typed,
            around,
            is_root=self.around.is_root,
            has_state=self.around.has_state,
            may_connect=self.around.may_connect,
            hosts=self.hosts,
        )
