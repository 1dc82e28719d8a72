"""A host on a real socket that answers what it was told to: in a thread with an event loop of its own, as a host has a process of its own."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from pvdify.client.address import RemoteHost
from pvdify.operations.problem import MEDIA, problem_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from pvdify.operations.problem import Problem

    Step = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def what(self) -> str:
        """Its method and path."""
        return f"{self.method} {self.path}"


@dataclass
class CannedHost:
    """What is answered to which request: one step each time it comes, the last one from then on."""

    steps: dict[str, list[Step]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def on(self, what: str, *steps: Step) -> None:
        """Answer `GET /apps` and its like with *steps*."""
        method, _, path = what.partition(" ")
        self.steps[f"{method} /api/v1{path}"] = list(steps)

    def times(self, what: str) -> int:
        """How often it came."""
        method, _, path = what.partition(" ")
        return sum(one.what == f"{method} /api/v1{path}" for one in self.seen)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.raw_path.partition("?")[0],
            dict(request.query),
            request.headers,
            await request.read(),
        )
        self.seen.append(seen)
        steps = self.steps[seen.what]
        return await (steps.pop(0) if len(steps) > 1 else steps[0])(request)


def answers(value: object, status: int = 200, **headers: str) -> Step:
    """JSON."""

    async def step(_request: web.Request) -> web.Response:
        return web.Response(
            body=msgspec.json.encode(value), status=status, content_type="application/json", headers=headers
        )

    return step


def says(text: str, status: int = 200, media: str = "text/plain") -> Step:
    """Anything else."""

    async def step(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=media)

    return step


def refuses(error: BaseException | Problem) -> Step:
    """A problem."""
    problem = problem_of(error) if isinstance(error, BaseException) else error

    async def step(_request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(problem), status=problem.status, content_type=MEDIA)

    return step


async def breaks(request: web.Request) -> web.Response:
    """Nothing: the connection is reset."""
    _abort(request)
    return web.Response()


def streams(*pieces: str | msgspec.Struct, then_breaks: bool = False, then_hangs: bool = False) -> Step:
    """Server-sent events: structs with their cursor, and text as it is."""

    async def step(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            text = piece.encode() if isinstance(piece, str) else b"data: " + msgspec.json.encode(piece) + b"\n\n"
            await response.write(text)
        if then_hangs:
            await asyncio.sleep(60)
        if then_breaks:
            _abort(request)
        return response

    return step


def _abort(request: web.Request) -> None:
    transport: Any = request.transport
    transport.abort()


@dataclass(frozen=True, slots=True)
class Identity:
    """A key and its certificate."""

    certificate: Path
    key: Path

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.read_text()


def identity(directory: Path, name: str = "pvdify", *, names: str = "DNS:elsewhere.example") -> Identity:
    """A certificate of one's own, as `make install` makes one."""
    made = Identity(directory / f"{name}.pem", directory / f"{name}.key")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(made.key), "-out", str(made.certificate), "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName={names}"),
        ],
        check=True,
        capture_output=True,
    )
    return made


@contextmanager
def served(host: CannedHost, *, socket: Path | None = None, shows: Identity | None = None) -> Iterator[RemoteHost]:
    """*host* on a unix *socket*, or on a port of this machine, with TLS where it *shows* a certificate."""
    ready, address, ends = threading.Event(), [], []

    async def run() -> None:
        stop = asyncio.Event()
        ends.append((asyncio.get_running_loop(), stop))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", host.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        if socket is not None:
            await web.UnixSite(runner, str(socket)).start()
            address.append(f"unix://{socket}")
        else:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_context(shows))
            await site.start()
            port = runner.addresses[0][1]
            address.append(f"https://localhost:{port}" if shows else f"http://127.0.0.1:{port}")
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield RemoteHost(url=address[0], token="pvd_secret")  # noqa: S106 - nobody's
    finally:
        loop, stop = ends[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


def _context(shows: Identity | None) -> ssl.SSLContext | None:
    if shows is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shows.certificate, shows.key)
    return context
