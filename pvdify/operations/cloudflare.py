"""Operations on what Cloudflare keeps: the token for it, zones, and records that lead names here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model.answers import Changed
from pvdify.model.cloudflare import Records, Zones
from pvdify.model.cloudflare_requests import ForZone, LoginToCloudflare, PointDomain
from pvdify.model.requests import Nothing
from pvdify.model.scope import Scope
from pvdify.operations.table import Kind, Operation, Route

if TYPE_CHECKING:
    from pvdify.model.edge_requests import AddDomains


def may_lead(request: AddDomains | PointDomain) -> Scope:
    """What it takes to lead names here: to overwrite what others put into DNS is not everybody's."""
    return Scope.ADMIN if request.force else Scope.DOMAINS


LOGIN: Final = Operation(
    name="cloudflare.login",
    summary="Log in to Cloudflare, for zones and tunnels.",
    request=LoginToCloudflare,
    answer=Zones,
    run="pvdify.ops.cloudflare:login",
    route=Route(method="POST", path="/cloudflare/token", scope=Scope.ADMIN),
    is_change=True,
    knows_caller=True,
    secrets=("token",),
)
LOGOUT: Final = Operation(
    name="cloudflare.logout",
    summary="Forget the token for Cloudflare; what was made with it stays.",
    request=Nothing,
    answer=Zones,
    run="pvdify.ops.cloudflare:logout",
    route=Route(method="DELETE", path="/cloudflare/token", scope=Scope.ADMIN),
    is_change=True,
    knows_caller=True,
)
ZONES: Final = Operation(
    name="cloudflare.zones",
    summary="List the zones that the token for Cloudflare reaches.",
    request=Nothing,
    answer=Zones,
    run="pvdify.ops.cloudflare:list_zones",
    route=Route(method="GET", path="/cloudflare/zones", scope=Scope.DOMAINS, problems=(409,)),
)
RECORDS: Final = Operation(
    name="cloudflare.dns",
    summary="List the records of a zone, and which of them pvdify made.",
    request=ForZone,
    answer=Records,
    run="pvdify.ops.cloudflare:list_records",
    route=Route(method="GET", path="/cloudflare/dns", scope=Scope.DOMAINS, problems=(404, 409)),
)
POINT: Final = Operation(
    name="domains.cloudflare",
    summary="Have Cloudflare lead a domain of an app here: its DNS, and the tunnel that it keeps.",
    request=PointDomain,
    answer=Changed,
    run="pvdify.ops.domains_dns:point_domain",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/domains/{domain}/cloudflare", scope=may_lead, status=202),
    locks="app",
)
ALL: Final = (LOGIN, LOGOUT, ZONES, RECORDS, POINT)
