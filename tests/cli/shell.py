"""Somebody who types on a host in memory, in process or from elsewhere."""

from __future__ import annotations

import json
import shlex
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pvdify.client.local import local
from pvdify.client.remote import remote
from pvdify.model.image import Image
from pvdify.model.place import Place
from pvdify.ops.host import Host
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.cli.fake import Ended, ended, surroundings
from tests.fakes import FakeHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pvdify.client.address import RemoteHost
    from pvdify.client.transport import Client


class Shell:
    """Somebody who types; *target* is the host that their commands ask, where that is not done in process."""

    target: RemoteHost | None = None

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(directory / "state", directory / "run")
        self.settings.run.mkdir()
        self.fake = FakeHost(self.settings.current)
        for number, tag in enumerate(("v1", "v2", "v3"), start=1):
            digest = f"sha256:{str(number) * 64}"
            self.fake.podman.registry[f"ghcr.io/org/blog:{tag}"] = Image(
                id=str(number) * 64, digest=digest, architecture="amd64", ports=(8080,)
            )

    def type(self, line: str, *, says: str = "") -> Ended:
        """Type *line*."""
        return ended(replace(surroundings(*shlex.split(line), says=says), connect=self._connect))

    def answer(self, line: str) -> dict[str, Any]:
        """What a program reads."""
        done = self.type(f"{line} --json")
        assert (0, "") == (done.status, done.err)
        found: dict[str, Any] = json.loads(done.out)
        return found

    @asynccontextmanager
    async def _connect(self, _target: object) -> AsyncIterator[Client]:
        if self.target is not None:
            async with remote(self.target) as there:
                yield there
            return
        place = Place(state=str(self.settings.state), run=str(self.settings.run))
        host = Host(ports=self.fake.ports, state=State(self.settings), place=place)
        async with local(host, actor="ada") as here:
            yield here
