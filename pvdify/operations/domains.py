"""Operations on names of the public, and on what brings them here."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed
from pvdify.model.edge_answers import DomainChecks, Domains, Edge
from pvdify.model.edge_requests import AddDomains, CheckDomains, RemoveDomain, SetEdge
from pvdify.model.requests import ForApp, Nothing
from pvdify.model.scope import Scope
from pvdify.operations.cloudflare import may_lead
from pvdify.operations.table import Kind, Operation, Route

LIST: Final = Operation(
    name="domains.list",
    summary="List an app's domains, and how each of them is.",
    request=ForApp,
    answer=Domains,
    run="pvdify.ops.domain_states:list_domains",
    route=Route(method="GET", path="/apps/{app}/domains", scope=Scope.READ),
)
ADD: Final = Operation(
    name="domains.add",
    summary="Give an app domains, and have the edge serve them.",
    request=AddDomains,
    answer=Changed,
    run="pvdify.ops.domains:add_domains",
    kind=Kind.CHANGE,
    route=Route(method="POST", path="/apps/{app}/domains", scope=may_lead, status=202),
    locks="app",
)
REMOVE: Final = Operation(
    name="domains.remove",
    summary="Take a domain from an app, and have the edge forget it.",
    request=RemoveDomain,
    answer=Changed,
    run="pvdify.ops.domains:remove_domain",
    kind=Kind.CHANGE,
    route=Route(method="DELETE", path="/apps/{app}/domains/{domain}", scope=Scope.DOMAINS, status=202),
    locks="app",
)
CHECK: Final = Operation(
    name="domains.check",
    summary="Go the way of a request to an app, name by name, and say which link is broken.",
    request=CheckDomains,
    answer=DomainChecks,
    run="pvdify.ops.domain_states:check_domains",
    route=Route(method="GET", path="/apps/{app}/domain-checks", scope=Scope.READ),
)
EDGE: Final = Operation(
    name="edge.show",
    summary="Show what brings the public to the fronts.",
    request=Nothing,
    answer=Edge,
    run="pvdify.ops.edge_settings:show_edge",
    route=Route(method="GET", path="/edge", scope=Scope.ADMIN),
)
SET_EDGE: Final = Operation(
    name="edge.set",
    summary="Have another program, or none, bring the public to the fronts.",
    request=SetEdge,
    answer=Changed,
    run="pvdify.ops.edge_settings:set_edge",
    kind=Kind.CHANGE,
    route=Route(method="PUT", path="/edge", scope=Scope.ADMIN, status=202),
    secrets=("credentials",),
)
ALL: Final = (LIST, ADD, REMOVE, CHECK, EDGE, SET_EDGE)
