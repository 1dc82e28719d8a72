"""What somebody has to put into DNS, and whether it is there."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, assert_never

from pvdify.model.answers import Check, CheckStatus
from pvdify.model.domain import WILDCARD, default_name
from pvdify.model.edge import EdgeKind

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.manifest import AppRow

_TUNNELS: Final = "cfargotunnel.com"
_HERE: Final = "(the public address of this host)"
LINK: Final = "name"


def records(row: AppRow, names: tuple[str, ...], edge: EdgeSettings, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """What must be in DNS for *names* of *row*, a line each, as a zone file has it; *addresses* are those that this machine sends from.

    One record of the host's domain does for the default names of all apps.
    """
    default = default_name(row.name, edge.domain)
    owners = dict.fromkeys(f"{WILDCARD}{edge.domain}" if name == default else name for name in names)
    match edge.kind:
        case EdgeKind.CADDY:
            public = tuple(address for address in addresses if ip_address(address).is_global)
            return tuple(f"{owner}. {_record(address)}" for owner in owners for address in public or (_HERE,))
        case EdgeKind.CLOUDFLARED:
            return tuple(f"{owner}. CNAME {edge.tunnel}.{_TUNNELS}. ; proxied" for owner in owners)
        case EdgeKind.NONE:
            return tuple(
                f"{owner}. leads to a proxy of yours, and that to http://127.0.0.1:{row.front}" for owner in owners
            )
        case _:
            assert_never(edge.kind)


def asked(name: str) -> str:
    """The name to ask DNS and the edge for: of those that a wildcard stands for, one.

    >>> asked("*.example.org"), asked("example.org")
    ('pvdify-check.example.org', 'example.org')
    """
    return f"pvdify-check.{name.removeprefix(WILDCARD)}" if name.startswith(WILDCARD) else name


def resolved(name: str, found: tuple[str, ...], edge: EdgeSettings, own: tuple[str, ...]) -> Check:
    """Whether *name*, which leads to *found*, leads here: *own* are the addresses that this machine sends from."""
    where = ", ".join(found)
    hint = f"pvdify domains --dns says what to put into DNS for {name}"
    if not found:
        return Check(name=LINK, status=CheckStatus.FAIL, detail=f"{name} leads nowhere", hint=hint)
    is_own = bool(set(found) & set(own))
    if edge.kind is EdgeKind.CLOUDFLARED and is_own:
        detail = f"{name} leads to this host itself ({where}), and not through the tunnel"
        return Check(name=LINK, status=CheckStatus.FAIL, detail=detail, hint=hint)
    if edge.kind is EdgeKind.CADDY and not is_own and any(ip_address(one).is_global for one in own):
        detail = f"{name} leads to {where}; this host is {', '.join(own)}"
        return Check(name=LINK, status=CheckStatus.WARN, detail=detail, hint=hint)
    return Check(name=LINK, status=CheckStatus.OK, detail=f"{name} leads to {where}")


def _record(address: str) -> str:
    return f"{'AAAA' if ':' in address else 'A'} {address}"
