"""`login`: to know a host elsewhere, to trust it, and to be known there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli.choice import said_by
from pvdify.cli.command import command
from pvdify.cli.tokens import rights
from pvdify.cli.usage import usage_error
from pvdify.errors import NotFoundError, SpecError, UnreachableError
from pvdify.model.parse import from_value
from pvdify.model.requests import Nothing
from pvdify.operations import tokens as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.client.address import RemoteHost

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
TRUST: Final = (
    click.Option(["--name"], metavar="NAME", help="What to call the host here; its own name if not said."),
    click.Option(
        ["--ca", "authority"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Trust what these certificates (PEM) signed.",
    ),
    click.Option(["--fingerprint"], metavar="SHA256", help="Trust the certificate with this fingerprint."),
)


@command(
    "login",
    click.Argument(["url"], required=False, metavar="[URL]"),
    *TRUST,
    click.Option(["--token-stdin"], is_flag=True, help="Read the token from standard input."),
    examples=("pvdify login paas.example.org", "pvdify login https://paas.example.org:9443 --token-stdin < token.txt"),
    needs_host=False,
    waits=True,
)
async def login(
    session: Session,
    *,
    url: str | None,
    name: str | None,
    authority: Path | None,
    fingerprint: str | None,
    token_stdin: bool,
) -> None:
    """Log in to a host elsewhere, and ask it from now on.

    The token is asked for, and checked. It is kept in the keyring, or in a file that nobody else may read. Without a URL it is the current host.
    """
    host = await trusted(session, named(session, url, name), authority=authority, fingerprint=fingerprint)
    host = replace(host, token=_token(session, host, from_input=token_stdin))
    async with session.around.connect(host) as client:
        who = await client.ask(operations.WHOAMI, Nothing())
    in_keyring = session.hosts().keep(host)
    session.show(who, lambda: f"logged in to {host.name} ({host.url}) as {who.name}: {rights(who)}")
    if not session.is_json:
        where = "the keyring" if in_keyring else f"{session.around.hosts} (no keyring is there)"
        session.terminal.complain(f"the token is in {where}")
        warn_of_nearer(session, host.name)


def warn_of_nearer(session: Session, name: str) -> None:
    """Say how to ask the host *name* where another one is nearer."""
    if nearer := session.nearer(name):
        session.terminal.complain(f"commands typed here ask {nearer}; say `--host {name}`, or set PVDIFY_HOST={name}")


def named(session: Session, url: str | None, name: str | None) -> RemoteHost:
    """The host that is meant by its address, or by the name that it has here, with all that is known of it but the token."""
    from pvdify.client.address import RemoteHost, address, endpoint
    from pvdify.client.hosts import HostName

    hosts = session.hosts()
    known = hosts.known()
    if url is None and name is None and known.current in known.hosts and known.current:
        return hosts.without_token(known.current)
    if url in known.hosts and url:
        return hosts.without_token(url)
    if url is None:
        if not session.terminal.is_interactive or session.is_json:
            raise usage_error("cannot log in without an address", hint="type `pvdify login https://HOST:9443`")
        url = session.terminal.ask("Address of the host: ")
    host = RemoteHost(url=address(url.strip()))
    if host.socket:
        raise SpecError(f"cannot log in to {host.url}: no token counts there", hint=f"say `--api-url {host.url}`")
    before = hosts.name_of(host.url)
    host = hosts.without_token(before) if before is not None else host
    own_name = before or endpoint(host.url)[0].replace(":", ".")
    return replace(host, name=from_value(name or own_name, HostName, what="--name"))


async def trusted(session: Session, host: RemoteHost, *, authority: Path | None, fingerprint: str | None) -> RemoteHost:
    """*host*, with the certificate to hold it to where the system does not trust it, and somebody does."""
    from pvdify.client import trust

    if host.url.startswith("http:"):
        return host
    if authority is not None:
        return replace(host, authority=_certificates(authority), certificate="")
    if host.authority and fingerprint is None:
        return host
    wanted = trust.read_fingerprint(fingerprint) if fingerprint is not None else ""
    shown = await trust.shown(host.url)
    seen = trust.fingerprint(shown.certificate)
    if wanted and wanted != seen:
        raise UnreachableError(
            f"cannot trust {host.url}: its certificate has the fingerprint {seen}, not the one that was given",
            hint="somebody may stand between; ask the operator of the host",
        )
    if not shown.distrust:
        return replace(host, certificate="", authority="")
    is_known = shown.certificate == host.certificate
    if not wanted and not is_known:
        _agreed(session, host, seen, shown.distrust)
    return replace(host, certificate=shown.certificate, authority="")


def _agreed(session: Session, host: RemoteHost, seen: str, distrust: str) -> None:
    """Let the person decide whether that is the host's certificate."""
    if not session.terminal.is_interactive or session.is_json:
        raise UnreachableError(
            f"cannot trust {host.url}: its certificate is not trusted by this system ({distrust})",
            hint="give the fingerprint of the right one with `--fingerprint`, or who signed it with `--ca`",
        )
    changed = "It is NOT the one of the last login.\n" if host.certificate else ""
    answer = session.terminal.ask(
        f"The certificate of {host.url} is not trusted by this system ({distrust}).\n{changed}"
        f"Its SHA-256 fingerprint is\n  {seen}\n"
        "and on the host `openssl x509 -noout -fingerprint -sha256 -in /etc/pvdify/tls/cert.pem` shows the right one.\n"
        "Trust it? (yes/no) "
    )
    if answer.strip().lower() not in {"y", "yes"}:
        raise UnreachableError(f"cannot trust {host.url}: you did not", hint="ask the operator of the host")


def _token(session: Session, host: RemoteHost, *, from_input: bool) -> str:
    from pvdify.model.token import is_well_formed

    if from_input:
        token = session.terminal.input.read()
    elif session.said.token:
        token = session.said.token
    elif session.terminal.is_interactive and not session.is_json:
        token = session.terminal.ask_secretly(f"Token for {host.url}: ")
    elif given := said_by(session.around.environ).token:
        token = given
    else:
        raise usage_error("cannot ask for the token here", hint="give it with --token-stdin")
    token = token.strip()
    if not is_well_formed(token):
        raise SpecError(
            "cannot use this token: it is mistyped or cut off",
            hint="make one on the host with `pvdify tokens:create NAME`",
        )
    return token


def _certificates(path: Path) -> str:
    from pvdify.client import trust
    from pvdify.client.address import RemoteHost

    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise NotFoundError(f"cannot read {path}: {(error.strerror or 'it failed').lower()}") from error
    found = "\n".join(_PEM.findall(text)) + "\n"
    if not found.strip():
        raise SpecError(f"cannot use {path}: it has no certificate (PEM)")
    trust.context(RemoteHost(url=str(path), authority=found))
    return found
