"""Worlds in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvdify.model.image import Image
from pvdify.ports import Answer, Output
from tests.adapters.router_files import write_router_files
from tests.fakes import (
    FakeConsole,
    FakeLogs,
    FakeNetwork,
    FakePodman,
    FakeQuadlet,
    FakeRouter,
    FakeSeal,
    FakeSecrets,
    FakeSystemd,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pvdify.model.manifest import AppRow
    from pvdify.model.names import UnitName

STORED = Image(
    id="f" * 64,
    digest=f"sha256:{'a' * 64}",
    architecture="amd64",
    ports=(8080,),
)


@dataclass
class Systemd:
    port: FakeSystemd = field(default_factory=FakeSystemd)

    def lasting(self, unit: UnitName) -> bytes:
        return b"[Service]\n"

    def failing(self, unit: UnitName) -> bytes:
        self.port.broken[unit] = "exit-code"
        return b"[Service]\n"

    def crashing(self, unit: UnitName) -> bytes:
        self.port.crashing[unit] = 3
        return b"[Service]\n"

    def target(self, *wanted: UnitName) -> bytes:
        return "".join(["[Unit]\n", *(f"Wants={unit}\n" for unit in wanted)]).encode()


@dataclass
class Quadlet:
    directory: Path
    port: FakeQuadlet = field(default_factory=FakeQuadlet)

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def write_refused(self, name: str) -> None:
        self.port.refused[name] = "unsupported key 'Bogus'"
        self.write(name, "[Container]\nBogus=1\n")

    def refused_unit(self, unit: UnitName) -> bytes:
        self.port.refused[unit] = "Invalid memory limit"
        return b"[Service]\n"


class Router:
    def __init__(self, current: Path) -> None:
        self.current = current
        self.port = FakeRouter(current=current)
        self.publish()
        self.port.boot()

    @property
    def config(self) -> Path:
        return self.current / "haproxy/haproxy.cfg"

    def publish(self, *apps: AppRow) -> None:
        write_router_files(self.current, *apps)
        self.port.refused_config = ""

    def spoil(self) -> None:
        self.port.refused_config = "unknown keyword"

    @asynccontextmanager
    async def request(self, app: AppRow, server: str) -> AsyncIterator[None]:
        self.port.connections[app.name, server] = 1
        yield
        self.port.connections[app.name, server] = 0


class Podman:
    open = "registry.example:5000"
    private = "private.example:5001"
    dead = "dead.example:5999"
    user = "pat"
    password = "secret"  # noqa: S105 -- of a registry in memory
    image = "sample:v1"

    def __init__(self) -> None:
        self.port = FakePodman(
            registry={f"{registry}/{self.image}": STORED for registry in (self.open, self.private)},
            private={self.private: (self.user, self.password)},
            unreachable={self.dead},
        )


@dataclass
class Network:
    port: FakeNetwork = field(default_factory=FakeNetwork)

    @asynccontextmanager
    async def answers(self, status: int, headers: dict[str, str], body: str) -> AsyncIterator[int]:
        number = 20_000 + len(self.port.answers)
        lowered = {name.lower(): value for name, value in headers.items()}
        self.port.answers[number] = Answer(status=status, headers=lowered, body=body, latency_ms=0.1)
        self.port.holders[number] = "python (pid 1)"
        yield number
        del self.port.answers[number], self.port.holders[number]

    def is_closed(self) -> int:
        return 29_999


@dataclass
class Console:
    port: FakeConsole = field(default_factory=FakeConsole)

    def program(self, out: str, err: str, status: int) -> tuple[str, ...]:
        written = (Output(data=out.encode()), Output(data=err.encode(), is_error=True))
        self.port.says, self.port.status = tuple(one for one in written if one.data), status
        return ("program",)

    def endless(self, out: str, mark: str) -> tuple[str, ...]:
        self.port.says, self.port.hangs = (Output(data=out.encode()),), True
        return ("endless", mark)

    def is_over(self, argv: tuple[str, ...]) -> bool:
        return argv in self.port.killed


@dataclass
class Logs:
    port: FakeLogs = field(default_factory=FakeLogs)

    def write(self, unit: UnitName, text: str, *, is_error: bool = False) -> None:
        self.port.write(unit, text, is_error=is_error)


@dataclass
class Secrets:
    port: FakeSecrets = field(default_factory=FakeSecrets)


@dataclass
class Seal:
    port: FakeSeal = field(default_factory=FakeSeal)
