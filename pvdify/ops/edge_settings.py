"""Which program is the edge, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import RefusedError
from pvdify.model.answers import Changed
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import Edge
from pvdify.model.event import Outcome
from pvdify.ops.domains import check_owner
from pvdify.ops.edge import follow
from pvdify.ops.publish import publish
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
    if request.edge == before:
        text = f"the edge is {before.kind.value}, and so already"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
    if request.edge.kind is not EdgeKind.NONE and request.edge.kind not in host.edges:
        raise RefusedError(f"cannot use the edge {request.edge.kind.value}: this host has no such program")
    try:
        await _put(host, running, request.edge)
    except BaseException:
        with anyio.CancelScope(shield=True):
            if host.state.current().edge == request.edge:
                await _put(host, running, before)
        raise
    text = f"the edge is {request.edge.kind.value} now"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text, generation=running.generation)


async def _put(host: Host, running: Running, edge: EdgeSettings) -> None:
    async def nothing(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        for row in manifest.apps.values():
            check_owner(manifest.apps.values(), edge, row.name, row.domains)
        return None

    async with running.step("switch"):
        await publish(host, running, app="", change=nothing, reason=f"edge {edge.kind.value}", edge=edge)
    async with running.step("edge"):
        await follow(host)
