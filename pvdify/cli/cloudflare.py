"""`cloudflare:login` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.cli.usage import usage_error
from pvdify.model.cloudflare_requests import ForZone, LoginToCloudflare
from pvdify.model.requests import Nothing
from pvdify.operations import cloudflare as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.cloudflare import Records, Zones

_AUTOMATIC = 1


@command(
    "cloudflare:login",
    click.Option(["--token-stdin"], is_flag=True, help="Read the API token from standard input."),
    examples=("pvdify cloudflare:login --token-stdin < token.txt",),
)
async def cloudflare_login(session: Session, *, token_stdin: bool) -> None:
    """Log in to Cloudflare, for zones and tunnels.

    The token has to read zones and edit DNS, and for a tunnel that Cloudflare keeps also to edit tunnels. It is checked, and kept encrypted.
    """
    if token_stdin:
        token = session.terminal.input.read().strip()
    elif session.terminal.is_interactive:
        token = session.terminal.ask_secretly("API token for Cloudflare: ").strip()
    else:
        raise usage_error("cannot ask for the token here", hint="give it with --token-stdin")
    answer = await session.ask(operations.LOGIN, LoginToCloudflare(token=token))
    session.show(answer, lambda: f"logged in to Cloudflare\n{session.terminal.printable(_zones(answer))}")


@command("cloudflare:logout", examples=("pvdify cloudflare:logout",))
async def cloudflare_logout(session: Session) -> None:
    """Forget the token for Cloudflare; what was made with it stays."""
    answer = await session.ask(operations.LOGOUT, Nothing())
    session.show(answer, lambda: "logged out of Cloudflare")


@command("cloudflare:zones", examples=("pvdify cloudflare:zones",))
async def cloudflare_zones(session: Session) -> None:
    """List the zones that the token for Cloudflare reaches."""
    answer = await session.ask(operations.ZONES, Nothing())
    session.show(answer, lambda: session.terminal.printable(_zones(answer)))


@command("cloudflare:dns", click.Argument(["zone"], metavar="ZONE"), examples=("pvdify cloudflare:dns example.org",))
async def cloudflare_dns(session: Session, *, zone: str) -> None:
    """List the records of a zone, and which of them pvdify made."""
    answer = await session.ask(operations.RECORDS, ForZone(zone=zone))
    session.show(answer, lambda: session.terminal.printable(_records(answer)))


def _zones(answer: Zones) -> str:
    if not answer.zones:
        return "no zones: the token reaches none, and no record in DNS can be made with it"
    return tables.table(("ZONE", "STATUS", "ACCOUNT"), ((one.name, one.status, one.account) for one in answer.zones))


def _records(answer: Records) -> str:
    if not answer.records:
        return f"no records in {answer.zone}"
    rows = (
        (
            one.name,
            one.type,
            "auto" if one.ttl == _AUTOMATIC else str(one.ttl),
            "yes" if one.proxied else "no",
            one.app,
            one.content[:120],
        )
        for one in answer.records
    )
    return tables.table(("NAME", "TYPE", "TTL", "PROXIED", "APP", "CONTENT"), rows)
