"""Cloudflare's account: the token for it, and what it reaches."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import CloudflareLoginError, NotFoundError, ZoneNotFoundError
from pvdify.model.cloudflare import Records, Zones
from pvdify.model.domain import domain_name
from pvdify.ops.host_secrets import host_secret, host_secret_names, keep_host_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.caller import Caller
    from pvdify.model.cloudflare import Record
    from pvdify.model.cloudflare_requests import ForZone, LoginToCloudflare
    from pvdify.model.requests import Nothing
    from pvdify.ops.host import Host
    from pvdify.ports.edge import CloudflareSession

TOKEN: Final = "cloudflare-token"  # noqa: S105 - its name among the host's secrets


@asynccontextmanager
async def asking(host: Host) -> AsyncIterator[CloudflareSession]:
    """Ask Cloudflare with the token that is kept; raise `CloudflareLoginError` where there is none."""
    token = await host_secret(host, TOKEN)
    if token is None:
        raise CloudflareLoginError("ask Cloudflare", "this host has no token for it")
    async with host.cloudflare.session(token.decode()) as session:
        yield session


async def has_token(host: Host) -> bool:
    """Whether a token is kept."""
    return TOKEN in await host_secret_names(host)


async def login(host: Host, request: LoginToCloudflare, caller: Caller) -> Zones:
    """Prove the token, and keep it; an earlier one stays where the new one is no good."""
    refusal = None
    async with host.cloudflare.session(request.token) as session:
        try:
            await session.verify()
        except CloudflareLoginError as error:
            refusal = error  # so is one that an account owns, and that works all the same
        zones = await session.zones()
    if refusal and not zones:
        raise refusal
    await keep_host_secrets(host, {TOKEN: request.token.encode()}, actor=caller.name)
    return Zones(zones=tuple(sorted(zones, key=lambda zone: zone.name)))


async def logout(host: Host, _request: Nothing, caller: Caller) -> Zones:
    """Forget the token; what was made with it stays."""
    if not await has_token(host):
        raise NotFoundError("cannot log out of Cloudflare: there is no token for it")
    await keep_host_secrets(host, {TOKEN: None}, actor=caller.name)
    return Zones(zones=())


async def list_zones(host: Host, _request: Nothing) -> Zones:
    """The zones that the token reaches, by name."""
    async with asking(host) as session:
        return Zones(zones=tuple(sorted(await session.zones(), key=lambda zone: zone.name)))


async def list_records(host: Host, request: ForZone) -> Records:
    """The records of a zone, by name, and whose app pvdify made which of them for."""
    name = domain_name(request.zone)
    async with asking(host) as session:
        zone = next((one for one in await session.zones() if one.name == name), None)
        if zone is None:
            raise ZoneNotFoundError(name)
        found = await session.records(zone.id)
    apps = host.state.current().apps
    made = [one for app in apps for one in host.state.elsewhere.records(app)]

    def told(record: Record) -> Record:
        owner = next((one.app for one in made if one.is_of(record)), "")
        return msgspec.structs.replace(record, app=owner)

    return Records(
        zone=name, records=tuple(sorted(map(told, found), key=lambda one: (one.name, one.type, one.content)))
    )
