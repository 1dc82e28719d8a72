"""The edge of the host: made to serve the names of the generation in force, and nothing more often than these change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import EdgeError, PvdifyError
from pvdify.ops.locking import held
from pvdify.render.edge import EDGES

if TYPE_CHECKING:
    from pvdify.model.manifest import Manifest
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

_UNKNOWN: Final = "unknown"


async def follow(host: Host, *, again: bool = False) -> bool:
    """Make the edge serve what the generation in force says; whether there was anything to do. Raise `EdgeError` if it does not take it.

    A deploy moves what is behind a front and changes no name: then nothing is asked of the edge at all, unless it shall be brought to it *again*.
    """
    async with held(host.state.try_edge_lock):
        manifest = host.state.current()
        if not again and not is_behind(host, manifest):
            return False
        try:
            await _bring(host, manifest)
        except EdgeError:
            raise  # it serves what it did
        except BaseException:
            forget(host)
            raise
        host.state.note_followed(_wanted(manifest))
    return True


def forget(host: Host) -> None:
    """Note that nobody knows what the edge serves: whoever looks at it next brings it to the names in force."""
    host.state.note_followed(_UNKNOWN)


async def followed(host: Host, running: Running) -> None:
    """The same as the step of an operation that is about something else, and done: an edge that does not follow is told of and no failure."""
    if not is_behind(host, host.state.current()):
        return
    async with running.step("edge"):
        try:
            await follow(host)
        except PvdifyError as error:
            running.note(f"{error.message}; {error.hint or 'pvdify domains:check'}")


async def heal_edge(host: Host, *, was_spoiled: bool) -> bool:
    """Bring the edge to the generation in force where it is behind, or down, or may have read a file that *was spoiled*; whether it was."""
    manifest = host.state.current()
    is_down = _wanted(manifest) is not None and not await host.edges[manifest.edge.kind].is_running()
    return await follow(host, again=was_spoiled or is_down)


async def edge_amiss(host: Host, manifest: Manifest) -> str:
    """What is not as it should be with the edge, in words; empty if nothing is."""
    if is_behind(host, manifest):
        return f"{manifest.edge.kind.value} was not brought to the names in force"
    if _wanted(manifest) is not None and not await host.edges[manifest.edge.kind].is_running():
        return f"{manifest.edge.kind.value} is down"
    return ""


def is_behind(host: Host, manifest: Manifest) -> bool:
    """Whether the edge was last brought to something else than what *manifest* says.

    What it was brought to outlives a boot: then its unit starts with the file of the generation in force.
    """
    return _wanted(manifest) != host.state.followed()


async def _bring(host: Host, manifest: Manifest) -> None:
    kind = manifest.edge.kind
    if _wanted(manifest):
        await host.edges[kind].follow(host.state.generation_path(manifest.number) / EDGES[kind])
    for other, edge in host.edges.items():
        if other is not kind or not _wanted(manifest):
            await edge.stop()


def _wanted(manifest: Manifest) -> str | None:
    """The SHA-256 of what the edge shall serve; None where it shall serve nothing."""
    path = EDGES.get(manifest.edge.kind)
    return manifest.files.get(path) if path else None
