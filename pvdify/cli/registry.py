"""`registry:login` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli.command import command
from pvdify.cli.usage import usage_error
from pvdify.model.requests import Login, Logout, Nothing
from pvdify.operations import registry as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session


@command(
    "registry:login",
    click.Argument(["registry"], metavar="HOST"),
    click.Option(["-u", "--user", "user"], required=True, metavar="USER"),
    click.Option(["--password-stdin"], is_flag=True, help="Read the password (or token) from standard input."),
    examples=("pvdify registry:login ghcr.io -u me --password-stdin < token.txt",),
)
async def registry_login(session: Session, *, registry: str, user: str, password_stdin: bool) -> None:
    """Log in to a registry, for pulls."""
    if password_stdin:
        password = session.terminal.input.read().rstrip("\r\n")
    elif session.terminal.is_interactive:
        password = session.terminal.ask_secretly(f"Password of {user} at {registry}: ")
    else:
        raise usage_error("cannot ask for the password here", hint="give it with --password-stdin")
    answer = await session.ask(operations.LOGIN, Login(registry=registry, user=user, password=password))
    session.show(answer, lambda: f"logged in to {registry} as {user}")


@command("registry:list", examples=("pvdify registry:list",))
async def registry_list(session: Session) -> None:
    """List the registries that the host has a login for."""
    answer = await session.ask(operations.LIST, Nothing())
    session.show(answer, lambda: "\n".join(answer.registries) or "no logins")


@command("registry:logout", click.Argument(["registry"], metavar="HOST"), examples=("pvdify registry:logout ghcr.io",))
async def registry_logout(session: Session, *, registry: str) -> None:
    """Forget the login for a registry."""
    answer = await session.ask(operations.LOGOUT, Logout(registry=registry))
    session.show(answer, lambda: f"logged out of {registry}")
