"""How Cloudflare is asked for and answered, for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model import cloudflare as a
from pvdify.model import cloudflare_requests as q
from pvdify.model.requests import Nothing
from pvdify.operations.example import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZONES: Final = a.Zones(
    zones=(
        a.Zone(
            name="example.org",
            id="023e105f4ecef8ad9ca31a8372d0c353",
            status="active",
            account="f037e56e89293a057740de681ac9abbe",
        ),
    )
)
_RECORDS: Final = a.Records(
    zone="example.org",
    records=(
        a.Record(
            id="372e67954025e0ba6aaa6d586b9e0b59",
            type="CNAME",
            name="blog.example.org",
            content="f70ff985-a4ef-4643-bbbc-4a0ed4fc8415.cfargotunnel.com",
            proxied=True,
            comment="pvdify: blog",
            app="blog",
        ),
        a.Record(
            id="9a7806061c88ada191ed06f989cc3dac", type="MX", name="example.org", content="mail.example.net", ttl=3600
        ),
    ),
)

EXAMPLES: Final[Mapping[str, Example]] = {
    "cloudflare.login": Example(q.LoginToCloudflare(token="the-token-as-Cloudflare-showed-it-once"), _ZONES),  # noqa: S106
    "cloudflare.logout": Example(Nothing(), a.Zones(zones=())),
    "cloudflare.zones": Example(Nothing(), _ZONES),
    "cloudflare.dns": Example(q.ForZone(zone="example.org"), _RECORDS),
    "domains.cloudflare": Example(q.PointDomain(app="blog", domain="blog.example.org")),
}
