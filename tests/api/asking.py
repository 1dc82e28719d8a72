"""Whoever asks the services: requests over a real socket, and what came back."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from yarl import URL

from pvdify.operations.wire import PREFIX
from tests.api.services import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from tests.api.services import Services
    from tests.cli.shell import Shell


@dataclass(frozen=True, slots=True)
class Got:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, which is a JSON object."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody with a connection to one of the services."""

    session: aiohttp.ClientSession
    base: str

    async def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Got:
        """Ask, with a body of JSON (or of bytes, as they are); `_` in a header's name stands for `-`."""
        data = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, URL(f"{self.base}{PREFIX}{path}", encoded=True), data=_stream(data), headers=named
        ) as answer:
            got = Got(answer.status, answer.headers.copy(), await answer.read())
        if got.status == 413:
            await asyncio.sleep(0.1)  # aiohttp lets go of a connection that did not take its body only a moment later
        return got


def _stream(data: bytes | None) -> BytesIO | None:
    """*data* as aiohttp wants to have what is large."""
    return None if data is None else BytesIO(data)


@asynccontextmanager
async def operator(services: Services) -> AsyncIterator[Asking]:
    """Somebody on the host's own socket."""
    connector = aiohttp.UnixConnector(str(services.admin), limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Asking(session, "http://localhost")


@asynccontextmanager
async def holder(services: Services, token: str) -> AsyncIterator[Asking]:
    """Somebody with a token, out in the network."""
    connector = aiohttp.TCPConnector(ssl=False, limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as session:
        yield Asking(session, services.url)


def asked(shell: Shell, directory: Path, ask: Callable[[Asking], Awaitable[Any]]) -> Any:
    """What *ask* answers, asked as operator of services of *shell*'s host that live as long as it takes."""

    async def once() -> Any:
        async with operator(services) as asking:
            return await ask(asking)

    with served(directory, shell.settings, shell.fake) as services:
        return asyncio.run(once())


async def ended(ask: Asking, got: Got) -> dict[str, Any]:
    """The end of the operation that *got* names."""
    assert 202 == got.status, got.body
    location = got.headers["Location"].removeprefix("/api/v1")
    await ask("GET", f"{location}/events")
    return (await ask("GET", location)).json
