"""The edge: what brings the public to the fronts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from pvdify.model.domain import DomainText, domain_name
from pvdify.model.patterns import closed

TunnelId = Annotated[
    str,
    Meta(
        pattern=closed(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        description="a tunnel's id: f70ff985-a4ef-4643-bbbc-4a0ed4fc8415",
    ),
]
AccountId = Annotated[
    str, Meta(pattern=closed(r"[0-9a-f]{32}"), description="a Cloudflare account: 32 digits and letters a-f")
]
Email = Annotated[
    str,
    Meta(pattern=closed(r"[A-Za-z0-9_.][A-Za-z0-9_.+=-]{0,63}@[A-Za-z0-9.-]{1,190}"), description="an e-mail address"),
]
AcmeServer = Annotated[
    str,
    Meta(
        pattern=closed(r"https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]{1,64}){0,8}/?"),
        description="the directory of an ACME server: https://acme-staging-v02.api.letsencrypt.org/directory",
    ),
]

_DOMAIN_LONGEST = 253 - len(".") - 40


class EdgeKind(StrEnum):
    """Which program it is; `none`: the fronts alone, for a proxy of one's own."""

    NONE = "none"
    CADDY = "caddy"
    CLOUDFLARED = "cloudflared"


class Managed(StrEnum):
    """Where a tunnel's ingress is kept: in a file of this host, or with Cloudflare."""

    LOCAL = "local"
    REMOTE = "remote"


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the host's edge is. *domain* gives every app a name of its own below it.

    *email*, *internal_ca* and, where that is false, *acme_server* are Caddy's; *tunnel*, *account* and *managed* are
    cloudflared's. *forwards*, without an edge: a proxy of one's own on this host replaces what clients say in `X-Forwarded-*`.
    """

    kind: EdgeKind = EdgeKind.NONE
    domain: DomainText | None = None
    email: Email | None = None
    internal_ca: bool = False
    acme_server: AcmeServer | None = None
    tunnel: TunnelId | None = None
    account: AccountId | None = None
    managed: Managed = Managed.LOCAL
    forwards: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        if self.domain is not None and domain_name(self.domain) != self.domain:
            message = f"domain is written {domain_name(self.domain)!r}"
            raise ValueError(message)
        if self.domain is not None and self.domain.startswith("*"):
            raise ValueError("the host's domain has no star")
        if self.domain is not None and len(self.domain) > _DOMAIN_LONGEST:
            message = f"the host's domain has at most {_DOMAIN_LONGEST} characters: an app's name stands before it"
            raise ValueError(message)
        if self.forwards and self.kind is not EdgeKind.NONE:
            raise ValueError("forwards is for a proxy of one's own: the edge none")
        if self.kind is EdgeKind.CLOUDFLARED and self.tunnel is None:
            raise ValueError("edge cloudflared needs a tunnel")
        if self.managed is Managed.REMOTE and self.account is None:
            raise ValueError("a remotely managed tunnel needs the account that it is in")
