"""Seal every config version again for this host: after its key was lost, on a new machine, or with another key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.every_config import every_version, with_each
from pvdify.ops.tunnel_credentials import seal_credentials
from pvdify.ops.vault import HOST, decrypted_config, prove_seal, sealed_parts

if TYPE_CHECKING:
    from pvdify.model.requests import Reseal
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def reseal(host: Host, running: Running, request: Reseal) -> Changed:
    """Make what is sealed anew from the SOPS files: first of what runs or is next, then all else. Done again, it is done again.

    What runs keeps what it has, and is given the new one when it starts.
    """
    vault = host.state.vault
    async with running.step("prepare"):
        settings = vault.settings()
        seal = request.seal or settings.seal
        await host.seal.prepare()
        await prove_seal(host, seal)
        await host.secrets.version()
    with anyio.CancelScope(shield=True):
        async with running.step("switch"):
            running.has_switched = True
            if seal is not settings.seal:
                vault.write_settings(msgspec.structs.replace(settings, seal=seal))
        async with running.step("seal"):
            count = await _seal_all(host, running)
    text = f"{count} config versions are sealed again, with {seal.value}"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text)


async def _seal_all(host: Host, running: Running) -> int:
    """Seal every version that can be read; raise the first error of those that cannot."""
    first = needed(host)
    versions = sorted(every_version(host), key=lambda one: one not in first)
    return await with_each(host, running, versions, _seal, rest=lambda count: f"; {count} others are sealed")


def needed(host: Host) -> frozenset[tuple[str, int]]:
    """The config versions, by app and number, that something runs with, or will with the next deploy or rollback; and the host's own."""
    found = {(HOST, version) for version in host.state.configs.versions(HOST)}
    for row in host.state.current().apps.values():
        releases = (host.state.release(row.name, one) for one in {row.live, row.warm} if one is not None)
        pins = (row.config, *(release.config for release in releases))
        found |= {(row.name, pin.version) for pin in pins if pin}
    return frozenset(found)


async def _seal(host: Host, app: str, version: int) -> None:
    meta = host.state.configs.meta(app, version)
    sealed = await sealed_parts(host, await decrypted_config(host, app, meta), meta.pin())
    await anyio.to_thread.run_sync(host.state.configs.reseal, app, version, sealed)
    if app == HOST:
        await seal_credentials(host, host.state.current().edge)
