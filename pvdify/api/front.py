"""The service that faces the network: it reads a request, refuses what cannot be one, and hands the rest on with its token. It may nothing itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from yarl import URL

from pvdify.api.access import bearer
from pvdify.api.exchange import ID_HEADER, REQUEST_ID, Requests, middleware, prepared
from pvdify.api.health import health
from pvdify.api.install import script, wheel
from pvdify.api.routes import read, routes
from pvdify.errors import UnreachableError
from pvdify.operations.wire import PREFIX, Parts, parts_of

if TYPE_CHECKING:
    from pvdify.api.gate import Gate
    from pvdify.operations.table import Operation

HOST_SOCKET: Final = Path("/run/pvdify/pvdify-host.sock")
_ON: Final = ("Authorization", "Accept", "Prefer", "Idempotency-Key", "If-Match")
_BACK: Final = (
    *("Content-Type", "Location", "ETag", "WWW-Authenticate", "Retry-After", "Idempotent-Replayed", "Allow"),
    ID_HEADER,
)
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=60)


def application(gate: Gate, requests: Requests, *, host: Path = HOST_SOCKET) -> web.Application:
    """All routes of the service that faces the network."""
    app = web.Application(middlewares=[middleware(gate, requests)])
    front = _Front(gate, host)
    app.router.add_get("/health", health)
    app.router.add_get("/install.sh", script, allow_head=False)
    app.router.add_get("/install/{wheel}", wheel, allow_head=False)
    app.router.add_get(f"{PREFIX}/openapi.json", front.openapi, allow_head=False)
    app.add_routes(routes(front.serve))
    return app


@dataclass(frozen=True, slots=True)
class _Front:
    gate: Gate
    host: Path

    async def serve(self, operation: Operation[Any, Any], request: web.Request) -> web.StreamResponse:
        """Hand *request* on, written anew from what was understood of it."""
        bearer(request)
        return await self._handed_on(request, parts_of(operation, await read(operation, request)))

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """Hand on what is no operation."""
        bearer(request)
        return await self._handed_on(request, Parts(method="GET", path=f"{PREFIX}/openapi.json", headers={}))

    async def _handed_on(self, request: web.Request, parts: Parts) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _ON if name in request.headers}
        headers |= {**parts.headers, ID_HEADER: request[REQUEST_ID], "Content-Type": "application/json"}
        # a connection for each request: none is kept that the other side may be closing just now
        connector = aiohttp.UnixConnector(str(self.host), force_close=True)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=_NO_LIMIT, auto_decompress=False) as session,
                session.request(
                    parts.method,
                    URL(f"http://localhost{parts.path}?{urlencode(parts.query)}", encoded=True),
                    headers=headers,
                    data=BytesIO(parts.body) if parts.body else None,
                    allow_redirects=False,
                ) as answer,
            ):
                return await self._sent(request, answer)
        except aiohttp.ClientError as error:
            raise UnreachableError(
                f"cannot reach the host's service: {error}", hint="systemctl status pvdify-host.service"
            ) from error

    async def _sent(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        headers = {name: answer.headers[name] for name in _BACK if name in answer.headers}
        if answer.content_length is not None:
            return web.Response(status=answer.status, headers=headers, body=await answer.read())
        from pvdify.api.streams import cut_short, while_read  # anyio, which no other answer needs

        response = web.StreamResponse(status=answer.status, headers=headers)
        await prepared(request, response).prepare(request)
        async with while_read(request, self.gate):
            with suppress(ConnectionError, aiohttp.ClientError):  # the reader left, or the host's service did
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
        cut_short(request, response)
        return response
