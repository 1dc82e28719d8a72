"""Look at everything that pvdify stands on, and say what is wrong and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import PvdifyError
from pvdify.model.answers import Check, CheckStatus, Doctor
from pvdify.model.edge import EdgeKind
from pvdify.model.names import UnitName
from pvdify.ops import doctor_secrets
from pvdify.ops.checks import Checks, fail, ok, warn
from pvdify.ops.deploy import DISK_FLOOR
from pvdify.ops.edge import is_run_here
from pvdify.ops.ingress import check_tunnel
from pvdify.ops.move import servers
from pvdify.ops.publish import programs
from pvdify.ops.validate import validate
from pvdify.ops.way import edge_link, ways
from pvdify.render.edge import names_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.requests import Nothing
    from pvdify.ops.host import Host

_SOCKETS: Final = (UnitName("pvdifyd.socket"), UnitName("pvdify-host.socket"), UnitName("pvdify-admin.socket"))
_SERVICES: Final = (UnitName("pvdifyd.service"), UnitName("pvdify-host.service"))


async def doctor(host: Host, _request: Nothing) -> Doctor:
    """Run every check; one that cannot run is itself a failure and does not stop the others."""
    found: list[Check] = []
    for name, look in _LOOKS.items():
        try:
            found += [check async for check in look(host)]
        except PvdifyError as error:
            found.append(fail(name, error.message, error.hint))
    return Doctor(checks=tuple(found))


async def _programs(host: Host) -> Checks:
    for name, version in (await programs(host)).items():
        yield ok(name, f"version {version}")


async def _state(host: Host) -> Checks:
    manifest = host.state.current()
    drift = host.state.drift(manifest.number)
    if drift:
        yield fail("generation", f"edited by hand: {', '.join(drift)}", "pvdify apply")
    else:
        yield ok("generation", f"{manifest.number}, {len(manifest.files)} files as published")
    loaded = host.state.loaded()
    lent = await host.systemd.lent()
    if lent:
        yield warn(
            "loaded units",
            f"{len(lent)} units are lent to systemd since an operation died",
            "pvdify apply",
        )
    elif loaded is not None and loaded < manifest.number:
        yield ok("loaded units", f"from generation {loaded}; nothing newer needs systemd")
    dead = [one for one in host.state.records(unfinished_only=True) if not host.state.is_running(one.id)]
    for record in dead:
        whose = f" of {record.app}" if record.app else ""
        yield warn(
            "operations",
            f"{record.name}{whose} ({record.id}) died at {record.step or 'its start'}",
            f"pvdify apply -a {record.app}" if record.app else "systemctl start pvdify-recover.service",
        )
    if not dead:
        yield ok("operations", "none is unfinished")


async def _restore(host: Host) -> Checks:
    restoring = host.state.backups.restoring()
    if restoring is not None:
        waiting = ", ".join(restoring.waiting) or "nothing"
        yield warn("restore", f"{waiting} did not come up yet since it was restored", "pvdify apply")


async def _whole_tree(host: Host) -> Checks:
    manifest = host.state.current()
    await validate(host, host.state.generation_path(manifest.number), tuple(manifest.files))
    yield ok("artefacts", "Quadlet, systemd and HAProxy accept every file")


async def _disk(host: Host) -> Checks:
    free = host.state.free_bytes()
    if free < DISK_FLOOR:
        yield fail("disk", f"{free // 2**20} MiB are free, a pull wants {DISK_FLOOR // 2**20}", "pvdify gc")
    else:
        yield ok("disk", f"{free // 2**20} MiB are free")


async def _router(host: Host) -> Checks:
    if not await host.router.is_running():
        yield fail(
            "router",
            "pvdify-router.service is down: no front answers",
            "systemctl start pvdify-router.service",
        )
        return
    yield ok("router", "is up")
    for row in host.state.current().apps.values():
        wanted, actual = set(servers(row)), set(await host.router.servers(row.name))
        if {(one.name, one.port) for one in wanted} != {(one.name, one.port) for one in actual}:
            names = ", ".join(sorted(one.name for one in actual)) or "nothing"
            yield fail(
                f"front of {row.name}",
                f"the router sends it to {names}",
                f"pvdify apply -a {row.name}",
            )
        holder = await host.network.holder(row.front)
        if holder is None or "haproxy" not in holder:
            yield fail(
                f"front of {row.name}",
                f"{holder or 'nobody'} listens on {row.front}",
                f"ss -ltnp 'sport = :{row.front}'",
            )


async def _apps(host: Host) -> Checks:
    manifest = host.state.current()
    for row in manifest.apps.values():
        try:
            async for check in _app(host, manifest, row):
                yield check
        except PvdifyError as error:
            yield fail(row.name, error.message, error.hint)


async def _edge(host: Host) -> Checks:
    """The edge, and the whole way to every app by every name; nobody is waited for longer than some seconds."""
    manifest = host.state.current()
    kind = manifest.edge.kind
    wanted = [(row, names) for row in manifest.apps.values() if (names := names_of(row, manifest.edge))]
    count = sum(len(names) for _, names in wanted)
    if kind is EdgeKind.NONE and not manifest.edge.forwards:
        words = f"none; {count} names come by a proxy of your own" if count else "none, and no app has a name"
        yield ok("edge", words)
        return
    if kind is EdgeKind.NONE:
        up = "a proxy of your own is in front"
    elif await is_run_here(host, manifest.edge):
        up = f"{kind.value} {await host.edges[kind].version()} is up"
    else:
        tunnel = await check_tunnel(host, manifest.edge)
        up = f"the tunnel {tunnel.name} is {tunnel.status}"
        if not tunnel.is_up:
            yield fail("edge", f"{up}: nobody runs it", "systemctl status cloudflared, on whichever host does")
            return
    link = await edge_link(host, manifest)
    if link.status is not CheckStatus.OK:
        yield Check(name="edge", status=link.status, detail=link.detail, hint=link.hint)
        return
    broken = 0
    for way in await ways(host, wanted):
        worst = [one for one in way.links if one.status is not CheckStatus.OK and one.detail == way.reason]
        broken += len(worst)
        for one in worst:
            yield Check(name=f"domain of {way.app}", status=one.status, detail=one.detail, hint=one.hint)
    yield ok("edge", f"{up}; {count - broken} of {count} names are active")


async def _api(host: Host) -> Checks:
    """The API runs only while somebody asks it: what is there all the time are its sockets."""
    statuses = await host.systemd.show(*_SOCKETS, *_SERVICES)
    installed = [one for one in statuses if one.load != "not-found"]
    for status in installed:
        if status.active == "failed":
            why = f"journalctl -u {status.unit} -n 50, then `systemctl restart {' '.join(_SOCKETS)}`"
            yield fail("api", f"{status.unit} failed ({status.result})", why)
        elif status.unit in _SOCKETS and status.active != "active":
            yield warn("api", f"{status.unit} is {status.active}", f"systemctl start {status.unit}")
        elif status.unit in _SERVICES and status.result != "success":
            yield fail("api", f"{status.unit} cannot start ({status.result})", f"journalctl -u {status.unit} -n 50")
    if installed and all(one.active == "active" for one in installed if one.unit in _SOCKETS):
        yield ok("api", "its sockets are open")


async def _app(host: Host, manifest: Manifest, row: AppRow) -> Checks:
    live = row.live_instances()
    statuses = await host.systemd.show(*(one.instance(row.name).unit for one in live)) if live else ()
    down = [one for one in statuses if one.active != "active"]
    for status in down:
        yield fail(
            row.name,
            f"{status.unit} is {status.active} ({status.result})",
            f"journalctl -u {status.unit} -n 50",
        )
    for status in statuses:
        if status.load == "not-found":
            yield fail(row.name, f"systemd does not know {status.unit}", f"pvdify apply -a {row.name}")
    for version in {row.live, row.warm} - {None}:
        image = host.state.release(row.name, version or 0).image
        if await host.podman.image(image) is None:
            yield fail(
                row.name,
                f"the image of v{version} is gone from the store ({image})",
                f"pvdify deploy {row.name} --image {image}",
            )
    if host.state.is_edited(row):
        yield warn(row.name, "slot.toml was edited since it was applied", f"pvdify plan -a {row.name}")
    if not down and manifest.apps:
        up = f"{len(live)} instances of v{row.live} are up" if len(live) > 1 else f"1 instance of v{row.live} is up"
        yield ok(row.name, up if live else "has nothing to run")


_LOOKS: Final[dict[str, Callable[[Host], Checks]]] = {
    "programs": _programs,
    "state": _state,
    "restore": _restore,
    "artefacts": _whole_tree,
    "disk": _disk,
    "router": _router,
    "edge": _edge,
    "api": _api,
    **doctor_secrets.LOOKS,
    "apps": _apps,
}
