"""`domains`, `edge` and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click
import msgspec

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.cli.host import UNWELL, verdict
from pvdify.errors import SpecError
from pvdify.model.answers import CheckStatus
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.model.edge_answers import DomainState
from pvdify.model.edge_requests import AddDomains, CheckDomains, RemoveDomain, SetEdge
from pvdify.model.parse import from_value
from pvdify.model.requests import ForApp, Nothing
from pvdify.operations import domains as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.edge_answers import DomainCheck, DomainChecks, Domains, Edge

NAME: Final = r".*[.].*"


def _no_name(_app: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a domain that would be read as an app."""
    dotless = next((word for word in words if "." not in word), None)
    hint = "write it as example.org, www.example.org or *.example.org"
    return None if dotless is None else (f"{dotless} is no domain, since it has no dot", hint)


@command(
    "domains",
    click.Option(["--dns"], is_flag=True, help="Show what has to be in DNS for them."),
    examples=("pvdify domains blog", "pvdify domains blog --dns"),
    words=NO_WORDS,
)
async def domains(session: Session, *, dns: bool) -> None:
    """List an app's domains, and how each of them is."""
    answer = await session.ask(operations.LIST, ForApp(app=session.app))
    session.show(
        answer,
        lambda: session.terminal.printable("\n".join(answer.advice) if dns and answer.domains else _text(answer)),
    )


@command(
    "domains:add",
    click.Option(["--dns"], is_flag=True, help="Have Cloudflare's DNS lead them here."),
    click.Option(
        ["--address", "addresses"],
        multiple=True,
        metavar="ADDRESS",
        help="The host's public address, for DNS without a tunnel; once for IPv4, once for IPv6.",
    ),
    click.Option(["--force"], is_flag=True, help="Overwrite what others put into DNS for them."),
    examples=(
        "pvdify domains:add blog blog.example.org www.example.org",
        "pvdify domains:add blog.example.org",
        "pvdify domains:add blog blog.example.org --dns",
    ),
    words=Words(usage="DOMAIN...", least=1, most=None, pattern=NAME, wrong=_no_name),
    changes=True,
)
async def domains_add(session: Session, *, dns: bool, addresses: tuple[str, ...], force: bool) -> None:
    """Give an app domains, and have the edge serve them.

    All of them, or none. A domain is one app's on the whole host; *.example.org stands for every name that is one label longer and
    nobody else's.
    """
    request = AddDomains(app=session.app, domains=session.words, dns=dns, addresses=addresses, force=force)
    await session.change(operations.ADD, request)


@command(
    "domains:remove",
    examples=("pvdify domains:remove blog www.example.org",),
    words=Words(usage="DOMAIN", least=1, most=1, pattern=NAME, wrong=_no_name),
    changes=True,
)
async def domains_remove(session: Session) -> None:
    """Take a domain from an app, and have the edge forget it."""
    await session.change(operations.REMOVE, RemoveDomain(app=session.app, domain=session.words[0]))


@command(
    "domains:check",
    examples=("pvdify domains:check blog", "pvdify domains:check blog blog.example.org"),
    words=Words(usage="[DOMAIN]", most=1, pattern=NAME, wrong=_no_name),
)
async def domains_check(session: Session) -> int:
    """Go the way of a request to an app, name by name, and say which link is broken.

    The name has to lead here, the edge to the front, and at the front the live release has to answer. It ends with 69 if a way is broken.
    """
    answer = await session.ask(
        operations.CHECK, CheckDomains(app=session.app, domain=session.words[0] if session.words else None)
    )
    session.show(answer, lambda: _checks(session, answer))
    return 0 if all(one.state is DomainState.ACTIVE for one in answer.domains) else UNWELL


@command("edge", examples=("pvdify edge",))
async def edge(session: Session) -> None:
    """Show what brings the public to the fronts."""
    answer = await session.ask(operations.EDGE, Nothing())
    session.show(answer, lambda: session.terminal.printable(_edge(answer)))


@command(
    "edge:set",
    click.Argument(["kind"], type=click.Choice([kind.value for kind in EdgeKind]), required=False),
    click.Option(["--domain"], metavar="DOMAIN", help="Give every app a name below this one; '' for none."),
    click.Option(
        ["--email"], metavar="ADDRESS", help="Whom the certificate authority writes to (caddy); '' for nobody."
    ),
    click.Option(
        ["--internal-ca/--public-ca"], default=None, help="Certificates of Caddy's own authority, or of a public one."
    ),
    click.Option(
        ["--acme-server"],
        metavar="URL",
        help="The ACME server to ask for certificates (caddy); '' for Caddy's choice, Let's Encrypt first.",
    ),
    click.Option(["--tunnel"], metavar="ID", help="The tunnel's id (cloudflared)."),
    click.Option(["--account"], metavar="ID", help="The account that the tunnel is in (cloudflared)."),
    click.Option(
        ["--managed"],
        type=click.Choice([one.value for one in Managed]),
        help="Where the tunnel's names are kept: on this host, or with Cloudflare (cloudflared).",
    ),
    click.Option(["--credentials-stdin"], is_flag=True, help="Read the tunnel's credentials from standard input."),
    click.Option(
        ["--forwards/--no-forwards"],
        default=None,
        help="Whether a proxy of your own here says who asks: X-Forwarded-* (none).",
    ),
    examples=(
        "pvdify edge:set caddy --email ada@example.org",
        "pvdify edge:set --acme-server https://acme-staging-v02.api.letsencrypt.org/directory",
        "pvdify edge:set --domain apps.example.org",
        "pvdify edge:set cloudflared --tunnel f70ff985-a4ef-4643-bbbc-4a0ed4fc8415 --credentials-stdin < tunnel.json",
        "pvdify edge:set none --forwards",
    ),
    changes=True,
)
async def edge_set(session: Session, *, credentials_stdin: bool, **said: object) -> None:
    """Have another program, or none, bring the public to the fronts.

    What is not said stays as it is.
    """
    now = (await session.ask(operations.EDGE, Nothing())).edge
    changed = {
        name: value or None if isinstance(value, str) else value for name, value in said.items() if value is not None
    }
    if changed.get("kind") not in {None, EdgeKind.NONE.value}:
        changed.setdefault("forwards", False)
    if changed.get("acme_server"):
        changed.setdefault("internal_ca", False)
    if changed.get("kind", now.kind) == EdgeKind.CLOUDFLARED and not changed.get("tunnel", now.tunnel):
        raise SpecError(
            "cannot use the edge cloudflared: it needs a tunnel",
            pointer="/tunnel",
            hint="`cloudflared tunnel create` makes one, then `pvdify edge:set cloudflared --tunnel ID --credentials-stdin < ID.json`",
        )
    settings = from_value({**msgspec.to_builtins(now), **changed}, EdgeSettings, what="the edge")
    credentials = session.terminal.input.read() if credentials_stdin else None
    await session.change(operations.SET_EDGE, SetEdge(edge=settings, credentials=credentials))


def _text(answer: Domains) -> str:
    if not answer.domains:
        return f"no domains; add one with `pvdify domains:add {answer.app} blog.example.org`"
    rows = ((one.name, one.state.value, one.reason) for one in answer.domains)
    return tables.table(("DOMAIN", "STATE", "WHY"), rows)


def _checks(session: Session, answer: DomainChecks) -> str:
    if not answer.domains:
        return f"no domains; add one with `pvdify domains:add {answer.app} blog.example.org`"
    return "\n".join(_check(session, one, is_only=len(answer.domains) == 1) for one in answer.domains)


def _check(session: Session, one: DomainCheck, *, is_only: bool) -> str:
    """A name with its state; of several only those links that are not well."""
    shown = [link for link in one.links if is_only or link.status is not CheckStatus.OK]
    return "\n".join((f"{one.name}: {one.state.value}", *(verdict(session.terminal, link) for link in shown)))


def _edge(answer: Edge) -> str:
    one = answer.edge
    return tables.facts(
        (
            ("edge", one.kind.value),
            ("runs", "" if one.kind is EdgeKind.NONE else "yes" if answer.is_running else "no"),
            ("names", str(answer.names)),
            ("host domain", one.domain or ""),
            ("email", one.email or ""),
            ("certificates", "of its own authority" if one.internal_ca else one.acme_server or ""),
            ("tunnel", one.tunnel or ""),
            ("account", one.account or ""),
            ("kept", "by Cloudflare" if one.managed is Managed.REMOTE else ""),
            ("who asks", "a proxy of your own says" if one.forwards else ""),
        )
    )
