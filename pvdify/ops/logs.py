"""Read what an app wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.answers import LogEntry
from pvdify.ports import LogQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.requests import ReadLogs
    from pvdify.ops.host import Host


async def read_logs(host: Host, request: ReadLogs) -> AsyncIterator[LogEntry]:
    """The last lines that fit, oldest first; then new ones as they come, if that was asked for."""
    host.row(request.app)
    query = LogQuery(
        app=request.app,
        process=request.process,
        release=request.release,
        since=request.since,
        lines=request.lines,
        grep=request.grep,
        follow=request.follow,
        after_cursor=request.after,
    )
    async for line in host.logs.read(query):
        yield LogEntry(
            at=line.at,
            instance=line.instance,
            release=line.release,
            text=line.text,
            is_error=line.is_error,
            cursor=line.cursor,
        )
