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


async def logins(host: Host) -> dict[str, str]:
    """The logins for registries, `user:password` by registry. This needs neither sops nor the age key."""
    return _read_logins(await host_secret(host, _LOGINS))


async def keep_logins(host: Host, change: Mapping[str, str | None], *, actor: str) -> dict[str, str]:
    """Keep other logins, or forget those that are None; all that there are now."""
    async with held(host.state.vault.try_host):
        before = _read_logins(await _open(host, _LOGINS))
        known = {name: login for name, login in {**before, **change}.items() if login is not None}
        await _keep(host, {_LOGINS: msgspec.json.encode(known, order="sorted") if known else None}, actor=actor)
    return known


async def keep_host_secrets(host: Host, change: Mapping[str, bytes | None], *, actor: str) -> None:
    """Keep secrets of the host, in the place of earlier ones of these names; None forgets one."""
    async with held(host.state.vault.try_host):
        await _keep(host, change, actor=actor)


async def host_secret_names(host: Host) -> tuple[str, ...]:
    """The names of all secrets of the host. Nothing is opened."""
    async with held(host.state.vault.try_host_share):
        meta = _newest(host)
    return tuple(meta.files) if meta else ()


async def host_secret(host: Host, name: str) -> bytes | None:
    """One of the host's secrets, as it is sealed: this needs neither sops nor the age key. None if there is none of that name."""
    async with held(host.state.vault.try_host_share):
        return await _open(host, name)


async def _open(host: Host, name: str) -> bytes | None:
    """The secret *name*. The caller has a lock on the host's secrets, or a share of one."""
    meta = _newest(host)
    if meta is None or name not in meta.files:
        return None
    sealed = host.state.configs.sealed(HOST, meta, name)
    return await host.seal.unseal(meta.pin().credential(HOST, name), sealed)


def _read_logins(data: bytes | None) -> dict[str, str]:
    if data is None:
        return {}
    try:
        return msgspec.json.decode(data, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise StateError("cannot read the logins for registries: they are no JSON of pvdify") from error


def _newest(host: Host) -> ConfigMeta | None:
    version = next(iter(host.state.configs.versions(HOST)), None)
    return host.state.configs.meta(HOST, version) if version else None


async def _keep(host: Host, files: Mapping[str, bytes | None], *, actor: str) -> None:
    """Keep a new version, and forget those before. The caller has the lock on the host's secrets."""
    meta = _newest(host)
    before = await read_config(host, HOST, meta) if meta else None
    version = meta.version + 1 if meta else 1
    document = merged(before, app=HOST, version=version, salt=salt(), variables={}, files=files)
    await keep_config(host, document, actor=actor, operation="")
    for older in host.state.configs.versions(HOST)[1:]:
        host.state.configs.remove(HOST, older)
