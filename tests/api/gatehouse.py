"""A small server behind a gate, and clients that behave as no library lets them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from aiohttp import web

from pvdify.api.gate import Gate, TooSlowError, counted_as, read_body
from pvdify.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

    from pvdify.api.connection import Limits

BODY = 512 * 1024
WELL = 5.0
"""Seconds after which a test gives up on what should be there by now."""


@dataclass(slots=True)
class House:
    """What stands behind the gate: `/` answers, `/hold` does when it is released, `/stream` when the gate closes as well, `/flood` without an end."""

    gate: Gate
    released: asyncio.Event = field(default_factory=asyncio.Event)
    held: int = 0
    ended: int = 0
    answered: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[web.Server]:
        app = web.Application(middlewares=[self._exchange()])
        app.add_routes(
            [
                web.get("/", _ok),
                web.post("/", _length),
                web.get("/hold", self._hold),
                web.get("/stream", self._stream),
                web.get("/flood", self._flood),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        assert runner.server is not None
        yield runner.server
        await runner.cleanup()

    async def until(self, is_so: Callable[[House], bool]) -> None:
        async with asyncio.timeout(WELL):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()

    def _exchange(self) -> Callable[..., Coroutine[None, None, web.StreamResponse]]:
        @web.middleware
        async def exchange(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            with self.gate.serving(request):
                try:
                    response = await handler(request)
                except TooSlowError:
                    response = web.Response(status=408)
                except TooLargeError:
                    response = web.Response(status=413)
                except web.HTTPException as error:
                    response = web.Response(status=error.status)
                await self.gate.send(request, response)
                self.answered += 1
                self._changed.set()
            return response

        return exchange

    async def _hold(self, _: web.Request) -> web.Response:
        self.held += 1
        self._changed.set()
        await self.released.wait()
        self.held -= 1
        return web.Response(text="held")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin\n")
        await self.gate.closing.wait()
        await self.released.wait()
        await response.write(b"end\n")
        return response

    async def _flood(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
        self.ended += 1
        self._changed.set()
        return response


async def _ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _length(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await read_body(request, BODY))))


@dataclass(slots=True)
class Client:
    """One connection to the gate."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, listening: socket.socket, tls: ssl.SSLContext | None = None, *, source: str = "") -> Self:
        if listening.family == socket.AF_UNIX:
            return cls(*await asyncio.open_unix_connection(listening.getsockname(), ssl=tls))
        host, port = listening.getsockname()
        local = (source, 0) if source else None
        return cls(*await asyncio.open_connection(host, port, ssl=tls, local_addr=local))

    def say(self, text: str) -> None:
        self.writer.write(text.replace("\n", "\r\n").encode())

    async def ask(self, path: str = "/") -> tuple[int, str]:
        """Ask, and have the status and all that belongs to the answer."""
        self.say(f"GET {path} HTTP/1.1\nHost: pvdify\n\n")
        return await self.answer()

    async def begin_body(self, length: int) -> None:
        """Ask to send a body, and be told to go on."""
        self.say(f"POST / HTTP/1.1\nHost: pvdify\nContent-Length: {length}\nExpect: 100-continue\n\n")
        async with asyncio.timeout(WELL):
            await self.reader.readuntil(b"100 Continue\r\n\r\n")

    async def answer(self) -> tuple[int, str]:
        async with asyncio.timeout(WELL):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (line.split()[1] for line in head.lower().splitlines() if line.startswith("content-length")), "0"
            )
            return int(head.split()[1]), head + (await self.reader.readexactly(int(length))).decode()

    async def drip(self, text: str, *, every: float) -> None:
        """Send *text* one character at a time, until it is sent or nobody takes it any more."""
        with suppress(ConnectionError):
            for character in text:
                self.say(character)
                await self.writer.drain()
                await asyncio.sleep(every)

    async def rest(self) -> str:
        """What comes until the server closes the connection, in whatever way."""
        async with asyncio.timeout(WELL):
            try:
                return (await self.reader.read()).decode(errors="replace")
            except ConnectionError:
                return ""

    async def leave(self) -> None:
        """Go, whatever there is still to be said."""
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def house(
    listening: socket.socket,
    limits: Limits,
    *,
    tls: ssl.SSLContext | None = None,
    peer: Callable[[str], str | None] = counted_as,
) -> AsyncIterator[House]:
    """A house whose gate is open to *listening*, which outlives it."""
    gate = Gate(limits, peer=peer)
    found = House(gate)
    async with found.served() as server:
        gate.listen(listening, server, tls=tls)
        gate.open()
        try:
            yield found
        finally:
            found.released.set()
            await gate.finished(grace=0, patience=WELL)


def tcp() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=512)


def unix(directory: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(directory / "gate.sock"))
    listening.listen(512)
    return listening


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def client_tls(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)
