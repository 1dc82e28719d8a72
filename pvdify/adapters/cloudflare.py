"""Cloudflare's API: zones, their records, and the ingress of tunnels that it keeps."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from pvdify.adapters.cloudflare_api import Api, ApiRefusalError
from pvdify.adapters.cloudflare_client import connected
from pvdify.errors import (
    CloudflareError,
    CloudflareLoginError,
    RecordInTheWayError,
    TunnelNotFoundError,
    ZoneNotFoundError,
)
from pvdify.model.cloudflare import Record, Zone
from pvdify.model.ingress import Ingress, Tunnel, rule_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.dns import NewRecord, RecordChange

T = TypeVar("T")

ADDRESS: Final = "https://api.cloudflare.com/client/v4"
PATIENCE: Final = 60.0
"""Seconds that an answer may take, with all that is waited for in between."""
_ZONES: Final = 50
_RECORDS: Final = 500
_PAGES: Final = 1000
_IN_THE_WAY: Final = frozenset({81044, 81053, 81054, 81056, 81057, 81058})
"""A record of that name exists, or the one that was to go does not."""
_NO_ROUTE: Final = frozenset({7000, 7003})
_GONE: Final = 404
_INGRESS: Final = "ingress"


class _Token(msgspec.Struct, frozen=True):
    status: str = ""


class _Account(msgspec.Struct, frozen=True):
    id: str = ""


class _Zone(msgspec.Struct, frozen=True):
    id: str
    name: str
    status: str = ""
    account: _Account = _Account()


class _Record(msgspec.Struct, frozen=True):
    id: str
    type: str
    name: str
    content: str | None = None
    proxied: bool | None = None
    ttl: int = 1
    comment: str | None = None
    tags: tuple[str, ...] | None = None


class _Batch(msgspec.Struct, frozen=True):
    posts: tuple[_Record, ...] | None = None


class _Tunnel(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    status: str = ""
    deleted_at: str | None = None
    config_src: str = "cloudflare"


class _Configuration(msgspec.Struct, frozen=True):
    version: int = 0
    config: dict[str, Any] | None = None  # Any: what others put there is handed back as it came


@dataclass(frozen=True, slots=True)
class Cloudflare:
    """`Cloudflare` itself; *address* is another one only where a test says so."""

    address: str = ADDRESS
    patience: float = PATIENCE

    @asynccontextmanager
    async def session(self, token: str) -> AsyncIterator[Session]:
        async with connected(token, address=self.address, patience=self.patience) as client:
            yield Session(Api(client, self.patience))


@dataclass(frozen=True, slots=True)
class Session:
    """`CloudflareSession`."""

    api: Api

    async def verify(self) -> None:
        doing = "use the token for Cloudflare"
        answer = await self.api.ask("GET", "/user/tokens/verify", _Token, doing=doing)
        if answer.result.status != "active":
            raise CloudflareLoginError(doing, f"it is {answer.result.status or 'not active'}")

    async def zones(self) -> tuple[Zone, ...]:
        found = await self._all("/zones", tuple[_Zone, ...], doing="list the zones", size=_ZONES)
        return tuple(Zone(name=one.name, id=one.id, status=one.status, account=one.account.id) for one in found)

    async def records(self, zone: str, name: str | None = None) -> tuple[Record, ...]:
        doing = f"look at the records of {name or zone}"
        wanted = {"name.exact": name} if name else {}
        path = f"/zones/{zone}/dns_records"
        try:
            found = await self._all(path, tuple[_Record, ...], doing=doing, size=_RECORDS, **wanted)
        except ApiRefusalError as error:
            raise (ZoneNotFoundError(name or zone) if _is_gone(error) else error) from error
        return tuple(_record(one) for one in found)

    async def change_records(self, change: RecordChange) -> tuple[Record, ...]:
        doing = f"change the records of {', '.join(change.names)}"
        body = {"deletes": [{"id": one.id} for one in change.gone], "posts": [_written(one) for one in change.new]}
        try:
            path = f"/zones/{change.zone}/dns_records/batch"
            answer = await self.api.ask("POST", path, _Batch, doing=doing, body=body)
        except ApiRefusalError as error:
            if error.codes & _IN_THE_WAY:
                raise RecordInTheWayError(error.message) from error
            raise
        return tuple(_record(one) for one in answer.result.posts or ())

    async def tunnel(self, account: str, tunnel: str) -> Tunnel:
        try:
            path = f"/accounts/{account}/cfd_tunnel/{tunnel}"
            answer = await self.api.ask("GET", path, _Tunnel, doing=f"look at the tunnel {tunnel}")
        except ApiRefusalError as error:
            raise _tunnel_error(error, account, tunnel) from error
        found = answer.result
        if found.deleted_at:
            raise TunnelNotFoundError(account, tunnel)
        is_remote = found.config_src == "cloudflare"
        return Tunnel(id=found.id, name=found.name, status=found.status, is_remote=is_remote)

    async def ingress(self, account: str, tunnel: str) -> Ingress:
        try:
            path = _configuration(account, tunnel)
            answer = await self.api.ask("GET", path, _Configuration, doing=f"read the rules of the tunnel {tunnel}")
        except ApiRefusalError as error:
            raise _tunnel_error(error, account, tunnel) from error
        config = answer.result.config or {}
        return Ingress(
            version=answer.result.version,
            rules=tuple(rule_of(one) for one in config.get(_INGRESS) or ()),
            rest={name: value for name, value in config.items() if name != _INGRESS},
        )

    async def put_ingress(self, account: str, tunnel: str, ingress: Ingress) -> int:
        body = {"config": {**ingress.rest, _INGRESS: [dict(rule.text) for rule in ingress.rules]}}
        try:
            path = _configuration(account, tunnel)
            doing = f"change the rules of the tunnel {tunnel}"
            answer = await self.api.ask("PUT", path, _Configuration, doing=doing, body=body)
        except ApiRefusalError as error:
            raise _tunnel_error(error, account, tunnel) from error
        return answer.result.version

    async def _all(
        self, path: str, type_: type[tuple[T, ...]], *, doing: str, size: int, **wanted: str
    ) -> tuple[T, ...]:
        """Every page of a list."""
        found: list[T] = []
        for page in range(1, _PAGES + 1):
            params = {**wanted, "page": page, "per_page": size}
            answer = await self.api.ask("GET", path, type_, doing=doing, params=params)
            found += answer.result
            pages = answer.result_info.total_pages if answer.result_info else None
            if page >= pages if pages is not None else len(answer.result) < size:
                return tuple(found)
        raise CloudflareError(f"cannot {doing}: there are more than {_PAGES} pages of them")


def _record(one: _Record) -> Record:
    return Record(
        id=one.id,
        type=one.type,
        name=one.name,
        content=one.content or "",
        proxied=one.proxied or False,
        ttl=one.ttl,
        comment=one.comment or "",
        tags=one.tags or (),
    )


def _written(one: NewRecord) -> dict[str, object]:
    tags = {"tags": list(one.tags)} if one.tags else {}
    return {
        "type": one.type,
        "name": one.name,
        "content": one.content,
        "proxied": one.proxied,
        "ttl": one.ttl,
        "comment": one.comment,
        **tags,
    }


def _configuration(account: str, tunnel: str) -> str:
    return f"/accounts/{account}/cfd_tunnel/{tunnel}/configurations"


def _tunnel_error(error: ApiRefusalError, account: str, tunnel: str) -> CloudflareError | TunnelNotFoundError:
    return TunnelNotFoundError(account, tunnel) if _is_gone(error) else error


def _is_gone(error: ApiRefusalError) -> bool:
    """Whether there is nothing where it was asked for."""
    return error.status == _GONE or bool(error.codes & _NO_ROUTE)
