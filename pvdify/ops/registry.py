"""Logins for private registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import NotFoundError
from pvdify.model.answers import Registries

if TYPE_CHECKING:
    from pvdify.model.requests import Login, Logout, Nothing
    from pvdify.ops.host import Host


async def login(host: Host, request: Login) -> Registries:
    """Prove the login at the registry, and keep it for pulls."""
    await host.podman.login(request.registry, request.user, request.password, auth_file=host.state.auth_file())
    return await _known(host)


async def list_logins(host: Host, _request: Nothing) -> Registries:
    """The registries that the host has a login for."""
    return await _known(host)


async def logout(host: Host, request: Logout) -> Registries:
    """Forget a login."""
    if not host.state.forget_login(request.registry):
        raise NotFoundError(
            f"cannot log out of {request.registry}: there is no login for it",
            hint="pvdify registry:list",
        )
    return await _known(host)


async def _known(host: Host) -> Registries:
    return Registries(registries=host.state.logins())
