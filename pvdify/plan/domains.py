"""Which names an app shall have, and whether it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import DomainTakenError, SpecError
from pvdify.model.domain import WILDCARD, default_name, domain_name, namesake
from pvdify.model.edge import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.model.edge import EdgeSettings
    from pvdify.model.event import OperationRecord
    from pvdify.model.manifest import AppRow
    from pvdify.model.slot import Slot

WANTED: Final = "domains"
BEFORE: Final = "domains_before"
"""Where a journal says which names shall be in force, and which were."""


def names_declared(slot: Slot) -> tuple[str, ...]:
    """The names that *slot* declares, each in its one spelling and once; raise `SpecError` for what is none."""
    return tuple(dict.fromkeys(domain_name(text) for text in slot.domains))


def differs(row: AppRow, names: Iterable[str]) -> str:
    """What would change if *row* had *names*, in words; empty if nothing would.

    >>> from pvdify.model.manifest import AppRow
    >>> differs(AppRow(name="b", environment="staging", front=1, ids=1, created_at="", domains=("a.org", "b.org")), ("b.org", "c.org"))
    '+c.org -a.org'
    """
    wanted = tuple(names)
    new = (f"+{name}" for name in wanted if name not in row.domains)
    gone = (f"-{name}" for name in row.domains if name not in wanted)
    return " ".join((*new, *gone))


def names_wanted(record: OperationRecord, which: str = WANTED) -> tuple[str, ...] | None:
    """The names that an operation wanted to be in force, or those that were; None if it never came so far as to say so."""
    return next((tuple(str(event.data[which]).split()) for event in record.events if which in event.data), None)


def address_of(row: AppRow, edge: EdgeSettings) -> str:
    """Where people find *row*: its first name behind an edge that serves names by HTTPS, else its front.

    >>> from pvdify.model.edge import EdgeSettings
    >>> from pvdify.model.manifest import AppRow
    >>> blog = AppRow(name="blog", environment="staging", front=3000, ids=1, created_at="", domains=("*.a.org", "b.org"))
    >>> address_of(blog, EdgeSettings(kind=EdgeKind.CADDY)), address_of(blog, EdgeSettings())
    ('https://b.org/', 'http://127.0.0.1:3000/')
    """
    names = (*row.domains, default_name(row.name, edge.domain) or "")
    name = next((name for name in names if name and not name.startswith(WILDCARD)), "")
    return f"https://{name}/" if name and edge.kind is not EdgeKind.NONE else f"http://127.0.0.1:{row.front}/"


def takes_over(apps: Iterable[AppRow], slot: Slot) -> bool:
    """Whether *slot* declares a name that another of *apps* has: that one must let go of it first."""
    return not {name for row in apps if row.name != slot.name for name in row.domains}.isdisjoint(names_declared(slot))


def check_declared(apps: Mapping[str, AppRow], edge: EdgeSettings, slot: Slot, slots: Iterable[Slot]) -> None:
    """Raise as `check_owner` does unless the app of *slot* may have its names once all of *slots* are in force."""
    row, others = apps.get(slot.name), {one.name: names_declared(one) for one in slots if one.name != slot.name}
    new = tuple(name for name in names_declared(slot) if row is None or name not in row.domains)
    for other, names in others.items():
        if same := next((name for name in new if name in names), None):
            raise DomainTakenError(same, other)
    check_owner((one for one in apps.values() if one.name not in others), edge, slot.name, new)


def check_owner(apps: Iterable[AppRow], edge: EdgeSettings, app: str, names: Iterable[str]) -> None:
    """Raise `DomainTakenError` where one of *names* is another app's, or would be another app's below the host's domain."""
    others = {name: row.name for row in apps if row.name != app for name in row.domains}
    for name in names:
        if owner := others.get(name):
            raise DomainTakenError(name, owner)
        if (other := namesake(name, edge.domain)) and other != app:
            raise SpecError(
                f"cannot give {name} to {app}: below the host's domain every app has the name that it is called by",
                pointer="/domains",
            )
        if edge.kind is EdgeKind.CADDY and name.startswith(WILDCARD) and not edge.internal_ca:
            raise SpecError(
                f"cannot serve {name} with Caddy: a certificate for all names below one takes a DNS challenge",
                pointer="/domains",
                hint="add each name, or use the edge cloudflared",
            )
