"""The host's own secrets: kept as the config of an app is, under the name `host`, which no app may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import StateError
from pvdify.model.config import merged
from pvdify.ops.locking import held
from pvdify.ops.vault import HOST, keep_config, read_config, salt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.config import ConfigMeta
    from pvdify.ops.host import Host

_LOGINS: Final = "logins"
TUNNEL: Final = "pvdify-tunnel"
"""The credentials of the host's tunnel, and the name under which its unit opens them."""


async def logins(host: Host) -> dict[str, str]:
    """The logins for registries, `user:password` by registry."""
    data = await host_secret(host, _LOGINS)
    if data is None:
        return {}
    try:
        return msgspec.json.decode(data, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise StateError(
            "cannot read the logins for registries", hint="log in again: `pvdify registry:login`"
        ) from error


async def keep_logins(host: Host, change: Mapping[str, str | None], *, actor: str) -> dict[str, str]:
    """Keep other logins, or forget those that are None; all that there are now."""
    async with held(host.state.vault.try_host):
        known = {name: login for name, login in {**await logins(host), **change}.items() if login is not None}
        await _keep(host, {_LOGINS: msgspec.json.encode(known, order="sorted") if known else None}, actor=actor)
    return known


async def keep_host_secret(host: Host, name: str, data: bytes | None, *, actor: str) -> None:
    """Keep one of the host's secrets, in the place of an earlier one; None forgets it."""
    async with held(host.state.vault.try_host):
        await _keep(host, {name: data}, actor=actor)


async def host_secret(host: Host, name: str) -> bytes | None:
    """One of the host's secrets, as it is sealed: this needs neither sops nor the age key. None if there is none of that name."""
    meta = newest(host)
    if meta is None or name not in meta.files:
        return None
    host.state.configs.check_sealed(HOST, meta)
    sealed = host.state.settings.sealed(HOST, meta.version, name).read_bytes()
    return await host.seal.unseal(meta.pin().credential(HOST, name), sealed)


def newest(host: Host) -> ConfigMeta | None:
    """What is known of the host's secrets without a key; None if there are none."""
    version = next(iter(host.state.configs.versions(HOST)), None)
    return host.state.configs.meta(HOST, version) if version else None


async def _keep(host: Host, files: Mapping[str, bytes | None], *, actor: str) -> None:
    """Keep a new version, and forget the one before. The caller has the lock on the host's secrets."""
    meta = newest(host)
    before = await read_config(host, HOST, meta) if meta else None
    version = meta.version + 1 if meta else 1
    document = merged(before, app=HOST, version=version, salt=salt(), variables={}, files=files)
    await keep_config(host, document, actor=actor, operation="")
    if meta:
        host.state.configs.remove(HOST, meta.version)
