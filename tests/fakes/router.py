"""The router in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import RenderError, RouterError
from pvdify.ports import Server, Workers
from pvdify.render.router import mark_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Backend:
    """One app in the router's worker: its servers' ports, and which of them take new requests."""

    ports: dict[str, int] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    checked: set[str] = field(default_factory=set)


@dataclass
class FakeRouter:
    """A proxy that reads the configuration at *current* when it is reloaded."""

    current: Path | None = None
    is_up: bool = True
    fronts: dict[int, str] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)
    connections: dict[tuple[str, str], int] = field(default_factory=dict)
    """Open connections by app and server; as long as there are some the server is not drained."""
    is_silent: bool = False
    refusal: str = ""
    """What it says to every change."""
    refused_config: str = ""
    """What it says of every configuration."""
    reloads: int = 0
    read: str = ""
    """The mark of the configuration that was read last."""
    actions: list[str] = field(default_factory=list)

    def serving(self, app: str) -> tuple[str, ...]:
        """The servers that take new requests of *app*."""
        return tuple(sorted(self.backends[app].ready))

    def boot(self) -> None:
        """Start anew, from the file alone."""
        self.connections.clear()
        self._read()

    async def check(self, config: Path) -> None:
        if not await anyio.Path(config).is_file() or self.refused_config:
            raise RenderError(f"cannot use {config.name}: {self.refused_config or 'there is no such file'}")

    async def is_running(self) -> bool:
        await anyio.lowlevel.checkpoint()
        return self.is_up

    async def reload(self) -> None:
        await self._change("reload")
        if self.refused_config:
            raise RouterError(f"cannot reload the router: {self.refused_config}")
        self.reloads += 1
        self._read()

    async def mark(self) -> str:
        await anyio.lowlevel.checkpoint()
        if not self.is_up:
            raise RouterError("cannot ask the router: it does not run")
        return self.read

    async def reconcile(self, app: str, servers: tuple[Server, ...]) -> None:
        await self._change(f"reconcile {app}: {' '.join(one.name for one in servers)}")
        backend = self._backend(app)
        backend.ports.update({one.name: one.port for one in servers})
        backend.ready = {one.name for one in servers}
        backend.checked = {one.name for one in servers if one.is_checked}

    async def hold(self, app: str) -> None:
        await self._change(f"hold {app}")
        self._backend(app).ready.clear()

    async def drained(self, app: str, names: tuple[str, ...]) -> Workers:
        await anyio.lowlevel.checkpoint()
        is_open = any(self.connections.get((app, name)) for name in names)
        return Workers.BUSY if is_open or self.is_silent or not self.is_up else Workers.DRAINED

    async def forget(self, app: str, names: tuple[str, ...]) -> None:
        await self._change(f"forget {app}: {' '.join(names)}")
        backend = self._backend(app)
        for name in names:
            backend.ports.pop(name, None)
            backend.ready.discard(name)
            backend.checked.discard(name)

    async def servers(self, app: str) -> tuple[Server, ...]:
        await anyio.lowlevel.checkpoint()
        backend = self._backend(app)
        return tuple(
            Server(name=name, port=backend.ports[name], is_checked=name in backend.checked)
            for name in sorted(backend.ready)
        )

    async def known(self, app: str) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(sorted(self._backend(app).ports))

    async def _change(self, action: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.actions.append(action)
        if self.refusal or not self.is_up:
            raise RouterError(f"cannot change the router: {self.refusal or 'it does not run'}")

    def _backend(self, app: str) -> Backend:
        if app not in self.backends:
            raise RouterError(f"cannot change the front of {app}: the router does not know it")
        return self.backends[app]

    def _read(self) -> None:
        if self.current is None:
            return
        self.fronts, self.backends = {}, {}
        section = ""
        text = (self.current / "haproxy/haproxy.cfg").read_text()
        self.read = mark_of(text)
        for line in text.splitlines():
            if match := re.match(r"(frontend|backend) (\S+)( from \S+)?$", line):
                section = match[2]
                if match[1] == "backend":
                    self.backends[section] = Backend()
            elif match := re.match(r'\s+bind "?(?:\$\{PVDIFY_FRONT_\d+-)?127\.0\.0\.1:(\d+)', line):
                self.fronts[int(match[1])] = section
            elif match := re.match(r"\s+server (\S+) 127\.0\.0\.1:(\d+)( check)?", line):
                backend = self.backends[section]
                backend.ports[match[1]] = int(match[2])
                backend.ready.add(match[1])
                if match[3]:
                    backend.checked.add(match[1])
