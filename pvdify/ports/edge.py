"""What brings the public to the fronts, and what leads it there: the edge's programs, and Cloudflare's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pvdify.model.cloudflare import Record, Zone
    from pvdify.model.dns import RecordChange
    from pvdify.model.ingress import Ingress, Tunnel


class Edge(Protocol):
    """One program that brings the public to the fronts."""

    async def check(self, config: Path) -> None:
        """Raise `RenderError` with the program's own words if it would not take *config*."""

    async def version(self) -> str:
        """Its own version; raise `ProgramMissingError`, which says what to install."""

    async def is_running(self) -> bool:
        """Whether it is up and serves."""

    async def follow(self, config: Path) -> None:
        """Make it serve what *config* says, losing no request; start it where it is down.

        Raise `EdgeError` if it does not: then it serves what it did before.
        """

    async def problem(self, name: str) -> str:
        """What keeps it from serving *name*, which it knows, as far as that shows on this host; empty if nothing does."""

    async def stop(self) -> None:
        """Stop it; stopping what is stopped is fine."""


class Cloudflare(Protocol):
    """Cloudflare's API."""

    def session(self, token: str) -> AbstractAsyncContextManager[CloudflareSession]:
        """Ask and change things there with *token*, which is in no argument, error or log."""


class CloudflareSession(Protocol):
    """What may be asked of Cloudflare with one token.

    Every method raises `CloudflareLoginError` where the token is refused or not enough, `CloudflareBusyError` where a rate limit lasts longer than
    can be waited for, `CloudflareUnreachableError` where no answer came, and `CloudflareError` for what it says no to. After
    `CloudflareUnreachableError` a change may have been made or not: read, and decide again.
    """

    async def verify(self) -> None:
        """Return if the token works; raise `CloudflareLoginError` if not."""

    async def zones(self) -> tuple[Zone, ...]:
        """Every zone that the token reaches."""

    async def records(self, zone: str, name: str | None = None) -> tuple[Record, ...]:
        """The records of the zone with the id *zone*, or those that have just this *name*; raise `ZoneNotFoundError`."""

    async def change_records(self, change: RecordChange) -> tuple[Record, ...]:
        """Take records away, then make others, which are answered: all of it or nothing.

        Raise `RecordInTheWayError` where another record is in the way, or one that was to go is not there any more.
        """

    async def tunnel(self, account: str, tunnel: str) -> Tunnel:
        """What is known of a tunnel; raise `TunnelNotFoundError` where the account has none of that id."""

    async def ingress(self, account: str, tunnel: str) -> Ingress:
        """The ingress that Cloudflare keeps for a tunnel; raise `TunnelNotFoundError`."""

    async def put_ingress(self, account: str, tunnel: str, ingress: Ingress) -> int:
        """Keep *ingress* instead, as a whole; the version that it has there."""
