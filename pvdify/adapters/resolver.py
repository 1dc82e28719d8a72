"""Where names lead: the resolver of this machine, and the addresses that it sends from."""

from __future__ import annotations

import socket
from typing import Final

import anyio

from pvdify.errors import HostError

_ANYWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that nobody has: what would be sent there takes the way to the public."""
_NOWHERE: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})


class SystemResolver:
    """`Resolver` of this machine."""

    async def resolve(self, name: str) -> tuple[str, ...]:
        try:
            # the dot at the end: as the public sees it, and not with this machine's own endings
            found = await anyio.getaddrinfo(f"{name}.", None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in _NOWHERE:
                return ()
            raise HostError(f"cannot ask where {name} leads: {(error.strerror or 'it failed').lower()}") from error
        addresses = sorted((family is socket.AF_INET6, str(where[0])) for family, *_, where in found)
        return tuple(dict.fromkeys(address for _, address in addresses))

    async def addresses(self) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(address for family, there in _ANYWHERE if (address := _source(family, there)))


def _source(family: int, there: str) -> str:
    """The address that a datagram to *there* would be sent from; none is sent. Empty where there is no way."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
