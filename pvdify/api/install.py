"""`GET /install.sh`: put the command line on somebody's machine, and point it at this host."""

from __future__ import annotations

import re
import shlex
import ssl
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from aiohttp import web

import pvdify
from pvdify.api.exchange import prepared
from pvdify.errors import StateError
from pvdify.model.patterns import closed

WHEELS: Final = web.AppKey("wheels", Path)
"""Where the wheel of this version lies."""
CERTIFICATE: Final = web.AppKey("certificate", str)
"""The certificate that the service shows, as PEM; empty where it speaks without TLS."""
_VALUES: Final = "url='' wheel='' sum='' fingerprint=''\n"
_PIECE: Final = 16 * 1024
_END: Final = "-----END CERTIFICATE-----"
_HOST: Final = re.compile(closed(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?"))


def of_this_version() -> Path:
    """Where `make install` put the wheel beside what it installed from it."""
    return Path(sys.prefix) / "share"


async def script(request: web.Request) -> web.Response:
    """A shell script for whoever asks, with the address that they asked at."""
    host = request.headers.get("Host", "")
    if not _HOST.search(host):
        raise web.HTTPBadRequest
    path = _wheel(request.app)
    certificate = request.app[CERTIFICATE]
    fingerprint = sha256(ssl.PEM_cert_to_DER_cert(_own(certificate))).hexdigest() if certificate else ""
    values = {
        "url": f"{request.scheme}://{host}",
        "wheel": path.name,
        "sum": sha256(_read(path)).hexdigest(),
        "fingerprint": fingerprint,
    }
    text = files("pvdify.api").joinpath("install.sh").read_text(encoding="utf-8")
    head = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return web.Response(
        body=text.replace(_VALUES, head).encode(),
        headers={"Content-Type": "text/x-shellscript; charset=utf-8"},
    )


async def wheel(request: web.Request) -> web.StreamResponse:
    """The wheel that the script installs."""
    path = _wheel(request.app)
    if request.match_info["wheel"] != path.name:
        raise web.HTTPNotFound
    data = memoryview(_read(path))
    response = web.StreamResponse(headers={"Content-Type": "application/zip", "Content-Length": str(len(data))})
    await prepared(request, response).prepare(request)
    with suppress(ConnectionError):
        for start in range(0, len(data), _PIECE):  # whoever reads slowly holds a piece, not a copy
            await response.write(data[start : start + _PIECE])
        await response.write_eof()
    return response


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def _own(certificates: str) -> str:
    """The host's own certificate, which comes first; those of its issuers may follow."""
    return certificates.partition(_END)[0] + _END


def _wheel(app: web.Application) -> Path:
    path = app[WHEELS] / f"pvdify-{pvdify.__version__}-py3-none-any.whl"
    if not path.is_file():
        raise StateError(
            "cannot offer an installer: this host has no wheel of its own", hint="install pvdify with `make install`"
        )
    return path
