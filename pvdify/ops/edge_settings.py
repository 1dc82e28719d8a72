"""Which program is the edge, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import RefusedError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import Edge
from pvdify.model.event import Outcome
from pvdify.model.tunnel import check_credentials
from pvdify.ops.edge import follow
from pvdify.ops.host_secrets import TUNNEL, keep_host_secret
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
    program = host.edges.get(manifest.edge.kind)
    names = sum(len(names_of(row, manifest.edge)) for row in manifest.apps.values())
    return Edge(edge=manifest.edge, is_running=program is not None and await program.is_running(), names=names)


async def set_edge(host: Host, running: Running, request: SetEdge) -> Changed:
    """Put another edge in force and start it; the one before serves until then, and again if the new one does not."""
    before = host.state.current().edge
    if request.edge == before and request.credentials is None:
        text = f"the edge is {before.kind.value}, and so already"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
    if request.edge.kind is not EdgeKind.NONE and request.edge.kind not in host.edges:
        raise RefusedError(f"cannot use the edge {request.edge.kind.value}: this host has no such program")
    if request.edge.kind is not EdgeKind.NONE:
        await host.edges[request.edge.kind].version()
    await _keep_credentials(host, running, request)
    try:
        await _put(host, running, request.edge)
    except BaseException:
        with anyio.CancelScope(shield=True):
            if host.state.current().edge == request.edge:
                await _put(host, running, before)
        raise
    text = f"the edge is {request.edge.kind.value} now"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text, generation=running.generation)


async def _keep_credentials(host: Host, running: Running, request: SetEdge) -> None:
    """Keep the tunnel's credentials, encrypted and sealed for its unit; raise `SpecError` where they do not fit it, or there are none."""
    edge = request.edge
    if edge.kind is not EdgeKind.CLOUDFLARED:
        return
    if request.credentials is None:
        if not host.state.vault.has_tunnel():
            raise SpecError(
                "cannot use the tunnel: its credentials are not kept yet",
                pointer="/credentials",
                hint=f"pvdify edge:set cloudflared --tunnel {edge.tunnel} --credentials-stdin < {edge.tunnel}.json",
            )
        return
    check_credentials(request.credentials, edge)
    async with running.step("credentials"):
        data = request.credentials.encode()
        await keep_host_secret(host, TUNNEL, data, actor=running.actor)
        host.state.vault.write_tunnel(await host.seal.seal(TUNNEL, data, key=host.state.vault.settings().seal))


async def _put(host: Host, running: Running, edge: EdgeSettings) -> None:
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
        await follow(host)
