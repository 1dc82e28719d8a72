"""What pvdify made outside of its host and may take back: records in DNS, and rules of a tunnel that Cloudflare keeps."""

from __future__ import annotations

import msgspec

from pvdify.model.dns import MadeRecord
from pvdify.model.edge import AccountId, TunnelId


class MadeRecords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`dns.json` of an app."""

    records: tuple[MadeRecord, ...] = ()


class PutRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hostnames, and the services that pvdify leads them to in one tunnel."""

    account: AccountId
    tunnel: TunnelId
    rules: tuple[tuple[str, str], ...]


class PutTunnels(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tunnels.json`."""

    tunnels: tuple[PutRules, ...] = ()
