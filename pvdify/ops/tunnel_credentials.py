"""The credentials of tunnels: kept among the host's secrets, by the tunnel that they are of, and sealed for the unit that runs the host's one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model.edge import EdgeKind
from pvdify.ops.host_secrets import host_secret, host_secret_names, keep_host_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.edge import EdgeSettings
    from pvdify.ops.host import Host

_UNIT: Final = "pvdify-tunnel"
"""Under this name the unit opens them."""
_PREFIX: Final = "tunnel-"


async def are_kept(host: Host, edge: EdgeSettings) -> bool:
    """Whether there are credentials of the tunnel of *edge*; nothing is opened."""
    return are_among(await host_secret_names(host), edge)


def are_among(names: Iterable[str], edge: EdgeSettings) -> bool:
    """Whether secrets of a host that are called *names* have those of the tunnel of *edge*."""
    return edge.kind is EdgeKind.CLOUDFLARED and _name(edge) in names


async def kept_credentials(host: Host, edge: EdgeSettings) -> bytes | None:
    """The credentials of the tunnel of *edge*; None if there are none."""
    return await host_secret(host, _name(edge)) if edge.kind is EdgeKind.CLOUDFLARED else None


async def keep_credentials(host: Host, edge: EdgeSettings, text: bytes | None, *, actor: str) -> None:
    """Keep *text* as the credentials of the tunnel of *edge*, in the place of earlier ones; None forgets them."""
    await keep_host_secrets(host, {_name(edge): text}, actor=actor)


async def forget_other_credentials(host: Host, edge: EdgeSettings, *, actor: str) -> None:
    """Forget those of every other tunnel than that of *edge*."""
    others = [name for name in await host_secret_names(host) if name.startswith(_PREFIX) and name != _name(edge)]
    if others:
        await keep_host_secrets(host, dict.fromkeys(others), actor=actor)


async def seal_credentials(host: Host, edge: EdgeSettings) -> None:
    """Seal what is kept for the unit that runs the tunnel of *edge*; where the host runs none, the unit has nothing to open."""
    credentials = await kept_credentials(host, edge)
    if credentials is None:
        host.state.vault.remove_tunnel()
        return
    key = host.state.vault.settings().seal
    host.state.vault.write_tunnel(await host.seal.seal(_UNIT, credentials, key=key))


def _name(edge: EdgeSettings) -> str:
    return f"{_PREFIX}{edge.tunnel}"
