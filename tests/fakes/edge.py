"""The programs in front of the fronts, in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import EdgeError, ProgramMissingError, RenderError
from pvdify.render.edge import EDGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.model.edge import EdgeKind


@dataclass
class FakeEdge:
    """A program that serves the names of the file that it was brought to; at a boot, of the one at *current*."""

    kind: EdgeKind
    current: Path | None = None
    is_up: bool = False
    is_installed: bool = True
    names: dict[str, int] = field(default_factory=dict)
    """What it serves: the front by name."""
    refusal: str = ""
    """What it says to every change; it serves on what it did."""
    refused_config: str = ""
    """What it says of every file."""
    uncertified: set[str] = field(default_factory=set)
    """Names that it knows and has no certificate for."""
    is_stuck: bool = False
    """Whether it takes a change and never says so."""
    actions: list[str] = field(default_factory=list)

    def boot(self) -> None:
        """Start if the generation in force has a file for it, with that."""
        file = self.current / EDGES[self.kind] if self.current else None
        self.is_up = file is not None and file.exists()
        self.names = dict(_served(file.read_text())) if file is not None and self.is_up else {}

    async def version(self) -> str:
        await anyio.lowlevel.checkpoint()
        if not self.is_installed:
            raise ProgramMissingError(self.kind.value)
        return "2.0.0"

    async def check(self, config: Path) -> None:
        if not await anyio.Path(config).is_file() or self.refused_config:
            raise RenderError(f"cannot use {config.name}: {self.refused_config or 'there is no such file'}")

    async def is_running(self) -> bool:
        await anyio.lowlevel.checkpoint()
        return self.is_up

    async def follow(self, config: Path) -> None:
        await anyio.lowlevel.checkpoint()
        self.actions.append("follow")
        if self.refusal or self.refused_config:
            raise EdgeError(f"cannot bring {self.kind.value} to the new names: {self.refusal or self.refused_config}")
        self.is_up, self.names = True, dict(_served(await anyio.Path(config).read_text()))
        if self.is_stuck:
            await anyio.sleep_forever()

    async def problem(self, name: str) -> str:
        await anyio.lowlevel.checkpoint()
        return f"it has no certificate for {name}" if name in self.uncertified else ""

    async def stop(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.is_up:
            self.actions.append("stop")
        self.is_up, self.names = False, {}


def _served(text: str) -> Iterator[tuple[str, int]]:
    """The names in a Caddyfile or an ingress, and their fronts."""
    names: list[str] = []
    for line in text.splitlines():
        if match := re.match(r"(?!\s)(.*) \{$", line):
            names = match[1].split(", ")
        elif match := re.match(r'\s+- hostname: "?([^"]+)', line):
            names = [match[1]]
        elif match := re.search(r"(?:reverse_proxy |service: http://)127\.0\.0\.1:(\d+)", line):
            yield from ((name, int(match[1])) for name in names)
