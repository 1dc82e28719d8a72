"""What pvdify answers about Cloudflare: zones and their records."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from pvdify.model.answers import Answer
from pvdify.model.patterns import closed

TokenText = Annotated[
    str, Meta(pattern=closed(r"[!-~]{1,512}"), description="an API token of Cloudflare's, as it was shown once")
]


class Zone(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """A domain that Cloudflare serves the DNS of; nobody asks it before it is `active`."""

    name: str
    id: str
    status: str = "active"
    account: str = ""


class Zones(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The zones that the token reaches."""

    zones: tuple[Zone, ...]


class Record(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One record in DNS; *app* is whose it is where pvdify made it. A time to live of 1 is Cloudflare's own choice."""

    id: str
    type: str
    name: str
    content: str
    proxied: bool = False
    ttl: int = 1
    comment: str = ""
    tags: tuple[str, ...] = ()
    app: str = ""

    def words(self) -> str:
        """What is shown of it where it is in the way.

        >>> Record(id="1", type="CNAME", name="www.example.org", content="pages.example.net").words()
        'CNAME www.example.org -> pages.example.net'
        """
        return f"{self.type} {self.name} -> {self.content[:200]}"


class Records(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The records of a zone."""

    zone: str
    records: tuple[Record, ...]
