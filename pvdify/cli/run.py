"""`run`: a one-off command."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli.addressing import Words
from pvdify.cli.command import command
from pvdify.cli.tables import json_text
from pvdify.errors import UnreachableError
from pvdify.model.answers import RunResult, RunStream
from pvdify.model.requests import RunOnce
from pvdify.operations import ps as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session


@command(
    "run",
    click.Option(["--no-tty"], is_flag=True, help="Use pipes, also on a terminal."),
    click.Option(
        ["--timeout"],
        type=click.IntRange(1, 86_400),
        default=3600,
        show_default=True,
        metavar="SECONDS",
        help="End the command after so long, on a host elsewhere.",
    ),
    examples=("pvdify run blog -- npm run migrate", "pvdify run blog -- sh"),
    words=Words(usage="-- COMMAND...", least=1, most=None, is_command=True),
)
async def run(session: Session, *, no_tty: bool, timeout: int) -> int:
    """Run a one-off command in the live release's image.

    It ends with the command's own exit status. With --json, what the command writes goes to standard error.
    On a host elsewhere it has no terminal and nothing to read, and it ends when this command does.
    """
    is_far = session.client.is_remote
    is_interactive = session.terminal.is_interactive and not no_tty and not session.is_json and not is_far
    request = RunOnce(app=session.app, command=session.words, interactive=is_interactive, timeout=timeout)
    if is_far:
        answer = await _piped(session, request)
    else:
        with session.terminal.aside() if session.is_json else nullcontext():
            answer = await session.ask(operations.RUN, request)
    if session.is_json:
        session.terminal.print(json_text(answer))
    return answer.status


async def _piped(session: Session, request: RunOnce) -> RunResult:
    """Write what the command writes, as it comes, and answer how it ended."""
    out, err = session.terminal.out, session.terminal.err
    status: int | None = None
    async for output in session.client.stream(operations.RUN_PIPED, request):
        status = output.status
        stream = out if output.stream is RunStream.STDOUT and not session.is_json else err
        stream.write(output.text)
        stream.flush()
    if status is None:
        raise UnreachableError(
            "cannot tell how the command ended: the host says no more",
            hint="it was ended with the connection; look at what it did before you type it again",
        )
    return RunResult(status=status)
