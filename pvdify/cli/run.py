"""`run`: a one-off command."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli.addressing import Words
from pvdify.cli.command import command
from pvdify.cli.tables import json_text
from pvdify.model.requests import RunOnce
from pvdify.operations import ps as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session


@command(
    "run",
    click.Option(["--no-tty"], is_flag=True, help="Use pipes, also on a terminal."),
    examples=("pvdify run blog -- npm run migrate", "pvdify run blog -- sh"),
    words=Words(usage="-- COMMAND...", least=1, most=None, is_command=True),
)
async def run(session: Session, *, no_tty: bool) -> int:
    """Run a one-off command in the live release's image.

    It ends with the command's own exit status. With --json, what the command writes goes to standard error.
    """
    is_interactive = session.terminal.is_interactive and not no_tty and not session.is_json
    request = RunOnce(app=session.app, command=session.words, interactive=is_interactive)
    with session.terminal.aside() if session.is_json else nullcontext():
        answer = await session.ask(operations.RUN, request)
    if session.is_json:
        session.terminal.print(json_text(answer))
    return answer.status
