"""Worlds on a machine with pvdify installed and nothing else to do: a testbed."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import anyio

from pvdify.adapters.creds import SystemdCreds
from pvdify.adapters.journald import Journald
from pvdify.adapters.podman import Store
from pvdify.adapters.quadlet import Generator
from pvdify.adapters.sops import Sops
from pvdify.adapters.systemctl import Systemctl
from pvdify.store.paths import Settings
from pvdify.wiring import local_host
from tests.adapters.network_world import RealNetwork
from tests.adapters.router_files import write_router_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.manifest import AppRow
    from pvdify.model.names import UnitName

SETTINGS = Settings()
SERVICE = "[Service]\nExecStart={command}\nRestart={restart}\nRestartMode=direct\nRestartSec=100ms\n"
__all__ = ["RealNetwork"]


class RealSystemd:
    def __init__(self) -> None:
        self.port = Systemctl()

    def lasting(self, unit: UnitName) -> bytes:
        return SERVICE.format(command="/bin/sleep 1000", restart="always").encode()

    def failing(self, unit: UnitName) -> bytes:
        return b"[Service]\nType=notify\nExecStart=/bin/false\n"

    def crashing(self, unit: UnitName) -> bytes:
        return SERVICE.format(command="/bin/sh -c 'exit 3'", restart="always").encode()

    def target(self, *wanted: UnitName) -> bytes:
        return "".join(["[Unit]\n", *(f"Wants={unit}\n" for unit in wanted)]).encode()


class RealQuadlet:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = Generator()

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)

    def write_refused(self, name: str) -> None:
        self.write(name, "[Container]\nImage=localhost/app:v1\nBogus=1\n")

    def refused_unit(self, unit: UnitName) -> bytes:
        return b"[Service]\nExecStart=/bin/true\nMemoryMax=many\n"


class RealRouter:
    """The installed unit, on a generation of its own."""

    def __init__(self) -> None:
        self.port = local_host(SETTINGS).ports.router
        self.begin()

    @property
    def config(self) -> Path:
        return self.generation / "haproxy/haproxy.cfg"

    def publish(self, *apps: AppRow) -> None:
        write_router_files(self.generation, *apps)

    def begin(self) -> None:
        """Have another generation in force."""
        self.generation = Path(mkdtemp(dir=SETTINGS.state))
        self.publish()
        SETTINGS.current.unlink(missing_ok=True)
        SETTINGS.current.symlink_to(self.generation)

    def spoil(self) -> None:
        self.config.write_text(f"{self.config.read_text()}\nglobal\n    bogus\n")

    @asynccontextmanager
    async def request(self, app: AppRow, server: str) -> AsyncIterator[None]:
        row = next(one for one in app.servers() if one.instance(app.name).server == server)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=row.port)
        arrived, done = anyio.Event(), anyio.Event()

        async def answer(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                await stream.receive()
                arrived.set()
                await done.wait()
                await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async def ask() -> None:
            async with await anyio.connect_tcp("127.0.0.1", app.front) as stream:
                await stream.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await stream.receive()

        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, answer)
            async with anyio.create_task_group() as requests:
                requests.start_soon(ask)
                with anyio.fail_after(5):
                    await arrived.wait()
                yield
                done.set()
            tasks.cancel_scope.cancel()

    def close(self) -> None:
        shutil.rmtree(self.generation)


class RealPodman:
    open = "127.0.0.1:5000"
    private = "127.0.0.1:5001"
    dead = "127.0.0.1:5999"
    user = "pat"
    password = "s3cret"  # noqa: S105 -- of a registry that only the testbed can reach
    image = "sample:v1"

    def __init__(self) -> None:
        self.port = Store(
            socket=SETTINGS.run / "podman.sock",
            root=SETTINGS.state / "storage",
            runroot=SETTINGS.run / "containers",
        )


class RealLogs:
    def __init__(self) -> None:
        self.port = Journald()

    def write(self, unit: UnitName, text: str, *, is_error: bool = False) -> None:
        """Write as conmon does, beneath a unit's `LogExtraFields=`."""
        from systemd import journal

        name = unit.removesuffix(".service")
        app, version, process, _ = name.removeprefix("pvdify-").rsplit("-", 3)
        journal.send(
            f"{text}\n",
            CONTAINER_NAME=name,
            PRIORITY="3" if is_error else "6",
            PVDIFY_APP=app,
            PVDIFY_PROCESS=process,
            PVDIFY_RELEASE=version,
        )


class RealSecrets:
    def __init__(self) -> None:
        self.port = Sops()


class RealSeal:
    def __init__(self) -> None:
        self.port = SystemdCreds()
