"""Follow the events of all operations of a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio import sleep, to_thread

from pvdify.model.answers import HostEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.requests import FollowEvents
    from pvdify.ops.host import Host

_EVERY: Final = 0.25
_AT_ONCE: Final = 500


async def follow_events(host: Host, request: FollowEvents) -> AsyncIterator[HostEvent]:
    """The events behind the one that *request* names, as far as they are kept, or those from now on: each at least once.

    Those of what happened at the same time come in the order in which it happened. What only tells of progress is left out.
    """
    tail = await to_thread.run_sync(host.state.news, request.after)
    while True:
        news = await to_thread.run_sync(tail.news, _AT_ONCE)
        for one in news:
            data = one.first.data
            yield HostEvent(
                cursor=one.cursor,
                operation=one.operation,
                name=str(data["name"]),
                app=str(data["app"]),
                actor=str(data["actor"]),
                event=one.event,
            )
        if len(news) < _AT_ONCE:
            await sleep(_EVERY)
