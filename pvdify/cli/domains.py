"""`domains`, `edge` and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.parse import from_value
from pvdify.model.requests import AddDomains, ForApp, Nothing, RemoveDomain, SetEdge
from pvdify.operations import domains as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.edge_answers import Domains, Edge

NAME: Final = r".*[.].*"


@command("domains", examples=("pvdify domains blog",), words=NO_WORDS)
async def domains(session: Session) -> None:
    """List an app's domains, and how each of them is."""
    answer = await session.ask(operations.LIST, ForApp(app=session.app))
    session.show(answer, lambda: session.terminal.printable(_text(answer)))


@command(
    "domains:add",
    examples=("pvdify domains:add blog blog.example.org www.example.org",),
    words=Words(usage="DOMAIN...", least=1, most=None, pattern=NAME),
    changes=True,
)
async def domains_add(session: Session) -> None:
    """Give an app domains, and have the edge serve them."""
    await session.change(operations.ADD, AddDomains(app=session.app, domains=session.words))


@command(
    "domains:remove",
    examples=("pvdify domains:remove blog www.example.org",),
    words=Words(usage="DOMAIN", least=1, most=1, pattern=NAME),
    changes=True,
)
async def domains_remove(session: Session) -> None:
    """Take a domain from an app, and have the edge forget it."""
    await session.change(operations.REMOVE, RemoveDomain(app=session.app, domain=session.words[0]))


@command("edge", examples=("pvdify edge",))
async def edge(session: Session) -> None:
    """Show what brings the public to the fronts."""
    answer = await session.ask(operations.EDGE, Nothing())
    session.show(answer, lambda: session.terminal.printable(_edge(answer)))


@command(
    "edge:set",
    click.Argument(["kind"], type=click.Choice([kind.value for kind in EdgeKind])),
    click.Option(["--domain"], metavar="DOMAIN", help="Give every app a name below this one."),
    click.Option(["--email"], metavar="ADDRESS", help="Whom the certificate authority writes to (caddy)."),
    click.Option(["--internal-ca"], is_flag=True, help="Certificates of Caddy's own authority (caddy)."),
    click.Option(["--tunnel"], metavar="ID", help="The tunnel's id (cloudflared)."),
    click.Option(["--credentials-stdin"], is_flag=True, help="Read the tunnel's credentials from standard input."),
    click.Option(["--forwards"], is_flag=True, help="A proxy of your own here says who asks: X-Forwarded-* (none)."),
    examples=("pvdify edge:set caddy --email ada@example.org", "pvdify edge:set none"),
    changes=True,
)
async def edge_set(
    session: Session,
    *,
    kind: str,
    domain: str | None,
    email: str | None,
    internal_ca: bool,
    tunnel: str | None,
    credentials_stdin: bool,
    forwards: bool,
) -> None:
    """Have another program, or none, bring the public to the fronts."""
    said = {
        "kind": kind,
        "domain": domain,
        "email": email,
        "internal_ca": internal_ca,
        "tunnel": tunnel,
        "forwards": forwards,
    }
    settings = from_value(said, EdgeSettings, what="the edge")
    credentials = session.terminal.input.read() if credentials_stdin else None
    await session.change(operations.SET_EDGE, SetEdge(edge=settings, credentials=credentials))


def _text(answer: Domains) -> str:
    if not answer.domains:
        return f"no domains; add one with `pvdify domains:add {answer.app} blog.example.org`"
    rows = ((one.name, one.state.value, one.reason) for one in answer.domains)
    return tables.table(("DOMAIN", "STATE", "WHY"), rows)


def _edge(answer: Edge) -> str:
    one = answer.edge
    return tables.facts(
        (
            ("edge", one.kind.value),
            ("runs", "yes" if answer.is_running else "no"),
            ("names", str(answer.names)),
            ("host domain", one.domain or ""),
            ("tunnel", one.tunnel or ""),
        )
    )
