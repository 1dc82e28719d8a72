"""Records in DNS: those that a name needs, and those that pvdify made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pvdify.errors import SpecError
from pvdify.model.names import AppName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.model.cloudflare import Record

AddressText = Annotated[
    str, Meta(min_length=2, max_length=45, description="an IPv4 or IPv6 address of the host: 203.0.113.7")
]


class RecordType(StrEnum):
    """The records that pvdify makes."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record to make."""

    type: str
    name: str
    content: str
    proxied: bool = False
    ttl: int = 1
    comment: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordChange:
    """What to do in one zone, whose id *zone* is: *gone* goes first."""

    zone: str
    gone: tuple[Record, ...] = ()
    new: tuple[NewRecord, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.gone or self.new)

    @property
    def names(self) -> tuple[str, ...]:
        """Whose records they are."""
        return tuple(sorted({*(one.name for one in self.gone), *(one.name for one in self.new)}))


class MadeRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record that pvdify made, or is about to make: then its *id* is empty."""

    app: AppName
    zone: str
    name: str
    type: RecordType
    content: str
    id: str = ""

    def is_of(self, record: Record) -> bool:
        """Whether *record* is this one, as it was made: what somebody has led elsewhere since is theirs."""
        is_same = (self.type, self.name, self.content) == (record.type, record.name, record.content)
        return is_same and (self.id == record.id if self.id else record.comment == mark(self.app))


def mark(app: str) -> str:
    """The comment of the records that pvdify makes for *app*."""
    return f"pvdify: {app}"


def address_type(text: str) -> RecordType:
    """The type of the record that holds the address *text*; raise `SpecError` where nobody can be led there.

    >>> address_type("203.0.113.7").value, address_type("2001:db8::7").value
    ('A', 'AAAA')
    """
    try:
        address = ip_address(text)
    except ValueError as error:
        raise SpecError(f"cannot lead a name to {text[:60]!r}: it is no address", pointer="/addresses") from error
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local:
        raise SpecError(f"cannot lead a name to {text}: others cannot reach that", pointer="/addresses")
    return RecordType.A if address.version == 4 else RecordType.AAAA  # noqa: PLR2004 - IPv4


def check_addresses(texts: Iterable[str]) -> None:
    """Raise `SpecError` unless others can be led to each of *texts*."""
    for text in texts:
        address_type(text)


def again(record: Record) -> NewRecord:
    """*record*, to be made once more."""
    return NewRecord(
        type=record.type,
        name=record.name,
        content=record.content,
        proxied=record.proxied,
        ttl=record.ttl,
        comment=record.comment,
        tags=record.tags,
    )
