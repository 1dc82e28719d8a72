"""`GET /health`, and how any answer is put into words: all that a service needs for its first one."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

import pvdify
from pvdify.model.answers import Health

_JSON: Final = "application/json"


async def health(_request: web.Request) -> web.Response:
    """Say that the service is there."""
    return answered(Health(status="ok", version=pvdify.__version__))


def answered(answer: object, *, status: int = 200, media: str | None = None) -> web.Response:
    """*answer* as JSON, or as text of the type *media*."""
    if isinstance(answer, str):
        return web.Response(
            body=answer.encode(), status=status, headers={"Content-Type": media or "text/plain; charset=utf-8"}
        )
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type=_JSON)
