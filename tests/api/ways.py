"""Ways to a house: over TCP, TLS and a unix socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pvdify.api.connection import Limits
from tests.api.gatehouse import Client, House, house

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

SOON = 0.1
PATIENT = Limits()
HEAD = "GET / HTTP/1.1\nHost: pvdify\n"
ASK = f"{HEAD}\n"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the house: its socket, and the TLS of both sides."""

    listening: socket.socket
    server: ssl.SSLContext | None = None
    client: ssl.SSLContext | None = None
    _came: list[Client] = field(default_factory=list)

    async def come(self) -> Client:
        self._came.append(await Client.to(self.listening, self.client))
        return self._came[-1]

    async def come_without_tls(self, *, source: str = "") -> Client:
        self._came.append(await Client.to(self.listening, source=source))
        return self._came[-1]

    async def asked_once(self) -> int:
        """Ask once, over a connection that is made for it; the status."""
        client = await self.come()
        status, _ = await client.ask()
        await client.leave()
        return status

    async def leave(self) -> None:
        """Have all who came go, whatever they were doing."""
        while self._came:
            await self._came.pop().leave()

    def visit(
        self,
        visit: Callable[[House], Awaitable[T]],
        limits: Limits = PATIENT,
        *,
        peer: Callable[[str], str | None] | None = None,
    ) -> T:
        """What *visit* finds in a house with those limits."""

        async def visited() -> T:
            async with house(self.listening, limits, tls=self.server, **({"peer": peer} if peer else {})) as found:
                try:
                    return await visit(found)
                finally:
                    await self.leave()

        return asyncio.run(visited())
