"""HTTP as both services speak it: aiohttp's, but that what is no HTTP at all is answered with a problem, too."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from aiohttp.http_exceptions import LineTooLong
from aiohttp.web import RequestHandler

from pvdify.api.exchange import REQUEST_ID, prepared, refused
from pvdify.operations.problem import protocol_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

LONGEST_LINE: Final = 16 * 1024
"""Bytes of a path with its query: the longest text that may be looked for in logs, each character of it in 12 bytes, fits in."""
_LONG: Final = (431, "cannot read a request with a line this long")
_BROKEN: Final = (400, "cannot read this as HTTP")
_NEVER: Final = 3600.0
"""Seconds after which aiohttp would close an idle connection; the gate does so before."""


class Protocol(RequestHandler):
    """aiohttp's protocol of one connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read as a request; the connection is closed behind it."""
        if status != 400 or request.writer.output_size > 0:  # noqa: PLR2004 - HTTP's number
            return super().handle_error(request, status, exc, message)
        request[REQUEST_ID] = secrets.token_urlsafe(12)
        found, detail = _LONG if isinstance(exc, LineTooLong) else _BROKEN
        response = refused(protocol_problem(found, detail, request_id=request[REQUEST_ID]))
        response.force_close()
        return prepared(request, response)


def protocols(server: web.Server) -> Callable[[], asyncio.Protocol]:
    """What makes a protocol for each connection to *server*."""
    return lambda: Protocol(
        server,
        loop=asyncio.get_running_loop(),
        access_log=None,  # type: ignore[arg-type]  # aiohttp itself allows it
        keepalive_timeout=_NEVER,
        max_line_size=LONGEST_LINE,
        # a kilobyte that becomes a megabyte would keep all others waiting, and no operation needs it
        auto_decompress=False,
    )
