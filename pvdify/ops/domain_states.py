"""How an app's domains are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.domain import default_name
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import Domain, Domains, DomainState
from pvdify.render.edge import EDGES, names_of

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.requests import ForApp
    from pvdify.ops.host import Host


async def list_domains(host: Host, request: ForApp) -> Domains:
    """Every name of an app: active where the edge runs and was brought to it, and the app serves."""
    row, manifest = host.row(request.app), host.state.current()
    state, reason = await _edge_state(host, manifest.edge)
    if state is DomainState.ACTIVE and row.live is None:
        state, reason = DomainState.PENDING, "no release yet"
    default = default_name(row.name, manifest.edge.domain)
    return Domains(
        app=row.name,
        front=row.front,
        domains=tuple(
            Domain(name=name, state=state, reason=reason, is_default=name == default)
            for name in names_of(row, manifest.edge)
        ),
    )


async def _edge_state(host: Host, edge: EdgeSettings) -> tuple[DomainState, str]:
    program, manifest = host.edges.get(edge.kind), host.state.current()
    if edge.kind is EdgeKind.NONE or program is None:
        return (
            DomainState.PENDING,
            "the host has no edge: point a proxy of your own at the front, or type `pvdify edge:set`",
        )
    if not await program.is_running():
        return DomainState.FAILED, f"the edge {edge.kind.value} is down"
    path = EDGES[edge.kind]
    if manifest.files.get(path) != host.state.followed():
        return DomainState.PENDING, "the edge was not brought to it yet: `pvdify apply`"
    return DomainState.ACTIVE, ""
