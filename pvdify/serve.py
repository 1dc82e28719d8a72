"""The root of both services: `--role api` faces the network, `--role host` does the work. systemd starts them by their sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import ssl
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pvdify.cores import forbid_core_dumps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import anyio
    from aiohttp import web

    from pvdify.api.exchange import Requests
    from pvdify.api.gate import Gate
    from pvdify.ops.host import Host

_IDLE: Final = 30.0
_USAGE: Final = 64
_OBJECTS_AT_START: Final = 50_000
_PATIENCE: Final = 30.0
"""Seconds that running operations have to end by themselves when the service is told to go; then they are cancelled, and undo what they did."""


def main(argv: list[str]) -> int:
    """Serve until nobody needs it, or until it is told to go."""
    match argv:
        case ["--role", ("api" | "host") as role]:
            idle = _IDLE
        case ["--role", ("api" | "host") as role, "--idle", seconds]:
            idle = float(seconds)
        case _:
            sys.stderr.write("usage: python -m pvdify.serve --role api|host [--idle SECONDS]\n")
            return _USAGE
    forbid_core_dumps()
    gc.set_threshold(_OBJECTS_AT_START)  # what imports make is there to stay
    asyncio.run(_api(idle) if role == "api" else _host(idle))
    return 0


async def _api(idle: float) -> None:
    from pvdify.api.front import application
    from pvdify.api.install import CERTIFICATE, WHEELS, of_this_version

    gate, requests = _gate(), _requests("pvdifyd")
    app = application(gate, requests)
    certificate, tls = _certificate()
    app[CERTIFICATE], app[WHEELS] = certificate, of_this_version()
    async with _served(app, gate, {"api": tls}):
        await _until_idle(gate, lambda: False, idle)


async def _host(idle: float) -> None:
    import anyio

    from pvdify.api.access import Access
    from pvdify.api.host import application
    from pvdify.operations.conductor import Conductor
    from pvdify.operations.door import Door
    from pvdify.wiring import local_host

    host, gate, requests = local_host(), _gate(), _requests("pvdify-host")
    access = Access(host, admin=str(host.state.settings.run / "admin.sock"))
    async with anyio.create_task_group() as tasks, Conductor(host) as conductor:
        recovering = anyio.Event()
        tasks.start_soon(_recover, host, requests, recovering)
        async with _served(
            application(Door(host, conductor), access, gate, requests), gate, {"host": None, "admin": None}
        ):
            await _until_idle(gate, lambda: conductor.is_busy or not recovering.is_set(), idle)
        with anyio.move_on_after(_PATIENCE):
            await conductor.idle()
        conductor.cancel_all()


async def _recover(host: Host, requests: Requests, recovering: anyio.Event) -> None:
    """Finish or undo what killed processes left: whoever waits for such an operation learns its end."""
    from pvdify.errors import PvdifyError

    try:
        host.state.check()
        # nearly always there is nothing to recover: the first answer need not wait for the code of it
        if not host.state.records(unfinished_only=True):
            return
        from pvdify.ops.recover import recover_all

        await recover_all(host, lambda text: requests.send(text, SYSLOG_IDENTIFIER=requests.identifier))
    except PvdifyError as error:  # no state directory yet, say: each request is told by itself
        requests.send(error.message, SYSLOG_IDENTIFIER=requests.identifier)
    finally:
        recovering.set()


def _gate() -> Gate:
    from pvdify.api.gate import Gate

    return Gate()


def _requests(identifier: str) -> Requests:
    from pvdify.api.exchange import Requests

    # whoever sends no HTTP is answered, and not written down at length
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    return Requests(identifier, _send)


def _send(text: str, **fields: str | int) -> None:
    """Write to the journal; its library is not needed before the first answer is on its way."""
    from systemd import journal

    journal.send(text, **fields)


def _certificate() -> tuple[str, ssl.SSLContext]:
    """What systemd handed over of `/etc/pvdify/tls`: the certificate as PEM, and TLS with it."""
    credentials = Path(os.environ["CREDENTIALS_DIRECTORY"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(credentials / "tls-cert", credentials / "tls-key")
    return (credentials / "tls-cert").read_text(encoding="ascii"), context


@asynccontextmanager
async def _served(app: web.Application, gate: Gate, doors: dict[str, ssl.SSLContext | None]) -> AsyncIterator[None]:
    """Have *app* answer what comes through the sockets of those names."""
    from aiohttp import web

    from pvdify.api.protocol import protocols
    from pvdify.api.service import inherited

    runner = web.AppRunner(app, shutdown_timeout=0)  # the gate knows better
    await runner.setup()
    if runner.server is None:
        raise RuntimeError("aiohttp made no server")
    try:
        for name, sockets in inherited().items():
            for socket in sockets:
                gate.listen(socket, protocols(runner.server), tls=doors[name])
        yield
    finally:
        await runner.cleanup()


async def _until_idle(gate: Gate, is_busy: Callable[[], bool], idle: float) -> None:
    from pvdify.api.service import Service, heartbeat

    gc.freeze()  # a look for garbage does not go through all that was imported
    await Service(gate, is_busy, heartbeat=heartbeat(os.environ), idle=idle).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
