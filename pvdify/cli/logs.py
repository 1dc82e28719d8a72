"""`logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS
from pvdify.cli.command import command
from pvdify.model.names import version_number
from pvdify.model.requests import ReadLogs
from pvdify.operations import logs as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import LogEntry

_COLOURS = (36, 33, 32, 35, 34, 31)


@command(
    "logs",
    click.Option(["-f", "--follow", "--tail", "follow"], is_flag=True, help="Go on with new lines as they come."),
    click.Option(["-n", "--lines", "lines"], type=int, default=100, show_default=True, metavar="N"),
    click.Option(["--process"], metavar="PROCESS", help="Only this process, for example worker."),
    click.Option(["--release"], metavar="vN", help="Only this release."),
    click.Option(["--since"], metavar="TIME", help="As journalctl reads it: 2026-01-31 09:00, yesterday, -1h."),
    click.Option(["--grep"], metavar="TEXT", help="Only lines with this text; in small letters it fits capitals too."),
    examples=("pvdify logs blog -f", "pvdify logs blog -n 500 --process worker --since -1h"),
    words=NO_WORDS,
)
async def logs(
    session: Session,
    *,
    follow: bool,
    lines: int,
    process: str | None,
    release: str | None,
    since: str | None,
    grep: str | None,
) -> None:
    """Read what an app wrote.

    With --json each line is one object. Who asked it for what is in the host's journal: `journalctl -t APP-access`.
    """
    request = ReadLogs(
        app=session.app,
        lines=lines,
        follow=follow,
        process=process,
        release=version_number(release) if release else None,
        since=since,
        grep=grep,
    )
    async for entry in session.client.stream(operations.READ, request):
        session.terminal.print(tables.json_line(entry) if session.is_json else _line(session, entry))
        if follow:
            session.terminal.flush()


def _line(session: Session, entry: LogEntry) -> str:
    release = f"v{entry.release} " if entry.release is not None else ""
    colour = _COLOURS[sum(entry.instance.encode()) % len(_COLOURS)]
    who = session.terminal.coloured(f"{tables.moment(entry.at)} {release}{entry.instance}", colour)
    return f"{who} | {session.terminal.printable(entry.text)}"
