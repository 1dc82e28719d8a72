"""Ports of the machine that the tests run on."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from pvdify.adapters.sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream


class RealNetwork:
    def __init__(self) -> None:
        self.port = Sockets()

    @asynccontextmanager
    async def answers(self, status: int, headers: dict[str, str], body: str) -> AsyncIterator[int]:
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        async with raw(f"HTTP/1.1 {status} Whatever\r\n{fields}Content-Length: {len(body)}\r\n\r\n{body}") as port:
            yield port

    def is_closed(self) -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])


@asynccontextmanager
async def raw(answer: str | bytes, *, stays: bool = False) -> AsyncIterator[int]:
    """A port that says *answer* to whatever comes, and hangs up unless it *stays*."""

    async def say(stream: SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):  # it hung up first
                await stream.receive()
                await stream.send(answer.encode() if isinstance(answer, str) else answer)
                if stays:
                    await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, say)
        yield int(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610 -- not Django's
        tasks.cancel_scope.cancel()
