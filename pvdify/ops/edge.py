"""The edge of the host: made to serve the names of the generation in force, and nothing more often than these change."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import EdgeError, PvdifyError
from pvdify.model.edge import EdgeKind
from pvdify.ops.ingress import bring, check_tunnel, is_remote, services
from pvdify.ops.locking import held
from pvdify.ops.tunnel_credentials import are_kept, seal_credentials
from pvdify.render.edge import EDGES

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import Manifest
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Tell = Callable[[str], None]
_UNKNOWN: Final = "unknown"
_AND: Final = "+"


def say_nothing(_text: str) -> None:
    """Tell nobody."""


async def follow(host: Host, *, again: bool = False, before: str | None = None, tell: Tell = say_nothing) -> bool:
    """Make the edge serve what the generation in force says; whether there was anything to do. Raise `EdgeError` if it does not take it.

    A deploy moves what is behind a front and changes no name: then nothing is asked of the edge at all, unless it shall be brought to it *again*.
    *before* is what it was noted to serve before the caller published: it still does when it refuses. *tell* hears what is worth knowing of it.
    """
    async with held(host.state.try_edge_lock):
        manifest = host.state.current()
        if not again and not is_edge_behind(host, manifest):
            return False
        noted = (host.state.followed.read() or "").partition(_AND)[0]
        try:
            await _bring(host, manifest, tell, is_other=again or noted != _file(manifest))
        except EdgeError:
            if before is not None and not is_remote(manifest.edge):
                host.state.followed.note(before)
            raise
        except BaseException:
            forget(host)
            raise
        host.state.followed.note(_wanted(manifest))
    return True


def forget(host: Host) -> str | None:
    """Note that nobody knows what the edge serves: whoever looks at it next brings it to the names in force. What was noted until now."""
    noted = host.state.followed.read()
    host.state.followed.note(_UNKNOWN)
    return noted


def remember(host: Host, manifest: Manifest, noted: str | None) -> None:
    """Note again what was noted before *manifest* came into force, if it says the same."""
    if noted == _wanted(manifest):
        host.state.followed.note(noted)


async def followed(host: Host, running: Running) -> None:
    """The same as the step of an operation that is about something else, and done: an edge that does not follow is told of and no failure."""
    if not is_edge_behind(host, host.state.current()):
        return
    async with running.step("edge"):
        try:
            await follow(host, tell=running.note)
        except PvdifyError as error:
            running.note(f"{error.message}; {error.hint or 'pvdify domains:check'}")


async def heal_edge(host: Host, *, was_spoiled: bool) -> bool:
    """Bring the edge to the generation in force where it is behind, or down, or may have read a file that *was spoiled*; whether it was."""
    if waits_for_apps(host):
        return False
    manifest = host.state.current()
    is_down = await is_run_here(host, manifest.edge) and not await host.edges[manifest.edge.kind].is_running()
    return await follow(host, again=was_spoiled or is_down)


def waits_for_apps(host: Host) -> bool:
    """Whether a restore is not through, which lets nobody in before its end."""
    restoring = host.state.backups.restoring()
    return restoring is not None and restoring.is_edge_waiting


async def edge_amiss(host: Host, manifest: Manifest) -> str:
    """What is not as it should be with the edge, in words; empty if nothing is."""
    if await is_run_here(host, manifest.edge) and not await host.edges[manifest.edge.kind].is_running():
        return f"{manifest.edge.kind.value} is down"
    return f"{manifest.edge.kind.value} was not brought to the names in force" if is_edge_behind(host, manifest) else ""


def is_edge_behind(host: Host, manifest: Manifest) -> bool:
    """Whether the edge was last brought to something else than what *manifest* says.

    What it was brought to outlives a boot: then its unit starts with the file of the generation in force.
    """
    return _wanted(manifest) != host.state.followed.read()


async def is_run_here(host: Host, edge: EdgeSettings) -> bool:
    """Whether the program of *edge* runs on this host: a tunnel that Cloudflare keeps may be run by somebody else."""
    return edge.kind in host.edges and (not is_remote(edge) or await are_kept(host, edge))


async def runs(host: Host, manifest: Manifest) -> bool:
    """Whether the edge is up: on this host, or, where somebody else runs the tunnel, as Cloudflare sees it."""
    edge = manifest.edge
    if await is_run_here(host, edge):
        return await host.edges[edge.kind].is_running()
    if not is_remote(edge):
        return False
    try:
        return (await check_tunnel(host, edge)).is_up
    except PvdifyError:
        return False


async def _bring(host: Host, manifest: Manifest, tell: Tell, *, is_other: bool) -> None:
    """Bring whatever serves the names to them; the program of a tunnel that Cloudflare keeps only where its file *is* another one."""
    edge = manifest.edge
    if is_remote(edge):
        await bring(host, manifest, tell=tell)
    runs_here = _file(manifest) is not None and await is_run_here(host, edge)
    if runs_here and (is_other or not await host.edges[edge.kind].is_running()):
        await seal_credentials(host, edge)
        await host.edges[edge.kind].follow(host.state.generation_path(manifest.number) / EDGES[edge.kind])
    for other, program in host.edges.items():
        if other is not edge.kind or not runs_here:
            await program.stop()
    if edge.kind is not EdgeKind.CLOUDFLARED:
        await seal_credentials(host, edge)  # of none: a unit that runs no more has nothing to open


def _wanted(manifest: Manifest) -> str | None:
    """The SHA-256 of what the edge shall serve, and of what Cloudflare keeps of that; None where it shall serve nothing."""
    file = _file(manifest)
    if file is None or not is_remote(manifest.edge):
        return file
    return f"{file}{_AND}{sha256(msgspec.json.encode(services(manifest))).hexdigest()}"


def _file(manifest: Manifest) -> str | None:
    path = EDGES.get(manifest.edge.kind)
    return manifest.files.get(path) if path else None
