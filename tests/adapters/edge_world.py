"""Caddy in memory, and the installed one on a testbed, on a file that a test writes."""

from __future__ import annotations

import shutil
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import anyio

from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.place import Place
from pvdify.render.edge import CADDY, edge_artefacts
from pvdify.store.paths import Settings
from pvdify.wiring import local_host
from tests.fakes import FakeEdge

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream, SocketStream

    from pvdify.model.manifest import AppRow

SETTINGS = Settings()
FRONTS = (3900, 3901)
"""Which nobody else has: the router of another test may still be up."""


def write(config: Path, *apps: AppRow) -> None:
    """Write what is rendered for a Caddy with an authority of its own."""
    edge = EdgeSettings(kind=EdgeKind.CADDY, internal_ca=True)
    config.parent.mkdir(exist_ok=True)
    config.write_text(edge_artefacts({app.name: app for app in apps}, edge, Place())[0].text)


@dataclass
class MemoryEdge:
    current: Path
    port: FakeEdge = field(init=False)

    def __post_init__(self) -> None:
        self.port = FakeEdge(EdgeKind.CADDY, self.current)

    @property
    def config(self) -> Path:
        return self.current / CADDY

    def publish(self, *apps: AppRow) -> None:
        write(self.config, *apps)

    def spoil(self) -> None:
        self.port.refused_config = "unrecognized directive"

    def has_no_certificate(self, name: str) -> None:
        self.port.uncertified.add(name)

    async def front_of(self, name: str) -> int | None:
        return self.port.names.get(name) or self.port.names.get(f"*.{name.partition('.')[2]}")


class RealEdge:
    """The installed unit, on a generation of its own; whoever comes to a front is told which one it is."""

    def __init__(self) -> None:
        self.port = local_host(SETTINGS).ports.edges[EdgeKind.CADDY]
        self.generation = Path(mkdtemp(dir=SETTINGS.state))
        SETTINGS.current.unlink(missing_ok=True)
        SETTINGS.current.symlink_to(self.generation)

    @property
    def config(self) -> Path:
        return self.generation / CADDY

    def publish(self, *apps: AppRow) -> None:
        write(self.config, *apps)

    def spoil(self) -> None:
        self.config.write_text("example.org {\n\tbogus\n}\n")

    def has_no_certificate(self, name: str) -> None:
        """It has one for the names in its file only."""

    async def front_of(self, name: str) -> int | None:
        async with AsyncExitStack() as listeners, anyio.create_task_group() as tasks:
            for front in FRONTS:
                listening = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=front)
                listener = await listeners.enter_async_context(listening)
                tasks.start_soon(listener.serve, partial(_answer, front))
            found = await _asked(name)
            tasks.cancel_scope.cancel()
        return found

    def close(self) -> None:
        shutil.rmtree(self.generation)


async def _answer(front: int, stream: SocketStream) -> None:
    async with stream:
        await stream.receive()
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n%d" % front)


async def _asked(name: str) -> int | None:
    """What a visitor of *name* reads, who waits some seconds for a certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with anyio.move_on_after(5):
        while True:
            try:
                async with await anyio.connect_tcp(
                    "127.0.0.1", 443, ssl_context=context, tls_hostname=name, tls_standard_compatible=False
                ) as stream:
                    await stream.send(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
                    return int((await _all(stream)).rpartition(b"\r\n\r\n")[2])
            except (ssl.SSLError, OSError, ValueError, anyio.BrokenResourceError, anyio.EndOfStream):
                await anyio.sleep(0.1)
    return None


async def _all(stream: ByteReceiveStream) -> bytes:
    read = b""
    try:
        while True:
            read += await stream.receive()
    except anyio.EndOfStream:
        return read
