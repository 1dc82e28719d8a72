"""The ingress of a tunnel that Cloudflare keeps: our rules put there, read back, and taken out again; what others put there stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import CloudflareError, CloudflareUnreachableError, PvdifyError, RefusedError
from pvdify.model.edge import EdgeKind, Managed
from pvdify.model.ingress import Ingress
from pvdify.ops.cloudflare import asking
from pvdify.ops.locking import held
from pvdify.plan.ingress import merged
from pvdify.render.edge import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pvdify.model.edge import EdgeSettings
    from pvdify.model.ingress import Tunnel
    from pvdify.model.manifest import Manifest
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.ports.edge import CloudflareSession

_ROUNDS: Final = 4


def is_remote(edge: EdgeSettings) -> bool:
    """Whether Cloudflare keeps the ingress."""
    return edge.kind is EdgeKind.CLOUDFLARED and edge.managed is Managed.REMOTE


def services(manifest: Manifest) -> dict[str, str]:
    """The service of each name: the front of its app."""
    return {rule.hostname: f"http://127.0.0.1:{rule.front}" for rule in rules(manifest.apps, manifest.edge)}


async def check_tunnel(host: Host, edge: EdgeSettings) -> Tunnel:
    """The tunnel of *edge*; raise `TunnelNotFoundError`, or `RefusedError` where Cloudflare does not keep its ingress."""
    async with asking(host) as session:
        found = await session.tunnel(edge.account or "", edge.tunnel or "")
    if not found.is_remote:
        raise RefusedError(
            f"cannot keep the rules of the tunnel {found.name} with Cloudflare: it reads a file of its own",
            hint="make it with a configuration at Cloudflare (`config_src` `cloudflare`), or say `--managed local`",
        )
    return found


async def bring(host: Host, manifest: Manifest, *, tell: Callable[[str], None]) -> None:
    """Make the tunnel lead every name of *manifest* to its front, and none of ours elsewhere; raise where it does not.

    Held: the lock on the edge. What is not sure after a change without an answer, and what somebody else changes at the same time,
    is read again and decided again.
    """
    edge = manifest.edge
    await _bring(host, edge.account or "", edge.tunnel or "", services(manifest), tell=tell)


async def leave(host: Host, running: Running, edge: EdgeSettings) -> None:
    """Take our rules out of the tunnel of *edge*, which is this host's no more; what cannot be done is told of, and no failure."""
    account, tunnel = edge.account or "", edge.tunnel or ""
    if not host.state.elsewhere.rules(account, tunnel):
        return
    try:
        async with held(host.state.try_edge_lock):
            await _bring(host, account, tunnel, {}, tell=running.note)
    except PvdifyError as error:
        running.note(f"rules of pvdify's stay in the tunnel {tunnel}: {error.message}")


async def _bring(
    host: Host, account: str, tunnel: str, wanted: Mapping[str, str], *, tell: Callable[[str], None]
) -> None:
    failure: PvdifyError | None = None
    memory = host.state.elsewhere
    async with asking(host) as session:
        for _ in range(_ROUNDS):
            found = await session.ingress(account, tunnel)
            put = memory.rules(account, tunnel)
            new = merged(found.rules, wanted, put)
            if new == found.rules:
                memory.write_rules(account, tunnel, wanted.items())
                return
            memory.write_rules(account, tunnel, put | set(wanted.items()))
            try:
                await _put(
                    session,
                    account,
                    tunnel,
                    found,
                    Ingress(version=found.version, rules=new, rest=found.rest),
                    tell=tell,
                )
            except CloudflareUnreachableError as error:
                failure = error
                tell(f"{error.message}; looking what became of it")
    raise failure or CloudflareError(
        f"cannot bring the tunnel {tunnel} to the new names: somebody else changes it at the same time",
        hint="try again when they are done",
    )


async def _put(
    session: CloudflareSession, account: str, tunnel: str, found: Ingress, new: Ingress, *, tell: Callable[[str], None]
) -> None:
    """Keep *new*, and tell where somebody has changed *found* since it was read: what they put there is gone, and nobody knows what it was."""
    version = await session.put_ingress(account, tunnel, new)
    if version > found.version + 1:
        tell(
            f"somebody changed the tunnel {tunnel} at the same moment (version {version - 1}): look whether their rules are still there"
        )
