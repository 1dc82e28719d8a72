"""Logins for private registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import NotFoundError
from pvdify.model.answers import Registries
from pvdify.ops.host_secrets import keep_logins, logins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.caller import Caller
    from pvdify.model.requests import Login, Logout, Nothing
    from pvdify.ops.host import Host


async def login(host: Host, request: Login, caller: Caller) -> Registries:
    """Prove the login at the registry, and keep it for pulls."""
    await host.podman.login(request.registry, request.user, request.password)
    login = f"{request.user}:{request.password}"
    return _named(await keep_logins(host, {request.registry: login}, actor=caller.name))


async def list_logins(host: Host, _request: Nothing) -> Registries:
    """The registries that the host has a login for."""
    return _named(await logins(host))


async def logout(host: Host, request: Logout, caller: Caller) -> Registries:
    """Forget a login."""
    if request.registry not in await logins(host):
        raise NotFoundError(
            f"cannot log out of {request.registry}: there is no login for it",
            hint="see `pvdify registry:list`",
        )
    return _named(await keep_logins(host, {request.registry: None}, actor=caller.name))


def _named(known: Iterable[str]) -> Registries:
    return Registries(registries=tuple(sorted(known)))
