"""Routes, made of the table; and a request of HTTP, read and proven as the table says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from pvdify.api.exchange import OPERATION
from pvdify.api.gate import read_body
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.wire import PREFIX, request_of

if TYPE_CHECKING:
    from pvdify.operations.table import Operation, Q

# Any: each operation has types of its own, and a service treats all alike
Serve = Callable[["Operation[Any, Any]", web.Request], Awaitable[web.StreamResponse]]

_JSON: Final = frozenset({"", "application/json", "application/octet-stream", "application/x-www-form-urlencoded"})
"""The types that a body may bear: `curl -d` calls every body a form."""
_PLAIN: Final = "identity"


def routes(serve: Serve) -> list[web.RouteDef]:
    """A route for each operation that has one."""
    found = []
    for operation in OPERATIONS.values():
        if operation.route is not None:
            handler = _handler(operation, serve)
            options = {"allow_head": False} if operation.route.method == "GET" else {}
            found.append(web.route(operation.route.method, f"{PREFIX}{operation.route.path}", handler, **options))
    return found


async def read(operation: Operation[Q, Any], request: web.Request) -> Q:
    """What *request* asks of *operation*; raise `SpecError` or `TooLargeError`, or 408 and 415 as HTTP knows them."""
    route = operation.route
    body = await read_body(request, route.body_limit) if route is not None and request.can_read_body else b""
    media = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if body and (media not in _JSON or request.headers.get("Content-Encoding", _PLAIN).lower() != _PLAIN):
        raise web.HTTPUnsupportedMediaType
    return request_of(
        operation, path=request.match_info, query=request.query.items(), headers=request.headers, body=body
    )


def _handler(operation: Operation[Any, Any], serve: Serve) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        request[OPERATION] = operation.name
        return await serve(operation, request)

    return handler
