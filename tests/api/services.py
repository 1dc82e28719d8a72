"""Both services, running on real sockets over a host in memory: in a thread with an event loop of its own, as they are in processes of their own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from pvdify.api import front, host
from pvdify.api.access import Access
from pvdify.api.exchange import Requests
from pvdify.api.gate import Gate
from pvdify.api.install import CERTIFICATE, WHEELS
from pvdify.api.protocol import protocols
from pvdify.model.place import Place
from pvdify.operations.conductor import Conductor
from pvdify.operations.door import Door
from pvdify.ops.host import Host
from pvdify.store.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.store.paths import Settings
    from tests.fakes import FakeHost


@dataclass(slots=True)
class Services:
    """The two services of one host: *url* faces the network, *admin* is the host's own socket."""

    directory: Path
    settings: Settings
    fake: FakeHost
    certificate: Path
    door: type[Door] = Door
    port: int = 0
    journal: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the network asks."""
        return f"https://localhost:{self.port}"

    @property
    def admin(self) -> Path:
        """Where operators ask."""
        return self.settings.run / "admin.sock"

    @property
    def inner(self) -> Path:
        """Where the service that faces the network asks."""
        return self.settings.run / "pvdify-host.sock"

    def host(self) -> Host:
        """The host, as a process of the services sees it."""
        place = Place(state=str(self.settings.state), run=str(self.settings.run))
        return Host(ports=self.fake.ports, state=State(self.settings), place=place)


@contextmanager
def served(directory: Path, settings: Settings, fake: FakeHost, *, door: type[Door] = Door) -> Iterator[Services]:
    """Both services of *fake*, until the block ends; they end as they do on a signal."""
    services = Services(directory, settings, fake, certificate(directory), door)
    ready = threading.Event()
    stop: list[Any] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(services, ready, stop)), daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the services did not start")
    try:
        yield services
    finally:
        loop, event = stop
        loop.call_soon_threadsafe(event.set)
        thread.join(20)
        assert not thread.is_alive()


def certificate(directory: Path) -> Path:
    """A certificate for localhost with its key in one file, made as `make install` makes one."""
    path = directory / "tls.pem"
    if not path.exists():
        key, cert = directory / "key.pem", directory / "cert.pem"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", str(key), "-out", str(cert)),
            ],
            check=True,
            capture_output=True,
        )
        path.write_bytes(cert.read_bytes() + key.read_bytes())
    return path


async def _serve(services: Services, ready: threading.Event, stop: list[Any]) -> None:
    event = asyncio.Event()
    stop.extend((asyncio.get_running_loop(), event))
    requests = Requests("test", lambda text, **fields: services.journal.append({"MESSAGE": text, **fields}))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(services.certificate)
    tcp = socket.create_server(("127.0.0.1", 0), backlog=512)
    services.port = tcp.getsockname()[1]
    machine = services.host()
    inner, outer = Gate(), Gate()
    async with Conductor(machine) as conductor:
        access = Access(machine, admin=str(services.admin))
        app = host.application(services.door(machine, conductor), access, inner, requests)
        facing = front.application(outer, requests, host=services.inner)
        facing[CERTIFICATE] = services.certificate.read_text()
        facing[WHEELS] = services.directory
        runners = [web.AppRunner(one, shutdown_timeout=0) for one in (app, facing)]
        for runner in runners:
            await runner.setup()
        assert runners[0].server is not None
        assert runners[1].server is not None
        listening = [tcp, *(_unix(path) for path in (services.inner, services.admin))]
        for one in listening[1:]:
            inner.listen(one, protocols(runners[0].server))
        outer.listen(tcp, protocols(runners[1].server), tls=context)
        inner.open()
        outer.open()
        ready.set()
        await event.wait()
        await outer.finished(patience=5)
        await inner.finished(patience=5)
        for runner in runners:
            await runner.cleanup()
        for one in listening:
            one.close()
        conductor.cancel_all()


def _unix(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen(512)
    return listening
