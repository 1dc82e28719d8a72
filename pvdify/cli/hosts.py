"""The hosts that a user knows: `hosts` and its kin, and `logout`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click
import msgspec

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.cli.login import TRUST, named, trusted, warn_of_nearer
from pvdify.errors import NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.cli.session import Session


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `pvdify hosts`."""

    name: str
    url: str
    is_current: bool
    is_logged_in: bool


class HostLines(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts that the user knows, by name."""

    hosts: tuple[HostLine, ...]


@command("logout", click.Argument(["name"], required=False), examples=("pvdify logout paas",), needs_host=False)
async def logout(session: Session, *, name: str | None) -> None:
    """Forget a host and its token.

    The token itself stays good: `pvdify tokens:revoke` ends it.
    """
    hosts = session.hosts()
    name = name or hosts.known().current
    if name is None:
        raise NotFoundError("cannot log out: no host is the current one", hint="name one of `pvdify hosts`")
    hosts.forget(name)
    session.show(_lines(session), lambda: f"logged out of {name}")


@command("hosts", examples=("pvdify hosts",), needs_host=False)
async def hosts(session: Session) -> None:
    """List the hosts that you know, and which is asked."""
    answer = _lines(session)
    session.show(answer, lambda: _table(answer))


@command(
    "hosts:add",
    click.Argument(["url"]),
    *TRUST,
    examples=("pvdify hosts:add https://paas.example.org:9443",),
    needs_host=False,
    waits=True,
)
async def hosts_add(
    session: Session, *, url: str, name: str | None, authority: Path | None, fingerprint: str | None
) -> None:
    """Add a host to those that you know, and ask it from now on; without a token yet."""
    host = await trusted(session, named(session, url, name), authority=authority, fingerprint=fingerprint)
    session.hosts().keep(host)
    session.show(_lines(session), lambda: f"{host.name} is {host.url}; log in with `pvdify login`")


@command("hosts:use", click.Argument(["name"]), examples=("pvdify hosts:use paas",), needs_host=False)
async def hosts_use(session: Session, *, name: str) -> None:
    """Ask another of the hosts that you know from now on."""
    session.hosts().use(name)
    session.show(_lines(session), lambda: f"{name} is asked from now on")
    if not session.is_json:
        warn_of_nearer(session, name)


def _lines(session: Session) -> HostLines:
    known = session.hosts().known()
    return HostLines(
        hosts=tuple(
            HostLine(
                name=name, url=one.url, is_current=name == known.current, is_logged_in=bool(one.token or one.keyring)
            )
            for name, one in sorted(known.hosts.items())
        )
    )


def _table(answer: HostLines) -> str:
    if not answer.hosts:
        return "no hosts yet; `pvdify login URL` is the way to one"
    return tables.table(
        ("HOST", "ADDRESS", "TOKEN"),
        (
            (f"{one.name} *" if one.is_current else one.name, one.url, "kept" if one.is_logged_in else "none")
            for one in answer.hosts
        ),
    )
