"""The service manager and the validators in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import HostError, RenderError, UnitFailedError
from pvdify.model.names import UnitName
from pvdify.ports import UnitStatus, Usage
from tests.fakes.knobs import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.secrets import FakeSeal

CREDENTIALS = 243
"""The exit status of what was not given its credentials."""
ROUTER_UNIT = UnitName("pvdify-router.service")
ROOT_TARGET = UnitName("pvdify.target")


@dataclass
class FakeSystemd:
    """Units that are active because they were started, and known because they were read or lent."""

    current: Path | None = None
    known: dict[UnitName, bytes] = field(default_factory=dict)
    lent_units: dict[UnitName, bytes] = field(default_factory=dict)
    states: dict[UnitName, UnitStatus] = field(default_factory=dict)
    orphans: set[UnitName] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    """Units (or globs) whose start fails, and the result that they fail with."""
    crashing: dict[str, int] = field(default_factory=dict)
    """Units (or globs) that start and exit with this status right after."""
    seal: FakeSeal | None = None
    """What opens credentials; without it every unit starts without."""
    given: dict[UnitName, dict[str, bytes]] = field(default_factory=dict)
    """The credentials that each unit got at the last start that it got all of them at."""
    is_silent: bool = False
    """Whether it takes a question and never answers."""
    installed: int = 257
    reloads: int = 0
    actions: list[str] = field(default_factory=list)

    def running(self) -> frozenset[UnitName]:
        """The units that are up, or on their way up or down."""
        return frozenset(unit for unit, status in self.states.items() if status.is_active)

    def boot(self) -> None:
        """Lose what a power cut takes, read the tree, and start what it wants."""
        self.lent_units.clear()
        self.states.clear()
        self.orphans.clear()
        self._read()
        for unit in (ROUTER_UNIT, ROOT_TARGET):
            if unit in self.known:
                self._start(unit)

    async def version(self) -> int:
        await anyio.lowlevel.checkpoint()
        return self.installed

    async def reload(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.reloads += 1
        self.actions.append("reload")
        self._read()

    async def start(self, *units: UnitName, timeout: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.actions += [f"start {unit}" for unit in units]
        failed = [unit for unit in units if not self._start(unit)]
        for unit in failed:
            raise UnitFailedError(unit, self.states[unit].result if unit in self.known else "not-found")

    async def stop(self, *units: UnitName) -> None:
        await anyio.lowlevel.checkpoint()
        self.actions += [f"stop {unit}" for unit in units]
        for unit in units:
            self._stop(unit)

    async def reset_failed(self, *units: UnitName) -> None:
        await anyio.lowlevel.checkpoint()
        for unit in units:
            if unit in self.states and self.states[unit].active == "failed":
                del self.states[unit]

    async def show(self, *units: UnitName) -> tuple[UnitStatus, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(self._status(unit) for unit in units)

    async def active(self, pattern: str) -> frozenset[UnitName]:
        await anyio.lowlevel.checkpoint()
        if self.is_silent:
            await anyio.sleep_forever()
        up = (unit for unit, status in self.states.items() if status.active == "active")
        return frozenset(unit for unit in up if fnmatchcase(unit, pattern))

    async def usage(self, *slices: UnitName) -> tuple[Usage, ...]:
        await anyio.lowlevel.checkpoint()
        statuses = (self._status(unit) for unit in slices)
        return tuple(Usage(memory=status.memory, cpu_seconds=status.cpu_seconds) for status in statuses)

    async def matching(self, pattern: str) -> tuple[UnitStatus, ...]:
        await anyio.lowlevel.checkpoint()
        found = sorted(unit for unit in self.states if fnmatchcase(unit, pattern))
        return tuple(self._status(unit) for unit in found)

    async def lend(self, units: Mapping[UnitName, bytes]) -> None:
        await anyio.lowlevel.checkpoint()
        strangers = [unit for unit in units if not re.fullmatch(r"pvdify-[\w.@-]+\.(service|target)", unit)]
        if strangers:
            raise HostError(f"cannot lend {strangers[0]}: it is not ours")
        self.actions += [f"lend {unit}" for unit in units]
        self.lent_units.update(units)
        self.known.update(units)

    async def take_back(self, *units: UnitName) -> None:
        await anyio.lowlevel.checkpoint()
        for unit in units or tuple(self.lent_units):
            self.actions.append(f"take back {unit}")
            self.lent_units.pop(unit, None)

    async def lent(self) -> tuple[UnitName, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(sorted(self.lent_units))

    def _read(self) -> None:
        self.known = {}
        if self.current is not None and self.current.exists():
            tree = self.current.resolve()
            for file in sorted(tree.glob("quadlet/*.container")):
                self.known[UnitName(f"{file.stem}.service")] = made_by_quadlet(file)
            for file in sorted(tree.glob("systemd/*")):
                self.known[UnitName(file.name)] = file.read_bytes()
        self.known.update(self.lent_units)

    def _start(self, unit: UnitName) -> bool:
        if unit not in self.known:
            return False
        is_up = unit in self.states and self.states[unit].active == "active"  # which goes on as it is
        if not is_up and not self._begin(unit):
            return False
        for wanted in _directive(self.known[unit], "Wants"):
            self._start(UnitName(wanted))
        return True

    def _begin(self, unit: UnitName) -> bool:
        result, status = fitting(self.broken, unit), 1
        if result is None and not self._give(unit):
            result, status = "exit-code", CREDENTIALS
        if result is not None:
            self.states[unit] = UnitStatus(
                unit=unit, active="failed", sub="failed", result=result, exit_code="exited", exit_status=status
            )
            return False
        crash = fitting(self.crashing, unit)
        if crash is not None:
            self.states[unit] = UnitStatus(
                unit=unit,
                active="activating",
                sub="auto-restart",
                result="exit-code",
                exit_code="exited",
                exit_status=crash,
                restarts=1,
            )
        elif b"Type=oneshot" not in self.known[unit]:
            self.states[unit] = UnitStatus(unit=unit, active="active", sub="running", main_pid=1000 + len(self.states))
        return True

    def _give(self, unit: UnitName) -> bool:
        """Open what *unit* loads; False if not all of it opens under its name."""
        found: dict[str, bytes] = {}
        for one in _directive(self.known[unit], "LoadCredentialEncrypted") if self.seal is not None else ():
            name, _, path = one.partition(":")
            data = self.seal.opened(name, Path(path).read_bytes()) if self.seal and Path(path).exists() else None
            if data is None:
                return False
            found[name] = data
        self.given[unit] = found
        return True

    def _stop(self, unit: UnitName) -> None:
        if unit in self.states:
            if self.states[unit].is_active and unit not in self.known:
                self.orphans.add(unit)
            self.states[unit] = UnitStatus(unit=unit)
        for other, text in self.known.items():
            if unit in _directive(text, "PartOf") and other in self.running():
                self._stop(other)

    def _status(self, unit: UnitName) -> UnitStatus:
        status = self.states.get(unit, UnitStatus(unit=unit))
        if unit not in self.known:
            return status
        source = re.search(rb"^(?:# )?SourcePath=(.+)$", self.known[unit], re.MULTILINE)
        where = "system" if unit in self.lent_units else "generator"
        return replace(
            status,
            load="loaded",
            source=source[1].decode() if source else "",
            fragment=f"/run/systemd/{where}/{unit}",
        )


@dataclass
class FakeQuadlet:
    """Validators that take everything but what *refused* names."""

    refused: dict[str, str] = field(default_factory=dict)
    """Files or units (or globs), and what the program says of them."""
    installed: tuple[int, int, int] = (5, 4, 2)
    seen: list[str] = field(default_factory=list)

    async def generate(self, directory: Path, names: tuple[str, ...]) -> Mapping[UnitName, bytes]:
        await anyio.lowlevel.checkpoint()
        units: dict[UnitName, bytes] = {}
        for name in names:
            self.seen.append(name)
            if b"[Container]" not in (directory / name).read_bytes().splitlines():
                raise RenderError(f"cannot use {name}: Quadlet finds no [Container]")
            if (words := fitting(self.refused, name)) is not None:
                raise RenderError(f"cannot use {name}: {words}")
            units[UnitName(f"{name.removesuffix('.container')}.service")] = made_by_quadlet(directory / name)
        return units

    async def verify(self, units: Mapping[UnitName, bytes]) -> None:
        await anyio.lowlevel.checkpoint()
        for unit in units:
            self.seen.append(unit)
            if (words := fitting(self.refused, unit)) is not None:
                raise RenderError(f"cannot use {unit}: {words}")

    async def version(self) -> tuple[int, int, int]:
        await anyio.lowlevel.checkpoint()
        return self.installed


def made_by_quadlet(file: Path) -> bytes:
    """A stand-in for what Podman's generator makes of *file*: its text, and where it came from."""
    return f"# SourcePath={file.resolve()}\n".encode() + file.read_bytes()


def _directive(text: bytes, key: str) -> tuple[str, ...]:
    found = re.findall(rf"^{key}=(.*)$", text.decode(), re.MULTILINE)
    return tuple(word for line in found for word in line.split())
