"""What can be asked of pvdify about Cloudflare and DNS."""

from __future__ import annotations

from pvdify.model.cloudflare import TokenText
from pvdify.model.dns import check_addresses
from pvdify.model.domain import DomainText
from pvdify.model.edge_requests import Addresses
from pvdify.model.names import AppName
from pvdify.model.requests import Request


class PointDomain(Request, frozen=True, kw_only=True):
    """A name of an app that DNS shall lead here; with *force* instead of wherever others' records lead it."""

    app: AppName
    domain: DomainText
    addresses: Addresses = ()
    force: bool = False

    def __post_init__(self) -> None:
        """Refuse addresses that nobody is at."""
        check_addresses(self.addresses)


class LoginToCloudflare(Request, frozen=True, kw_only=True):
    """A token for Cloudflare's API."""

    token: TokenText

    def __repr__(self) -> str:
        """Say what it is, and nothing of it."""
        return "LoginToCloudflare(…)"


class ForZone(Request, frozen=True, kw_only=True):
    """A request about one zone."""

    zone: DomainText
