"""Make the state directory and the first generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import RefusedError
from pvdify.model.answers import Initialised
from pvdify.model.manifest import Manifest
from pvdify.ops.locking import held
from pvdify.ops.vault import ready
from pvdify.render.tree import host_artefacts

if TYPE_CHECKING:
    from pvdify.model.requests import Init
    from pvdify.ops.host import Host

NONE = Manifest(number=0, parent=None, created_at="", actor="", operation="", reason="", files={}, apps={})


async def init(host: Host, request: Init) -> Initialised:
    """Make what is missing of the state directory; what is there stays."""
    host.state.create()
    _check_seal(host, request)
    async with held(host.state.try_host_lock):
        await ready(host, seal=request.seal or host.state.vault.settings().seal)
        was_there = host.state.has_generation()
        if not was_there:
            files = {one.path: one.text.encode() for one in host_artefacts({}, NONE.edge, host.place)}
            staged = host.state.stage(
                parent=NONE,
                files=files,
                removed=frozenset(),
                apps={},
                retained=(),
                actor="init",
                operation="",
                reason="the empty host",
                at=host.now(),
                programs={},
                heal=lambda _path: None,
            )
            host.state.commit(staged)
    return Initialised(
        state=str(host.state.settings.state),
        was_there=was_there,
        recipient=host.state.vault.readers().wanted[0],
        key_file=str(host.state.vault.key_file),
    )


def _check_seal(host: Host, request: Init) -> None:
    """Refuse to seal otherwise what is sealed already."""
    found = host.state.vault.settings().seal
    if host.state.vault.has_key() and request.seal not in {None, found}:
        raise RefusedError(
            f"cannot seal otherwise now: what is kept here is sealed with {found.value}",
            hint=f"seal it again: `pvdify secrets:reseal --with {request.seal}`",
        )
