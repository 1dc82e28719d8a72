"""The way of a request: its name leads here, the edge takes it to the front, and the live release answers there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

import anyio

from pvdify.errors import PvdifyError
from pvdify.model.answers import Check, CheckStatus
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_answers import DomainCheck, DomainState
from pvdify.ops.edge import is_edge_behind, is_run_here
from pvdify.ops.move import INSTANCE_HEADER, PROBE_HEADER
from pvdify.plan.addresses import LINK, asked, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.ops.host import Host

PATIENCE: Final = 5.0
"""Seconds for each link of each name; all are looked at at once."""
_ERROR: Final = 500
_JOURNALS: Final[Mapping[EdgeKind, str]] = {
    EdgeKind.CADDY: "journalctl -u pvdify-caddy -n 50",
    EdgeKind.CLOUDFLARED: "journalctl -u 'pvdify-tunnel@*' -n 50",
}


async def ways(host: Host, wanted: Iterable[tuple[AppRow, tuple[str, ...]]]) -> tuple[DomainCheck, ...]:
    """The way to each of the wanted apps by each of its names; the answer takes no longer for a hundred than for one that is silent."""
    pairs = [(row, name) for row, names in wanted for name in names]
    manifest = host.state.current()
    own = await host.resolver.addresses()
    edge = await edge_link(host, manifest)
    outside: dict[tuple[str, str], tuple[Check, ...]] = {}
    inside: dict[str, tuple[Check, ...]] = {}

    async def look_at_name(row: AppRow, name: str) -> None:
        leads = await _name_link(host, name, manifest, own)
        waits_for_dns = leads.status is not CheckStatus.OK
        outside[row.name, name] = leads, await edge_to(host, name, manifest, edge, waits_for_dns=waits_for_dns)

    async def look_at_app(row: AppRow) -> None:
        inside[row.name] = await _inside(host, row)

    async with anyio.create_task_group() as tasks:
        for row in {row.name: row for row, _ in pairs}.values():
            tasks.start_soon(look_at_app, row)
        for row, name in pairs:
            tasks.start_soon(look_at_name, row, name)
    return tuple(_told(row, name, (*outside[row.name, name], *inside[row.name])) for row, name in pairs)


async def edge_link(host: Host, manifest: Manifest) -> Check:
    """Whether the edge runs, and was brought to the names in force."""
    kind = manifest.edge.kind
    if manifest.edge.forwards:
        words = "a proxy of your own leads to the front: pvdify sees no more of it"
        return Check(name="edge", status=CheckStatus.OK, detail=words)
    if kind not in host.edges:
        words = "the host has no edge: a proxy of your own must lead to the front"
        return Check(name="edge", status=CheckStatus.WARN, detail=words, hint="pvdify edge:set caddy")
    runs_here = await is_run_here(host, manifest.edge)
    if runs_here and not await host.edges[kind].is_running():
        return Check(name="edge", status=CheckStatus.FAIL, detail=f"the edge {kind.value} is down", hint="pvdify apply")
    if is_edge_behind(host, manifest):
        words = f"the edge {kind.value} was not brought to the names in force yet"
        return Check(name="edge", status=CheckStatus.WARN, detail=words, hint="pvdify apply")
    detail = f"{kind.value} serves it" if runs_here else "Cloudflare has its names, and somebody else runs the tunnel"
    return Check(name="edge", status=CheckStatus.OK, detail=detail)


async def edge_to(host: Host, name: str, manifest: Manifest, edge: Check, *, waits_for_dns: bool) -> Check:
    """The *edge* as a link of *name*: it may be well and lack a certificate, which it cannot have before DNS leads here."""
    if edge.status is not CheckStatus.OK or not await is_run_here(host, manifest.edge):
        return edge
    try:
        with anyio.fail_after(PATIENCE):
            problem = await host.edges[manifest.edge.kind].problem(asked(name))
    except TimeoutError:
        problem = f"it does not answer in {PATIENCE:g} s"
    if not problem:
        return edge
    status = CheckStatus.WARN if waits_for_dns else CheckStatus.FAIL
    return Check(name="edge", status=status, detail=problem, hint=_JOURNALS[manifest.edge.kind])


async def front_links(host: Host, row: AppRow) -> tuple[Check, Check]:
    """Whether the front of *row* answers, and whether that is the live release."""
    front = f"127.0.0.1:{row.front}"
    answer = await host.network.get(row.front, row.router.path, headers={PROBE_HEADER: uuid4().hex}, timeout=PATIENCE)
    if answer.status is None:
        broken = Check(
            name="front",
            status=CheckStatus.FAIL,
            detail=f"{front} does not answer: {answer.error}",
            hint="systemctl status pvdify-router.service",
        )
        return broken, _release(row, "", None)
    served_by = (answer.headers or {}).get(INSTANCE_HEADER.lower(), "")
    return Check(name="front", status=CheckStatus.OK, detail=f"{front} answers"), _release(
        row, served_by, answer.status
    )


def _release(row: AppRow, served_by: str, status: int | None) -> Check:
    app, live = row.name, {one.instance(row.name).server for one in row.servers()}
    if row.live is None:
        detail, hint = "no release yet", f"pvdify deploy {app} --image ghcr.io/org/app:v1"
        return Check(name="release", status=CheckStatus.WARN, detail=detail, hint=hint)
    if row.is_stopped:
        return Check(name="release", status=CheckStatus.WARN, detail=f"{app} is stopped", hint=f"pvdify ps:start {app}")
    if status is None or served_by not in live:
        detail = f"{served_by} answers, which is not live" if served_by else f"no instance of v{row.live} answers"
        return Check(name="release", status=CheckStatus.FAIL, detail=detail, hint=f"pvdify ps {app}")
    if status >= _ERROR:
        detail = f"v{row.live} answers with status {status}"
        return Check(name="release", status=CheckStatus.FAIL, detail=detail, hint=f"pvdify logs {app}")
    if row.in_maintenance:
        detail = "maintenance is on: visitors get a page that says so"
        return Check(name="release", status=CheckStatus.WARN, detail=detail, hint=f"pvdify maintenance:off {app}")
    return Check(name="release", status=CheckStatus.OK, detail=f"v{row.live} answers with status {status}")


async def _name_link(host: Host, name: str, manifest: Manifest, own: tuple[str, ...]) -> Check:
    try:
        with anyio.fail_after(PATIENCE):
            found = await host.resolver.resolve(asked(name))
    except TimeoutError:
        return _unknown(f"no name server says in {PATIENCE:g} s where {name} leads")
    except PvdifyError as error:
        return _unknown(error.message)
    return resolved(name, found, manifest.edge, own)


async def _inside(host: Host, row: AppRow) -> tuple[Check, Check]:
    try:
        return await front_links(host, row)
    except PvdifyError as error:
        return Check(name="front", status=CheckStatus.FAIL, detail=error.message, hint=error.hint), _release(
            row, "", None
        )


def _told(row: AppRow, name: str, links: tuple[Check, ...]) -> DomainCheck:
    """What the links add up to: broken on this host is failed, anything else that is not well yet is pending."""
    broken = [one for one in links if one.status is not CheckStatus.OK]
    is_ours = any(one.status is CheckStatus.FAIL and one.name != LINK for one in broken)
    state = DomainState.FAILED if is_ours else DomainState.PENDING if broken else DomainState.ACTIVE
    first = next((one for one in broken if one.status is CheckStatus.FAIL), broken[0] if broken else None)
    return DomainCheck(app=row.name, name=name, state=state, reason=first.detail if first else "", links=links)


def _unknown(detail: str) -> Check:
    return Check(name=LINK, status=CheckStatus.WARN, detail=detail, hint="resolvectl status, or cat /etc/resolv.conf")
