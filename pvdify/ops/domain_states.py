"""How an app's domains are: at a glance, and gone along link by link."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pvdify.errors import NotFoundError
from pvdify.model.answers import Check, CheckStatus
from pvdify.model.domain import default_name, domain_name
from pvdify.model.edge_answers import Domain, DomainChecks, Domains, DomainState
from pvdify.model.names import instance_pattern
from pvdify.model.release import AppStatus
from pvdify.ops.apps import active_units, status_of
from pvdify.ops.way import edge_link, edge_to, ways
from pvdify.plan.addresses import records
from pvdify.render.edge import names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.edge_requests import CheckDomains
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import ForApp
    from pvdify.ops.host import Host


async def list_domains(host: Host, request: ForApp) -> Domains:
    """Every name of an app: active where the edge runs and serves it, and visitors get to the app. Nobody elsewhere is asked."""
    row, manifest = host.row(request.app), host.state.current()
    names, default = names_of(row, manifest.edge), default_name(row.name, manifest.edge.domain)
    found = await _at_a_glance(host, row, names, manifest)
    return Domains(
        app=row.name,
        front=row.front,
        domains=tuple(
            Domain(name=name, state=state, reason=reason, is_default=name == default)
            for name, (state, reason) in ((name, found[name]) for name in names)
        ),
        advice=records(row, names, manifest.edge, await host.resolver.addresses()),
    )


async def check_domains(host: Host, request: CheckDomains) -> DomainChecks:
    """The whole way to an app by each of its names, or by one of them."""
    row = host.row(request.app)
    names = names_of(row, host.state.current().edge)
    if request.domain is not None:
        name = domain_name(request.domain)
        if name not in names:
            raise NotFoundError(f"cannot check {name}: {row.name} does not have it", hint=f"pvdify domains {row.name}")
        names = (name,)
    return DomainChecks(app=row.name, domains=await ways(host, [(row, names)]))


async def _at_a_glance(
    host: Host, row: AppRow, names: tuple[str, ...], manifest: Manifest
) -> Mapping[str, tuple[DomainState, str]]:
    edge = await edge_link(host, manifest)
    of_all = _state(edge)
    if of_all[0] is DomainState.ACTIVE and names:
        of_all = await _app_state(host, row)
    found = dict.fromkeys(names, of_all)
    if of_all[0] is not DomainState.ACTIVE:
        return found

    async def look_at(name: str) -> None:
        link = await edge_to(host, name, manifest, edge, waits_for_dns=True)
        if link.status is not CheckStatus.OK:
            found[name] = DomainState.PENDING, f"{link.detail}: `pvdify domains:check {row.name}`"

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(look_at, name)
    return found


def _state(edge: Check) -> tuple[DomainState, str]:
    match edge.status:
        case CheckStatus.OK:
            return DomainState.ACTIVE, ""
        case CheckStatus.WARN:
            return DomainState.PENDING, f"{edge.detail}: `{edge.hint}`"
        case CheckStatus.FAIL:
            return DomainState.FAILED, f"{edge.detail}: `{edge.hint}`"


async def _app_state(host: Host, row: AppRow) -> tuple[DomainState, str]:
    match status_of(row, await active_units(host, instance_pattern(row.name))):
        case AppStatus.RUNNING if row.in_maintenance:
            return DomainState.PENDING, f"maintenance is on: `pvdify maintenance:off {row.name}`"
        case AppStatus.RUNNING:
            return DomainState.ACTIVE, ""
        case AppStatus.FAILED:
            return DomainState.FAILED, f"not all of {row.name} is up: `pvdify ps {row.name}`"
        case AppStatus.STOPPED:
            return DomainState.PENDING, f"{row.name} is stopped: `pvdify ps:start {row.name}`"
        case _:
            return DomainState.PENDING, "no release yet"
