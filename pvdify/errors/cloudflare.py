"""Errors of what Cloudflare keeps: zones, their records, and tunnels."""

from __future__ import annotations

from pvdify.errors.families import HostError, NotFoundError, RefusedError


class CloudflareError(HostError):
    """Cloudflare's API said no."""

    code = "cloudflare-failed"


class CloudflareLoginError(RefusedError):
    """There is no token for Cloudflare, or it is refused or not enough."""

    code = "cloudflare-login"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(
            f"cannot {doing}: {reason}",
            hint="make a token that may read zones and edit DNS (and edit tunnels, for one that Cloudflare keeps), "
            "then `pvdify cloudflare:login --token-stdin`",
        )


class CloudflareBusyError(CloudflareError):
    """Cloudflare's rate limit is reached, and nothing was done; *after* is how many seconds it lasts."""

    code = "cloudflare-busy"

    def __init__(self, doing: str, after: float) -> None:
        super().__init__(
            f"cannot {doing}: Cloudflare's limit of requests is reached for {after:.0f} more seconds",
            hint="try again then; whoever else uses the account counts too",
        )
        self.after = after


class CloudflareUnreachableError(CloudflareError):
    """No answer of Cloudflare's came; a change may have been made all the same."""

    code = "cloudflare-unreachable"

    def __init__(self, doing: str, reason: str) -> None:
        super().__init__(f"cannot {doing}: {reason}", hint="try again: what was done already is not done twice")


class RecordInTheWayError(RefusedError):
    """A name has records in DNS that pvdify did not make."""

    code = "dns-conflict"


class ZoneNotFoundError(NotFoundError):
    """No zone that the token reaches has that name."""

    code = "zone-not-found"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"cannot find the zone of {name}: the token for Cloudflare reaches none that it is in",
            hint="see `pvdify cloudflare:zones`",
        )


class TunnelNotFoundError(NotFoundError):
    """The account has no such tunnel."""

    code = "tunnel-not-found"

    def __init__(self, account: str, tunnel: str) -> None:
        super().__init__(
            f"cannot find the tunnel {tunnel} in the account {account}",
            hint="`cloudflared tunnel list`, or Cloudflare's dashboard, shows the ids",
        )
