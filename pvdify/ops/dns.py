"""Names that DNS leads here: what that takes is decided first, done at once, and undone as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import PvdifyError, RefusedError, ZoneNotFoundError
from pvdify.model.answers import Changed
from pvdify.model.cloudflare import Zone
from pvdify.model.edge import EdgeKind
from pvdify.model.event import Outcome
from pvdify.ops.cloudflare import asking, has_token
from pvdify.ops.records import records_of, settle, undo
from pvdify.plan.addresses import records
from pvdify.plan.dns import Decision, decided, joined, wanted_records, warnings, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.model.dns import MadeRecord, NewRecord, RecordChange
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.ports.edge import CloudflareSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Led:
    """Names of one zone, and the records that each of them needs: none where it shall not lead here any more."""

    zone: Zone
    wanted: Mapping[str, tuple[NewRecord, ...]]
    overwrites: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointing:
    """What leads names here; *advice* is what somebody has to do who knows the host's addresses."""

    led: tuple[Led, ...] = ()
    advice: str = ""

    def words(self) -> str:
        """What is to be said of it behind something else."""
        return f"; {self.advice}" if self.advice else ", and DNS leads there" if self.led else ""


async def pointing(
    host: Host, app: str, names: Iterable[str], *, addresses: tuple[str, ...] = (), overwrites: bool = False
) -> Pointing:
    """Decide what leads *names* here. Nothing is changed.

    Raise `ZoneNotFoundError`, `RecordInTheWayError`, or what keeps Cloudflare from being asked.
    """
    edge = host.state.current().edge
    wanted = {name: wanted_records(app, name, edge, addresses) for name in names}
    if unled := tuple(name for name, needed in wanted.items() if not needed):
        lines = records(host.row(app), unled, edge, await host.resolver.addresses())
        needed = f": DNS needs {', '.join(lines)}" if edge.kind is not EdgeKind.NONE else ""
        return Pointing(advice=f"no record is made without --address{needed}")
    async with asking(host) as session:
        every = _by_zone(edge, wanted, await session.zones(), overwrites=overwrites)
        for led in every:
            await _decided(host, session, app, led)
    return Pointing(led=every)


async def point(host: Host, running: Running, pointing: Pointing) -> bool:
    """Make the records that *pointing* needs, all of them or none; whether there was anything to do."""
    if not pointing.led:
        return False
    async with running.step("dns"):
        found = [
            words
            for led in pointing.led
            for name, needed in led.wanted.items()
            for words in warnings(led.zone, name, needed)
        ]
        for words in dict.fromkeys(found):
            running.note(words)
        return bool(await _carried_out(host, running, pointing.led))


async def pointed(host: Host, running: Running, row: AppRow, pointing: Pointing, text: str) -> Changed:
    """The same for names of *row* that the edge serves already, as a change of its own; *text* is true of them."""
    is_new = await point(host, running, pointing)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE if is_new else Outcome.UNCHANGED,
        text=text + pointing.words(),
        app=row.name,
        release=row.live,
    )


async def unpoint(host: Host, running: Running, names: Iterable[str]) -> tuple[RecordChange, ...]:
    """Remove the records of *names* that pvdify made and nobody has changed since. What was done, for `restore`."""
    wanted = frozenset(names)
    made = [one for one in host.state.elsewhere.records(running.app) if one.name in wanted]
    if not made:
        return ()
    if not await has_token(host):
        running.note(f"{', '.join(sorted(wanted))} stays in DNS: this host has no token for Cloudflare any more")
        return ()
    return await _removed(host, running, made)


async def _removed(host: Host, running: Running, made: Iterable[MadeRecord]) -> tuple[RecordChange, ...]:
    """Remove the records *made*, as `unpoint` does; raise `CloudflareLoginError` where there is no token."""
    made = tuple(made)
    zones = sorted({one.zone for one in made})
    led = (
        Led(zone=Zone(name="", id=zone), wanted={one.name: () for one in made if one.zone == zone}) for zone in zones
    )
    async with running.step("dns"):
        return await _carried_out(host, running, tuple(led))


async def unpointed(host: Host, running: Running, row: AppRow, name: str) -> Changed:
    """The same for a name that *row* does not have any more, as a change of its own."""
    done = await _removed(host, running, (one for one in host.state.elsewhere.records(running.app) if one.name == name))
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE if done else Outcome.UNCHANGED,
        text=f"DNS leads {name} here no more",
        app=row.name,
        release=row.live,
    )


def has_records(host: Host, app: str, name: str) -> bool:
    """Whether pvdify made records of *name* for *app*, as far as it remembers."""
    return any(one.name == name for one in host.state.elsewhere.records(app))


async def unpoint_all(host: Host, running: Running) -> None:
    """Remove all records that pvdify made for an app which goes; what stays is told of, and no failure."""
    names = {one.name for one in host.state.elsewhere.records(running.app)}
    try:
        await unpoint(host, running, names)
    except PvdifyError as error:
        running.note(f"records of {', '.join(sorted(names))} stay in DNS: {error.message}")


async def restore(host: Host, running: Running, done: Iterable[RecordChange]) -> None:
    """Undo what `unpoint` did; what cannot be undone is told of, and no failure."""
    changes = tuple(done)
    if changes:
        async with running.step("restore"):
            try:
                async with asking(host) as session:
                    await undo(host, running, session, changes)
            except PvdifyError as error:
                names = sorted({name for change in changes for name in change.names})
                running.note(f"the records of {', '.join(names)} may not be as they were: {error.message}")


async def _carried_out(host: Host, running: Running, every: tuple[Led, ...]) -> tuple[RecordChange, ...]:
    """Do it in every zone, or undo it."""
    tried: list[RecordChange] = []
    try:
        async with asking(host) as session:
            for led in every:
                await settle(host, running, session, partial(_decided, host, session, running.app, led), tried)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await restore(host, running, tried)
        raise
    return tuple(tried)


async def _decided(host: Host, session: CloudflareSession, app: str, led: Led) -> Decision:
    """What to change in a zone now."""
    made = host.state.elsewhere.records(app)
    try:
        found = await records_of(session, led.zone.id, tuple(led.wanted))
    except ZoneNotFoundError:
        if any(led.wanted.values()):
            raise
        found = ()  # the zone is gone, and our records with it
    return joined(
        led.zone.id,
        (
            decided(
                led.zone,
                name,
                tuple(one for one in found if one.name == name),
                wanted=needed,
                made=made,
                overwrites=led.overwrites,
            )
            for name, needed in led.wanted.items()
        ),
    )


def _by_zone(
    edge: EdgeSettings, wanted: Mapping[str, tuple[NewRecord, ...]], zones: tuple[Zone, ...], *, overwrites: bool
) -> tuple[Led, ...]:
    found: dict[str, dict[str, tuple[NewRecord, ...]]] = {}
    for name, needed in wanted.items():
        zone = zone_of(name, zones)
        if zone is None:
            raise ZoneNotFoundError(name)
        if edge.kind is EdgeKind.CLOUDFLARED and edge.account not in {None, zone.account}:
            raise RefusedError(
                f"cannot lead {name} to the tunnel: the zone {zone.name} is in another account than the tunnel",
                hint="a tunnel serves names of its own account only",
            )
        found.setdefault(zone.id, {})[name] = needed
    return tuple(Led(zone=zone, wanted=found[zone.id], overwrites=overwrites) for zone in zones if zone.id in found)
