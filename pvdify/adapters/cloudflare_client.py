"""Cloudflare's official client, held to what the host's operator trusts and to nothing that stands in the environment.

Its verbs are called, and its resources left alone: those that are needed would take a second and 50 MB more to import.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import HostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cloudflare import AsyncCloudflare

_CONNECTS_FOR: Final = 10.0
_BUNDLES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@asynccontextmanager
async def connected(token: str, *, address: str, patience: float) -> AsyncIterator[AsyncCloudflare]:
    """Have the client meanwhile. It is imported beside whatever else goes on: that takes half a second."""
    async with await anyio.to_thread.run_sync(_client, token, address, patience) as client:
        yield client


def _client(token: str, address: str, patience: float) -> AsyncCloudflare:
    """The official client, which gets nothing from the environment: no other token, address, proxy or authority."""
    import httpx
    from cloudflare import AsyncCloudflare

    limit = httpx.Timeout(patience, connect=min(patience, _CONNECTS_FOR))
    verify = authorities() if address.startswith("https:") else False
    transport = httpx.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=limit)
    client = AsyncCloudflare(
        api_token=token,
        base_url=address,
        timeout=limit,
        max_retries=0,
        default_headers={"Authorization": f"Bearer {token}"},
        http_client=transport,
    )
    client.api_email = client.api_key = client.user_service_key = None
    return client


def authorities() -> ssl.SSLContext:
    """Whom the system trusts. The environment is not asked: it says of the service that it trusts nobody."""
    paths = ssl.get_default_verify_paths()
    bundle = next((path for path in (paths.openssl_cafile, *_BUNDLES) if Path(path).is_file()), None)
    if bundle is None:
        raise HostError(
            "cannot trust Cloudflare: this system has no certificates of authorities",
            hint="install the package ca-certificates",
        )
    return ssl.create_default_context(cafile=bundle)
