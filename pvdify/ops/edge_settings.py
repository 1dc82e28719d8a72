"""Which program is the edge, and how."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import RefusedError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import Edge
from pvdify.model.event import Outcome
from pvdify.model.tunnel import check_credentials
from pvdify.ops.edge import follow, runs
from pvdify.ops.host_secrets import TUNNEL, host_secret, keep_host_secret
from pvdify.ops.ingress import check_tunnel, is_remote, leave
from pvdify.ops.publish import publish
from pvdify.ops.reload import reload_router
from pvdify.plan.domains import check_owner
from pvdify.render.edge import names_of

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import Nothing, SetEdge
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def show_edge(host: Host, _request: Nothing) -> Edge:
    """The edge in force."""
    manifest = host.state.current()
    names = sum(len(names_of(row, manifest.edge)) for row in manifest.apps.values())
    return Edge(edge=manifest.edge, is_running=await runs(host, manifest), names=names)


async def set_edge(host: Host, running: Running, request: SetEdge) -> Changed:
    """Put another edge in force and start it; the one before serves until then, and again if the new one does not."""
    before = host.state.current().edge
    if request.edge == before and request.credentials is None:
        text = f"the edge is {before.kind.value}, and so already"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
    if request.edge.kind is not EdgeKind.NONE and request.edge.kind not in host.edges:
        raise RefusedError(f"cannot use the edge {request.edge.kind.value}: this host has no such program")
    if is_remote(request.edge):
        async with running.step("tunnel"):
            await check_tunnel(host, request.edge)
    elif request.edge.kind is not EdgeKind.NONE:
        await host.edges[request.edge.kind].version()
    credentials = await _credentials(host, request)
    if credentials is not None and is_remote(request.edge):
        await host.edges[request.edge.kind].version()
    await _keep_credentials(host, running, request, credentials)
    try:
        await _put(host, running, request.edge, again=request.credentials is not None)
    except BaseException:
        with anyio.CancelScope(shield=True):
            if host.state.current().edge == request.edge:
                await _put(host, running, before)
                await _left(host, running, request.edge, for_=before)
        raise
    await _left(host, running, before, for_=request.edge)
    text = f"the edge is {request.edge.kind.value} now"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text, generation=running.generation)


async def _left(host: Host, running: Running, edge: EdgeSettings, *, for_: EdgeSettings) -> None:
    """Take our rules out of the tunnel of *edge*, unless the other one still tells it the names."""
    if is_remote(edge) and not (is_remote(for_) and (edge.account, edge.tunnel) == (for_.account, for_.tunnel)):
        async with running.step("leave"):
            await leave(host, running, edge)


async def _credentials(host: Host, request: SetEdge) -> str | None:
    """The tunnel's credentials, given or kept; raise `SpecError` where they do not fit it, or there are none.

    A tunnel that Cloudflare keeps may do without: then somebody else runs it, and pvdify only tells it the names.
    """
    edge = request.edge
    if edge.kind is not EdgeKind.CLOUDFLARED:
        return None
    if request.credentials is not None:
        check_credentials(request.credentials, edge)
        return request.credentials
    kept = await host_secret(host, TUNNEL)
    with suppress(SpecError):
        if kept is not None:
            check_credentials(kept.decode(), edge)
            return kept.decode()
    if is_remote(edge):
        return None
    raise SpecError(
        "cannot use the tunnel: its credentials are not kept yet",
        pointer="/credentials",
        hint=f"pvdify edge:set cloudflared --tunnel {edge.tunnel} --credentials-stdin < {edge.tunnel}.json",
    )


async def _keep_credentials(host: Host, running: Running, request: SetEdge, text: str | None) -> None:
    """Keep *text*, encrypted, and sealed for the unit that runs the tunnel."""
    if request.edge.kind is not EdgeKind.CLOUDFLARED:
        return
    if text is None:
        host.state.vault.remove_tunnel()
        return
    async with running.step("credentials"):
        if request.credentials is not None:
            await keep_host_secret(host, TUNNEL, text.encode(), actor=running.actor)
        host.state.vault.write_tunnel(await host.seal.seal(TUNNEL, text.encode(), key=host.state.vault.settings().seal))


async def _put(host: Host, running: Running, edge: EdgeSettings, *, again: bool = False) -> None:
    async def nothing(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        for row in manifest.apps.values():
            check_owner(manifest.apps.values(), edge, row.name, row.domains)
        return None

    async with running.step("switch"):
        await publish(host, running, app="", change=nothing, reason=f"edge {edge.kind.value}", edge=edge)
    async with running.step("route"):
        await reload_router(host)
    async with running.step("edge"):
        await follow(host, again=again, tell=running.note)
