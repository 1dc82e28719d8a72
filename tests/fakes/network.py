"""Ports in memory."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import HostError
from pvdify.ports import Answer
from tests.fakes.knobs import fitting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pvdify.model.names import UnitName
    from tests.fakes.router import FakeRouter
    from tests.fakes.systemd import FakeSystemd

REFUSED = Answer(error="connection refused")


@dataclass
class FakeNetwork:
    """Ports that answer: those that a test set, those that active units publish, and the router's fronts."""

    answers: dict[int, Answer] = field(default_factory=dict)
    """What a port answers, whoever listens there."""
    apps: dict[str, Answer] = field(default_factory=dict)
    """What units (or globs) answer behind the port that they publish; 200 and their name otherwise."""
    holders: dict[int, str] = field(default_factory=dict)
    """Strangers, by the port that they listen on."""
    systemd: FakeSystemd | None = None
    router: FakeRouter | None = None
    asked: list[tuple[int, str]] = field(default_factory=list)
    _turn: Iterator[int] = field(default_factory=itertools.count)

    async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
        await anyio.lowlevel.checkpoint()
        self.asked.append((port, path))
        if port in self.answers or port in self.holders:
            return self.answers.get(port, REFUSED)
        if self.router is not None and self.router.is_up and port in self.router.fronts:
            return self._through(self.router, self.router.fronts[port], headers)
        return self._direct(port)

    async def connects(self, address: str, port: int, *, timeout: float) -> bool:
        await anyio.lowlevel.checkpoint()
        return port in self.answers and not self.answers[port].error

    async def holder(self, port: int) -> str | None:
        await anyio.lowlevel.checkpoint()
        return self._holder(port)

    async def reserve(self, candidates: tuple[int, ...], count: int) -> tuple[int, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(itertools.islice((port for port in candidates if self._holder(port) is None), count))

    def _holder(self, port: int) -> str | None:
        if port in self.holders:
            return self.holders[port]
        if self.router is not None and self.router.is_up and port in self.router.fronts:
            return "haproxy (pid 1)"
        return "conmon (pid 2)" if self._publisher(port) else None

    def _through(self, router: FakeRouter, app: str, headers: Mapping[str, str]) -> Answer:
        ready = router.serving(app)
        if not ready:
            return Answer(status=503, headers={}, body="no server")
        name = ready[next(self._turn) % len(ready)]
        answer = self._direct(router.backends[app].ports[name])
        if answer.status is None:
            return Answer(status=503, headers={}, body=answer.error)
        probed = {"x-pvdify-instance": name} if "X-Pvdify-Probe" in headers else {}
        return replace(answer, headers={**(answer.headers or {}), **probed})

    def _direct(self, port: int) -> Answer:
        unit = self._publisher(port)
        if port in self.answers or unit is None:
            return self.answers.get(port, REFUSED)
        return fitting(self.apps, unit) or Answer(
            status=200, headers={}, body=unit.removesuffix(".service"), latency_ms=1.0
        )

    def _publisher(self, port: int) -> UnitName | None:
        if self.systemd is None:
            return None
        published = f"PublishPort=127.0.0.1:{port}:".encode()
        up = (unit for unit, status in self.systemd.states.items() if status.active == "active")
        return next((unit for unit in up if published in self.systemd.known.get(unit, b"")), None)


@dataclass
class FakeResolver:
    """A DNS that knows what a test has put into it."""

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses by name; `*.` in front stands for any one label."""
    own: tuple[str, ...] = ("203.0.113.7", "2001:db8::7")
    silent: set[str] = field(default_factory=set)
    """Names that nobody answers for."""
    is_down: bool = False

    async def resolve(self, name: str) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        if self.is_down:
            raise HostError(f"cannot ask where {name} leads: no name server answers")
        if name in self.silent:
            await anyio.sleep_forever()
        return self.names.get(name) or self.names.get(f"*.{name.partition('.')[2]}", ())

    async def addresses(self) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        return self.own
