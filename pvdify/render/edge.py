"""The files of the edge: names to fronts, and nothing that a deploy changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model.domain import default_name, in_order
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.render.environment import rendered
from pvdify.render.tree import Artefact
from pvdify.render.views import CaddyView, RuleView, SiteView, TunnelView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.manifest import AppRow
    from pvdify.model.place import Place

CADDY: Final = "caddy/Caddyfile"
TUNNEL: Final = "cloudflared/config.yml"
EDGES: Final[Mapping[EdgeKind, str]] = {EdgeKind.CADDY: CADDY, EdgeKind.CLOUDFLARED: TUNNEL}
"""The artefact of each kind of edge."""


def names_of(row: AppRow, edge: EdgeSettings) -> tuple[str, ...]:
    """Every name that leads to *row*: its default one, and those that were added."""
    default = default_name(row.name, edge.domain)
    return in_order({*row.domains, *((default,) if default else ())})


def edge_artefacts(apps: Mapping[str, AppRow], edge: EdgeSettings, place: Place) -> tuple[Artefact, ...]:
    """Render what the host's edge reads; nothing where it has none, and no names where Cloudflare keeps them."""
    match edge.kind:
        case EdgeKind.CADDY:
            return (Artefact(CADDY, rendered("caddy/Caddyfile.j2", _caddy(apps, edge, place))),)
        case EdgeKind.CLOUDFLARED:
            return (Artefact(TUNNEL, rendered("cloudflared/config.yml.j2", _tunnel(apps, edge))),)
        case EdgeKind.NONE:
            return ()


def rules(apps: Mapping[str, AppRow], edge: EdgeSettings) -> tuple[RuleView, ...]:
    """Every name with its app and front, in the order in which they must be looked at."""
    found = {name: row for row in apps.values() for name in names_of(row, edge)}
    return tuple(RuleView(app=found[name].name, hostname=name, front=found[name].front) for name in in_order(found))


def _caddy(apps: Mapping[str, AppRow], edge: EdgeSettings, place: Place) -> CaddyView:
    sites = tuple(
        SiteView(app=row.name, addresses=names, front=row.front)
        for row in (apps[name] for name in sorted(apps))
        if (names := names_of(row, edge))
    )
    return CaddyView(
        admin_socket=f"{place.run}-edge/admin.sock",
        storage=f"{place.state}-edge",
        email=edge.email or "",
        internal_ca=edge.internal_ca,
        acme_server="" if edge.internal_ca else edge.acme_server or "",
        sites=sites,
    )


def _tunnel(apps: Mapping[str, AppRow], edge: EdgeSettings) -> TunnelView:
    is_remote = edge.managed is Managed.REMOTE
    return TunnelView(tunnel=edge.tunnel or "", is_remote=is_remote, rules=() if is_remote else rules(apps, edge))
