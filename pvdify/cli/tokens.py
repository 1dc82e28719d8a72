"""`tokens` and its kin, and `whoami`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.cli.usage import usage_error
from pvdify.model.parse import from_value
from pvdify.model.quantity import Duration, seconds
from pvdify.model.requests import CreateToken, ForToken, Nothing, RotateToken
from pvdify.model.scope import Scope
from pvdify.operations import tokens as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import TokenInfo, TokenMade, Tokens, WhoAmI

_DAYS = 90


@command("whoami", examples=("pvdify whoami",))
async def whoami(session: Session) -> None:
    """Show who asks, and what they may do."""
    answer = await session.ask(operations.WHOAMI, Nothing())
    session.show(answer, lambda: session.terminal.printable(tables.facts(_identity(session, answer))))


@command("tokens", examples=("pvdify tokens",))
async def tokens(session: Session) -> None:
    """List the tokens."""
    answer = await session.ask(operations.LIST, Nothing())
    session.show(answer, lambda: session.terminal.printable(_table(answer)))


def _life() -> tuple[click.Option, ...]:
    return (
        click.Option(["--days"], type=int, metavar="N", help=f"How long it is good, {_DAYS} days if not said."),
        click.Option(["--never"], is_flag=True, help="It never expires."),
    )


@command(
    "tokens:create",
    click.Argument(["name"]),
    click.Option(
        ["--scope", "scopes"],
        type=click.Choice([one.value for one in Scope]),
        multiple=True,
        help="What it may do, read if not said; may be said several times.",
    ),
    click.Option(
        ["-a", "--app", "apps"],
        metavar="APP",
        multiple=True,
        help="Only for this app, or for those that begin so: blog-*; may be said several times.",
    ),
    *_life(),
    examples=(
        "pvdify tokens:create ci --scope read --scope deploy --app blog",
        "pvdify tokens:create ada --scope admin",
    ),
)
async def tokens_create(
    session: Session, *, name: str, scopes: tuple[str, ...], apps: tuple[str, ...], days: int | None, never: bool
) -> None:
    """Make a token; its text is shown this once.

    The text alone goes to standard output.
    """
    wanted = tuple(Scope(one) for one in scopes) or (Scope.READ,)
    request = CreateToken(name=name, scopes=wanted, apps=apps, days=_days(days, never=never))
    _show_once(session, await session.ask(operations.CREATE, request))


@command(
    "tokens:rotate",
    click.Argument(["id"]),
    click.Option(
        ["--overlap"], default="24h", show_default=True, metavar="TIME", help="How long the old one works: 30m, 24h."
    ),
    *_life(),
    examples=("pvdify tokens:rotate t4f1c9abc", "pvdify tokens:rotate t4f1c9abc --overlap 0s"),
)
async def tokens_rotate(session: Session, *, id: str, overlap: str, days: int | None, never: bool) -> None:  # noqa: A002 - the word of the argument
    """Give a token a new text; the old one works a while longer.

    The text alone goes to standard output.
    """
    patience = int(seconds(from_value(overlap, Duration, what="--overlap")))
    request = RotateToken(id=id, overlap=patience, days=_days(days, never=never))
    _show_once(session, await session.ask(operations.ROTATE, request))


@command("tokens:revoke", click.Argument(["id"]), examples=("pvdify tokens:revoke t4f1c9abc",))
async def tokens_revoke(session: Session, *, id: str) -> None:  # noqa: A002 - the word of the argument
    """Revoke a token, at once."""
    answer = await session.ask(operations.REVOKE, ForToken(id=id))
    session.show(answer, lambda: f"revoked {answer.id} ({answer.name})")


def rights(who: WhoAmI | TokenInfo) -> str:
    """What somebody may do, in words."""
    apps = f" of {', '.join(who.apps)}" if who.apps else ""
    until = f", until {tables.moment(who.expires_at)}" if who.expires_at else ""
    return f"may {', '.join(who.scopes)}{apps}{until}"


def _days(days: int | None, *, never: bool) -> int | None:
    if never and days is not None:
        raise usage_error("cannot take --days and --never together")
    return None if never else days if days is not None else _DAYS


def _show_once(session: Session, made: TokenMade) -> None:
    """The text goes where a program reads it, and all about it where a person does."""
    session.show(made, lambda: made.token)
    if not session.is_json:
        session.terminal.complain(f"{made.id} ({made.name}) {rights(made)}; this text is not shown again")


def _identity(session: Session, who: WhoAmI) -> list[tuple[str, str]]:
    return [
        ("host", session.place),
        ("name", who.name),
        ("via", who.via),
        ("token", who.token),
        ("scopes", ", ".join(who.scopes)),
        ("apps", ", ".join(who.apps) or "all"),
        ("until", tables.moment(who.expires_at)),
        ("version", who.version),
    ]


def _table(answer: Tokens) -> str:
    if not answer.tokens:
        return "no tokens yet; make one with `pvdify tokens:create NAME`"
    return tables.table(
        ("TOKEN", "NAME", "SCOPES", "APPS", "LAST USED", "UNTIL"),
        (
            (
                one.id,
                one.name,
                ", ".join(one.scopes),
                ", ".join(one.apps) or "all",
                tables.moment(one.last_used_at) or "-",
                f"{tables.moment(one.expires_at) or 'never'}{', expired' if one.is_expired else ''}",
            )
            for one in answer.tokens
        ),
    )
