"""The credentials of a tunnel, as `cloudflared tunnel create` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import SpecError
from pvdify.model.parse import json_object

if TYPE_CHECKING:
    from pvdify.model.edge import EdgeSettings


class TunnelCredentials(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """Whoever has *tunnel_secret* runs the tunnel."""

    account_tag: str
    tunnel_secret: str
    tunnel_id: str = msgspec.field(name="TunnelID")

    def __repr__(self) -> str:
        """Name the tunnel, and nothing else."""
        return f"TunnelCredentials({self.tunnel_id})"


def check_credentials(text: str, edge: EdgeSettings) -> None:
    """Raise `SpecError`, which repeats nothing of *text*, unless these are the credentials of the tunnel of *edge*."""
    hint = "give the JSON file that `cloudflared tunnel create` wrote"
    try:
        found = msgspec.convert(json_object(text.encode(), what="the credentials"), TunnelCredentials)
    except (SpecError, msgspec.ValidationError):
        raise SpecError("cannot read the tunnel's credentials", pointer="/credentials", hint=hint) from None
    if found.tunnel_id != edge.tunnel:
        raise SpecError(
            f"cannot use these credentials: they are those of the tunnel {found.tunnel_id[:40]}, and not of {edge.tunnel}",
            pointer="/credentials",
            hint=hint,
        )
    if edge.account is not None and found.account_tag != edge.account:
        raise SpecError("cannot use these credentials: they are of another account", pointer="/credentials", hint=hint)
