"""Somebody who types on a host in memory, in process or from elsewhere."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from pvdify.client.address import RemoteHost
from pvdify.client.local import local
from pvdify.client.remote import remote
from pvdify.model.image import Image
from pvdify.model.place import Place
from pvdify.ops.host import Host
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.api.services import served
from tests.cli.fake import Ended, ended, surroundings
from tests.fakes import FakeHost

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pvdify.client.transport import Client
    from pvdify.operations.table import Change, Q

WAYS: Final = ("in process", "over the host's socket", "over https")


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

    def type(self, line: str, *, says: str = "", editor: Callable[[Path], None] | None = None) -> Ended:
        """Type *line*, and change what it opens in an *editor*."""
        around = surroundings(*shlex.split(line), says=says, editor=editor or Path.touch)
        return ended(replace(around, connect=self._connect))

    def meanwhile(self, operation: Change[Q], request: Q) -> None:
        """Change something while a command runs."""

        async def change() -> None:
            async with self._connect(None) as client:
                await client.ended(await client.change(operation, request))

        with ThreadPoolExecutor() as threads:
            threads.submit(anyio.run, change).result()

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


@contextmanager
def going(shell: Shell, way: str) -> Iterator[Shell]:
    """*shell*, whose commands go that one of the `WAYS` to a host that is initialised."""
    if way == "in process":
        yield shell
        return
    token = str(shell.answer("tokens:create ada --scope admin")["token"])
    with served(shell.settings.state.parent, shell.settings, shell.fake) as services:
        certificate = services.certificate.read_text().partition("-----BEGIN PRIVATE")[0]
        shell.target = (
            RemoteHost(url=services.url, token=token, certificate=certificate)
            if way == "over https"
            else RemoteHost(url=f"unix://{services.admin}")
        )
        yield shell
