"""What to do with the records of a name, so that it leads here, or not any more."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import RecordInTheWayError, SpecError
from pvdify.model.dns import NewRecord, RecordChange, RecordType, address_type, mark
from pvdify.model.domain import WILDCARD
from pvdify.model.edge import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.cloudflare import Record, Zone
    from pvdify.model.dns import MadeRecord
    from pvdify.model.edge import EdgeSettings

_DELEGATION: Final = "NS"
_LEADS: Final = frozenset({*RecordType, _DELEGATION})
"""The types that say where a name leads; all others may stand beside ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to change about *names*, which records of ours stay as they are, and which are *left* that are not ours."""

    names: tuple[str, ...]
    change: RecordChange
    kept: tuple[Record, ...] = ()
    left: tuple[Record, ...] = ()


def zone_of(name: str, zones: Iterable[Zone]) -> Zone | None:
    """The one of *zones* that *name* is in: the longest that fits.

    >>> from pvdify.model.cloudflare import Zone
    >>> zones = [Zone(name="example.org", id="1"), Zone(name="eu.example.org", id="2")]
    >>> [zone_of(name, zones).id for name in ("example.org", "*.example.org", "a.eu.example.org", "neu.example.org")]
    ['1', '1', '2', '1']
    """
    bare = name.removeprefix(WILDCARD)
    fitting = [zone for zone in zones if bare == zone.name or bare.endswith(f".{zone.name}")]
    return max(fitting, key=lambda zone: len(zone.name), default=None)


def wanted_records(app: str, name: str, edge: EdgeSettings, addresses: tuple[str, ...]) -> tuple[NewRecord, ...]:
    """The records that lead *name* to the edge; none where that takes the host's addresses, and they are not given."""
    if edge.kind is EdgeKind.CLOUDFLARED:
        if addresses:
            raise SpecError("cannot lead a name to an address: this host's edge is a tunnel", pointer="/addresses")
        target = f"{edge.tunnel}.cfargotunnel.com"
        return (NewRecord(type=RecordType.CNAME, name=name, content=target, proxied=True, comment=mark(app)),)
    return tuple(
        NewRecord(type=address_type(address), name=name, content=str(ip_address(address)), comment=mark(app))
        for address in addresses
    )


def decided(
    zone: Zone,
    name: str,
    found: tuple[Record, ...],
    *,
    wanted: tuple[NewRecord, ...] = (),
    made: tuple[MadeRecord, ...] = (),
    overwrites: bool = False,
) -> Decision:
    """What makes *wanted* of the records *found* of a name, of which *made* are ours: they bear their app then.

    Raise `RecordInTheWayError`, naming them, where others' records lead the name elsewhere, unless it *overwrites* them.
    A record of somebody else's that is just what is wanted stays theirs.
    """
    leading = [one for one in found if one.type in _LEADS and not (one.type == _DELEGATION and name == zone.name)]
    there = [one for one in leading if any(_is_same(one, new) for new in wanted)]
    mine = {one.id: owner for one in leading if (owner := owner_of(one, wanted, made))}
    others = [one for one in leading if one.id not in mine and one not in there]
    if others and wanted and (not overwrites or any(one.type == _DELEGATION for one in others)):
        raise _in_the_way(others)
    ours = [msgspec.structs.replace(one, app=mine[one.id]) for one in leading if one.id in mine]
    stays = {one.id for one in there}
    change = RecordChange(
        zone=zone.id,
        gone=tuple(one for one in (*ours, *(others if wanted else ())) if one.id not in stays),
        new=tuple(new for new in wanted if not any(_is_same(one, new) for one in there)),
    )
    return Decision(
        names=(name,),
        change=change,
        kept=tuple(one for one in ours if one.id in stays),
        left=() if wanted else tuple(others),
    )


def owner_of(record: Record, wanted: Iterable[NewRecord], made: Iterable[MadeRecord]) -> str:
    """The app that pvdify made *record* for: it remembers that, or it forgot, and would make the very same. Empty if it did not."""
    remembered = next((one.app for one in made if one.is_of(record)), "")
    is_forgotten = any(is_made_of(record, new) for new in wanted)
    return remembered or (record.comment.removeprefix(mark("")) if is_forgotten else "")


def is_made_of(record: Record, new: NewRecord) -> bool:
    """Whether *record* is what became of *new*."""
    return (record.type, record.name, record.content, record.comment) == (new.type, new.name, new.content, new.comment)


def joined(zone: str, decisions: Iterable[Decision]) -> Decision:
    """All of *decisions*, at once."""
    every = tuple(decisions)
    return Decision(
        names=tuple(name for one in every for name in one.names),
        change=RecordChange(
            zone=zone,
            gone=tuple(record for one in every for record in one.change.gone),
            new=tuple(record for one in every for record in one.change.new),
        ),
        kept=tuple(record for one in every for record in one.kept),
        left=tuple(record for one in every for record in one.left),
    )


def warnings(zone: Zone, name: str, wanted: Iterable[NewRecord]) -> tuple[str, ...]:
    """What keeps visitors from coming by *name* although its records are right.

    >>> from pvdify.model.cloudflare import Zone
    >>> warnings(Zone(name="example.org", id="1", status="pending"), "www.example.org", ())
    ('the zone example.org is pending: nobody asks Cloudflare for it yet',)
    """
    is_deep = name.count(".") > zone.name.count(".") + 1
    asleep = f"the zone {zone.name} is {zone.status}: nobody asks Cloudflare for it yet"
    bare = f"{name} is more than one label below {zone.name}: Cloudflare's universal certificate does not cover it"
    found = ((asleep, zone.status != "active"), (bare, is_deep and any(one.proxied for one in wanted)))
    return tuple(words for words, holds in found if holds)


def _is_same(record: Record, new: NewRecord) -> bool:
    is_same = (record.type, record.proxied) == (new.type, new.proxied)
    return is_same and record.content.lower().rstrip(".") == new.content


def _in_the_way(others: list[Record]) -> RecordInTheWayError:
    name, words = others[0].name, "; ".join(one.words() for one in others[:5])
    if any(one.type == _DELEGATION for one in others):
        hint = "other name servers answer for that name: make the record there"
    else:
        hint = "remove it where it was made, or say `--force` to have it overwritten"
    return RecordInTheWayError(f"cannot lead {name} here: DNS has {words}, which pvdify did not make", hint=hint)
