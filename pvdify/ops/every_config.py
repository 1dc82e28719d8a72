"""Do something with every config version of the host, whatever becomes of one of them meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from pvdify.errors import NotFoundError, StateError

if TYPE_CHECKING:
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Work = Callable[["Host", str, int], Awaitable[None]]


def every_version(host: Host) -> tuple[tuple[str, int], ...]:
    """Every config version, by app and number; the host's own are among them."""
    configs = host.state.configs
    return tuple((app, version) for app in configs.owners() for version in configs.versions(app))


def is_there(host: Host, app: str, version: int) -> bool:
    """Whether a version is still there: an app may be destroyed at any time."""
    return version in host.state.configs.versions(app)


async def with_each(
    host: Host, running: Running, versions: Iterable[tuple[str, int]], work: Work, *, rest: Callable[[int], str]
) -> int:
    """Do *work* with each of *versions*, and answer with how many it was done.

    One that is gone meanwhile is left out. One that cannot be read is noted, and when all others are done the first such error is raised;
    *rest* says of how many that were done what its hint goes on with.
    """
    failures: list[StateError] = []
    count = 0
    for app, version in versions:
        try:
            await work(host, app, version)
        except (NotFoundError, StateError) as error:
            if not is_there(host, app, version):
                continue
            if isinstance(error, NotFoundError):
                raise
            running.note(error.message)
            failures.append(error)
        else:
            count += 1
            await running.progress(f"c{version} of {app}")
    if failures:
        failures[0].hint = f"{failures[0].hint}, then type the same again{rest(count)}"
        raise failures[0]
    return count
