"""Cloudflare in memory: the rules that its API keeps to, and the role that pvdify sees of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import msgspec

from pvdify.errors import (
    CloudflareBusyError,
    CloudflareError,
    CloudflareLoginError,
    CloudflareUnreachableError,
    RecordInTheWayError,
    TunnelNotFoundError,
    ZoneNotFoundError,
)
from pvdify.model.cloudflare import Record, Zone
from pvdify.model.ingress import Ingress, Tunnel, rule_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from pvdify.model.dns import NewRecord, RecordChange

T = TypeVar("T")

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
OTHER_ACCOUNT = "f037e56e89293a057740de681ac9abbe"
TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
TOKEN = "test-0123456789-abcdefghij-0123456789-abc"  # noqa: S105 - of no account
ADDRESSES = {"A", "AAAA", "CNAME"}


class Fault(Enum):
    """What goes wrong with one request."""

    FORBIDDEN = auto()
    BUSY = auto()
    BROKEN = auto()
    """Status 500, and nothing was done."""
    BROKEN_AFTER = auto()
    CUT = auto()
    """The connection ends before anything was done."""
    CUT_AFTER = auto()
    """The connection ends, and the change was made."""
    HANGS_AFTER = auto()
    """The change was made, and no answer comes."""
    NONSENSE = auto()
    """Something between answers instead, with a page for people."""


AFTER = {Fault.BROKEN_AFTER, Fault.CUT_AFTER, Fault.HANGS_AFTER}


class Refused(Exception):  # noqa: N818 - as Cloudflare answers
    """No, with Cloudflare's status and number."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class FakeTunnel:
    """A tunnel, and the configuration that is kept of it."""

    name: str
    status: str = "healthy"
    is_remote: bool = True
    deleted_at: str | None = None
    version: int = 0
    config: dict[str, Any] | None = None

    @property
    def hostnames(self) -> dict[str, str]:
        """The services, by hostname; that of no name under an empty one."""
        return {rule.get("hostname", ""): rule["service"] for rule in (self.config or {}).get("ingress", ())}


@dataclass
class FakeAccount:
    """What Cloudflare keeps of one operator, and what goes wrong there: *faults* by what is asked, each of them once, in their order.

    *meanwhile* happens right before something of that name is carried out, once.
    """

    token: str = TOKEN
    status: str = "active"
    is_account_token: bool = False
    zones: dict[str, Zone] = field(default_factory=dict)
    records: dict[str, dict[str, Record]] = field(default_factory=dict)
    tunnels: dict[tuple[str, str], FakeTunnel] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    made: int = 0

    def add_zone(self, name: str, *, account: str = ACCOUNT, status: str = "active") -> str:
        """A zone without records; its id."""
        id_ = self._id("a")
        self.zones[id_] = Zone(name=name, id=id_, status=status, account=account)
        self.records[id_] = {}
        return id_

    def add_record(self, zone: str, type_: str, name: str, content: str, **others: Any) -> Record:
        """A record that somebody made."""
        record = Record(id=self._id("b"), type=type_, name=name, content=content, **others)
        self.records[zone][record.id] = record
        return record

    def found(self, name: str) -> list[tuple[str, str]]:
        """Type and content of all records of *name*."""
        return [(one.type, one.content) for zone in self.records.values() for one in zone.values() if one.name == name]

    def begin(self, what: str) -> Fault | None:
        """Note that *what* is asked, and answer what goes wrong."""
        self.asked.append(what)
        faults = self.faults.get(what)
        return faults.pop(0) if faults else None

    def interfere(self, what: str) -> None:
        """Let happen what happens right before *what*."""
        if what in self.meanwhile:
            self.meanwhile.pop(what)()

    def verify(self) -> str:
        """The status of the token, which an account may own; then this question is not for it."""
        if self.is_account_token:
            raise Refused(401, 1000, "Invalid API Token")
        return self.status

    def zone_records(self, zone: str) -> list[Record]:
        """The records of a zone."""
        if zone not in self.zones:
            raise Refused(404, 7003, f"Could not route to /zones/{zone}, perhaps your object identifier is invalid?")
        return list(self.records[zone].values())

    def batch(self, zone: str, gone: Iterable[str], new: Iterable[NewRecord]) -> tuple[Record, ...]:
        """All of it, or nothing."""
        self.zone_records(zone)
        left = dict(self.records[zone])
        for id_ in gone:
            if left.pop(id_, None) is None:
                raise Refused(404, 81044, "Record does not exist.")
        made = []
        for one in new:
            _check(one, left.values())
            record = msgspec.convert(
                {"id": self._id("c"), **{name: getattr(one, name) for name in one.__slots__}}, Record
            )
            left[record.id] = record
            made.append(record)
        self.records[zone] = left
        return tuple(made)

    def tunnel(self, account: str, tunnel: str) -> FakeTunnel:
        """A tunnel of the account."""
        if account not in {ACCOUNT, *(one for one, _ in self.tunnels)}:
            raise Refused(403, 10000, "Authentication error")
        if (account, tunnel) not in self.tunnels:
            raise Refused(404, 1003, "Tunnel not found")
        return self.tunnels[account, tunnel]

    def configure(self, account: str, tunnel: str, config: dict[str, Any]) -> int:
        """Keep another configuration; the version that it has."""
        found = self.tunnel(account, tunnel)
        rules = config.get("ingress") or []
        if not rules or rules[-1].get("hostname") or any(not rule.get("hostname") for rule in rules[:-1]):
            raise Refused(400, 1056, "Bad Configuration: The last ingress rule must match all URLs")
        found.config, found.version = config, found.version + 1
        return found.version

    def _id(self, mark: str) -> str:
        self.made += 1
        return f"{mark}{self.made:031x}"


def _check(new: NewRecord, others: Iterable[Record]) -> None:
    for one in others:
        if one.name != new.name:
            continue
        if (one.type, one.content) == (new.type, new.content):
            raise Refused(400, 81058, "An identical record already exists.")
        if "NS" in {one.type, new.type}:
            raise Refused(400, 81056, "NS records with that host already exist.")
        if "CNAME" in {one.type, new.type} and {one.type, new.type} <= ADDRESSES:
            raise Refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")


@dataclass
class FakeCloudflare:
    """`Cloudflare`, of one operator."""

    account: FakeAccount = field(default_factory=FakeAccount)

    @asynccontextmanager
    async def session(self, token: str) -> AsyncIterator[FakeSession]:
        await anyio.lowlevel.checkpoint()
        yield FakeSession(self.account, token)


@dataclass
class FakeSession:
    account: FakeAccount
    token: str

    async def verify(self) -> None:
        status = await self._asked("verify", self.account.verify)
        if status != "active":
            raise CloudflareLoginError("use the token for Cloudflare", f"it is {status}")

    async def zones(self) -> tuple[Zone, ...]:
        return await self._asked("zones", lambda: tuple(self.account.zones.values()))

    async def records(self, zone: str, name: str | None = None) -> tuple[Record, ...]:
        if zone not in self.account.zones:
            raise ZoneNotFoundError(name or zone)
        found = await self._asked("records", lambda: self.account.zone_records(zone))
        return tuple(one for one in found if name in {None, one.name})

    async def change_records(self, change: RecordChange) -> tuple[Record, ...]:
        gone = [one.id for one in change.gone]
        return await self._asked("change_records", lambda: self.account.batch(change.zone, gone, change.new))

    async def tunnel(self, account: str, tunnel: str) -> Tunnel:
        found = await self._asked("tunnel", lambda: self._tunnel(account, tunnel))
        if found.deleted_at:
            raise TunnelNotFoundError(account, tunnel)
        return Tunnel(id=tunnel, name=found.name, status=found.status, is_remote=found.is_remote)

    async def ingress(self, account: str, tunnel: str) -> Ingress:
        found = await self._asked("ingress", lambda: self._tunnel(account, tunnel))
        config = msgspec.json.decode(msgspec.json.encode(found.config or {}))
        rules = tuple(rule_of(one) for one in config.pop("ingress", ()))
        return Ingress(version=found.version, rules=rules, rest=config)

    async def put_ingress(self, account: str, tunnel: str, ingress: Ingress) -> int:
        config = {**ingress.rest, "ingress": [dict(rule.text) for rule in ingress.rules]}
        return await self._asked("put_ingress", lambda: self.account.configure(account, tunnel, config))

    def _tunnel(self, account: str, tunnel: str) -> FakeTunnel:
        try:
            return self.account.tunnel(account, tunnel)
        except Refused as error:
            if error.status == 404:
                raise TunnelNotFoundError(account, tunnel) from error
            raise

    async def _asked(self, what: str, act: Callable[[], T]) -> T:
        await anyio.lowlevel.checkpoint()
        fault = self.account.begin(what)
        if self.token != self.account.token or fault is Fault.FORBIDDEN:
            raise CloudflareLoginError(f"ask for {what}", "Cloudflare refuses the token")
        if fault is Fault.BUSY:
            raise CloudflareBusyError(f"ask for {what}", 300)
        if fault is not None and fault not in AFTER:
            raise CloudflareUnreachableError(f"ask for {what}", fault.name.lower())
        self.account.interfere(what)
        try:
            answer = act()
        except Refused as error:
            raise _error(error) from error
        if fault is not None:
            raise CloudflareUnreachableError(f"ask for {what}", fault.name.lower())
        return answer


def _error(error: Refused) -> Exception:
    if error.status in {401, 403}:
        return CloudflareLoginError("do that", error.message)
    if 81000 <= error.code < 82000:
        return RecordInTheWayError(error.message)
    return CloudflareError(f"cannot do that: Cloudflare says {error.message}")
