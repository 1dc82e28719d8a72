"""Which program is the edge, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import PvdifyError, RefusedError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import Edge
from pvdify.model.event import Outcome
from pvdify.model.tunnel import check_credentials
from pvdify.ops.edge import edge_amiss, follow, forget, remember, runs
from pvdify.ops.ingress import check_tunnel, is_remote, leave
from pvdify.ops.publish import publish
from pvdify.ops.reload import is_router_behind, reload_router
from pvdify.ops.tunnel_credentials import forget_other_credentials, keep_credentials, kept_credentials
from pvdify.plan.domains import check_owner
from pvdify.render.edge import names_of

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.edge_requests import SetEdge
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import Nothing
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def show_edge(host: Host, _request: Nothing) -> Edge:
    """The edge in force."""
    manifest = host.state.current()
    names = sum(len(names_of(row, manifest.edge)) for row in manifest.apps.values())
    return Edge(edge=manifest.edge, is_running=await runs(host, manifest), names=names)


async def set_edge(host: Host, running: Running, request: SetEdge) -> Changed:
    """Put another edge in force and start it; the one before serves until then, and again if the new one does not."""
    parent = host.state.current()
    before, amiss = parent.edge, await edge_amiss(host, parent)
    is_read = not await host.router.is_running() or not await is_router_behind(host)
    if request.edge == before and request.credentials is None and is_read and not amiss:
        text = f"the edge is {before.kind.value}, and so already"
        return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
    if is_remote(request.edge):
        async with running.step("tunnel"):
            await check_tunnel(host, request.edge)
    kept = await _checked_credentials(host, request)
    await _check_program(host, request.edge, is_run_here=(kept or request.credentials) is not None)
    is_other = request.credentials is not None and request.credentials.encode() != kept
    noted = forget(host) if is_other else None  # killed from here on, whoever looks at the edge next has it read them
    try:
        if is_other:
            async with running.step("credentials"):
                await keep_credentials(host, request.edge, (request.credentials or "").encode(), actor=running.actor)
        await _put(host, running, request.edge, again=is_other or bool(amiss))
    except BaseException:
        with anyio.CancelScope(shield=True):
            if is_other:
                await keep_credentials(host, request.edge, kept, actor=running.actor)
            current = host.state.current()
            if current.edge == request.edge and (is_other or request.edge != before):
                await _put_back(host, running, before, again=is_other)
                await _left(host, running, request.edge, for_=before)
            elif is_other:
                remember(host, current, noted)
        raise
    await _left(host, running, before, for_=request.edge)
    if request.edge.kind is EdgeKind.CLOUDFLARED:
        await forget_other_credentials(host, request.edge, actor=running.actor)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=_words(before, request.edge),
        generation=running.generation,
    )


def _words(before: EdgeSettings, now: EdgeSettings) -> str:
    """What is other now than *before*."""
    domain = (
        f"every app has a name below {now.domain} now" if now.domain else "no app has a name of the host's any more"
    )
    if before.domain == now.domain:
        domain = ""
    if before.kind is not now.kind:
        program = f"the edge is {now.kind.value} now"
    elif domain and msgspec.structs.replace(before, domain=now.domain) == now:
        program = ""
    else:
        program = f"the edge {now.kind.value} is set anew"
    return "; ".join(words for words in (program, domain) if words)


async def _left(host: Host, running: Running, edge: EdgeSettings, *, for_: EdgeSettings) -> None:
    """Take our rules out of the tunnel of *edge*, unless the other one still tells it the names."""
    if is_remote(edge) and not (is_remote(for_) and (edge.account, edge.tunnel) == (for_.account, for_.tunnel)):
        async with running.step("leave"):
            await leave(host, running, edge)


async def _check_program(host: Host, edge: EdgeSettings, *, is_run_here: bool) -> None:
    """Raise where the program of *edge* is not on this host; one that somebody else runs need not be."""
    if edge.kind is EdgeKind.NONE or (is_remote(edge) and not is_run_here):
        return
    if edge.kind not in host.edges:
        raise RefusedError(f"cannot use the edge {edge.kind.value}: this host has no such program")
    await host.edges[edge.kind].version()


async def _checked_credentials(host: Host, request: SetEdge) -> bytes | None:
    """The credentials of the tunnel that are kept already; raise `SpecError` where those that are given do not fit it, or there are none at all.

    A tunnel that Cloudflare keeps may do without: then somebody else runs it, and pvdify only tells it the names.
    """
    edge = request.edge
    if edge.kind is not EdgeKind.CLOUDFLARED:
        return None
    kept = await kept_credentials(host, edge)
    given = request.credentials or (kept.decode() if kept else None)
    if given is not None:
        check_credentials(given, edge)
    elif not is_remote(edge):
        raise SpecError(
            "cannot use the tunnel: its credentials are not kept yet",
            pointer="/credentials",
            hint=f"pvdify edge:set cloudflared --tunnel {edge.tunnel} --credentials-stdin < {edge.tunnel}.json",
        )
    return kept


async def _put_back(host: Host, running: Running, edge: EdgeSettings, *, again: bool) -> None:
    """Put the *edge* from before in force again; that it does not come up again is told of beside what failed first, and not instead."""
    try:
        await _put(host, running, edge, again=again)
    except PvdifyError as error:
        running.note(
            f"the edge {edge.kind.value} from before does not come back: {error.message}; then type `pvdify apply`"
        )


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
