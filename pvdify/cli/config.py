"""`config` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.model.requests import SetConfig, ShowConfig
from pvdify.operations import config as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.config_answers import Config

ASSIGNMENT: Final = r"[^=]+=[\s\S]*"


@command(
    "config",
    click.Option(["--reveal"], is_flag=True, help="Show values too; this is audited."),
    examples=("pvdify config blog", "pvdify config blog --reveal"),
    words=NO_WORDS,
)
async def config(session: Session, *, reveal: bool) -> None:
    """Show an app's config: names, and values only with --reveal."""
    answer = await session.ask(operations.SHOW, ShowConfig(app=session.app, reveal=reveal))
    session.show(answer, lambda: session.terminal.printable(_text(answer)))


@command(
    "config:set",
    click.Option(["--no-deploy"], is_flag=True, help="Leave it for the next release."),
    examples=("pvdify config:set blog DATABASE_URL=postgres://db/blog",),
    words=Words(usage="KEY=VALUE...", most=None, pattern=ASSIGNMENT),
    changes=True,
)
async def config_set(session: Session, *, no_deploy: bool) -> None:
    """Set variables: a new config version, and a release with it."""
    pairs = (word.partition("=") for word in session.words)
    request = SetConfig(app=session.app, vars={key: value for key, _, value in pairs}, deploy=not no_deploy)
    await session.change(operations.SET, request)


def _text(answer: Config) -> str:
    lines = [f"{key}={value}" if value is not None else key for key, value in sorted(answer.vars.items())]
    return "\n".join(lines) or "no config"
