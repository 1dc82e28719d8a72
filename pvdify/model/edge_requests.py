"""What can be asked of pvdify about domains and the edge."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pvdify.errors import SpecError
from pvdify.model.dns import AddressText, check_addresses
from pvdify.model.domain import DomainText
from pvdify.model.edge import EdgeSettings
from pvdify.model.names import AppName
from pvdify.model.requests import Request

Addresses = Annotated[tuple[AddressText, ...], Meta(max_length=16)]


class AddDomains(Request, frozen=True, kw_only=True):
    """Names to give to an app; *dns*: and to lead here, as `PointDomain` does."""

    app: AppName
    domains: Annotated[tuple[DomainText, ...], Meta(min_length=1, max_length=100)]
    dns: bool = False
    addresses: Addresses = ()
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse addresses that nobody is at, and what is said of records that are not asked for."""
        check_addresses(self.addresses)
        if (self.addresses or self.force) and not self.dns:
            raise SpecError(
                "cannot use addresses and force: records in DNS are not asked for", pointer="/dns", hint="say `--dns`"
            )


class RemoveDomain(Request, frozen=True, kw_only=True):
    """A name to take from an app."""

    app: AppName
    domain: DomainText


class CheckDomains(Request, frozen=True, kw_only=True):
    """How the names of an app are reached, or just one of them."""

    app: AppName
    domain: DomainText | None = None


class SetEdge(Request, frozen=True, kw_only=True):
    """Another edge of the host, as a whole; *credentials* are the tunnel's, where they are not kept already."""

    edge: EdgeSettings
    credentials: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None

    def __repr__(self) -> str:
        """Name the edge, and not its credentials."""
        return f"SetEdge({self.edge.kind.value})"
