"""The edge of the host: made to serve the names of the generation in force, and nothing more often than these change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import EdgeError, PvdifyError
from pvdify.model.edge import EdgeKind
from pvdify.ops.locking import held
from pvdify.render.edge import EDGES

if TYPE_CHECKING:
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

_UNITS: Final = {EdgeKind.CADDY: "pvdify-caddy.service", EdgeKind.CLOUDFLARED: "pvdify-tunnel@*.service"}


async def follow(host: Host) -> bool:
    """Make the edge serve what the generation in force says; whether there was anything to do. Raise `EdgeError` if it does not take it.

    A deploy moves what is behind a front and changes no name: then nothing is asked of the edge at all.
    """
    async with held(host.state.try_edge_lock):
        manifest = host.state.current()
        path = EDGES.get(manifest.edge.kind)
        wanted = manifest.files.get(path) if path else None
        if wanted == host.state.followed():
            return False
        for kind, edge in host.edges.items():
            if kind is manifest.edge.kind and path and wanted:
                await edge.follow(host.state.generation_path(manifest.number) / path)
            else:
                await edge.stop()
        host.state.note_followed(wanted)
    return True


async def followed(host: Host, running: Running) -> None:
    """The same as the step of an operation that is about something else, and done: an edge that does not follow is told of and no failure."""
    async with running.step("edge"):
        try:
            await follow(host)
        except PvdifyError as error:
            running.note(f"{error.message}; {error.hint or 'pvdify domains:check'}")


def unit_of(kind: EdgeKind) -> str:
    """The unit to look at where the edge of that kind fails."""
    return _UNITS.get(kind, "")


def need_edge(error: PvdifyError) -> EdgeError:
    """*error* of a program as one of the edge."""
    return error if isinstance(error, EdgeError) else EdgeError(error.message, hint=error.hint)
