"""What is kept encrypted: read and proven, or written for everybody who shall read it and sealed for this host."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from pvdify.errors import NotSealedError, PvdifyError, SecretsError
from pvdify.model.config import ENV, SALT, ConfigDocument, ConfigMeta, difference, from_parts, read_document
from pvdify.model.envelope import check_envelope
from pvdify.ops.beside import beside
from pvdify.ops.locking import held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.config import ConfigPin
    from pvdify.model.manifest import AppRow
    from pvdify.model.release import Release
    from pvdify.model.vault import SealWith
    from pvdify.ops.host import Host

HOST: Final = "host"
"""Whose config the host's own secrets are; no app may be called so."""
_PROGRAMS: Final = 8
"""Programs that open something at the same time."""
_TRIAL: Final = "pvdify.trial"


async def ready(host: Host, *, seal: SealWith) -> None:
    """Make the host's keys, if there are none; what is there stays. Raise `KeyMissingError` where something waits for a key that is gone."""
    await host.seal.prepare()
    if host.state.vault.has_key():
        return
    if host.state.configs.owners():
        host.state.vault.keys()
    await prove_seal(host, seal)
    host.state.vault.write_settings(msgspec.structs.replace(host.state.vault.settings(), seal=seal))
    host.state.vault.write_keys([await host.secrets.new_key()])


async def prove_seal(host: Host, key: SealWith) -> None:
    """Raise `SecretsError` or `NotSealedError` unless this host seals with *key*, and opens that again."""
    data = salt().encode()
    if data != await host.seal.unseal(_TRIAL, await host.seal.seal(_TRIAL, data, key=key)):
        raise SecretsError(f"cannot seal with {key.value}: what comes out is not what went in")


def salt() -> str:
    """Text that nobody can guess."""
    return token_urlsafe(32)


async def opened(host: Host, text: bytes, *, what: str) -> bytes:
    """What the SOPS file *text* holds; raise `ConfigTamperedError` or `KeyMissingError`. The caller has a share of the lock on keys."""
    check_text(host, text, what=what)
    return await host.secrets.decrypt(text, what=what, keys=host.state.vault.key_file)


def check_text(host: Host, text: bytes, *, what: str) -> None:
    """Raise `ConfigTamperedError` unless *text* is a SOPS file for whom this host encrypts, or `KeyMissingError`."""
    readers = host.state.vault.readers()
    check_envelope(text, what=what, expected=readers.expected, allowed=readers.allowed)


async def read_config(host: Host, app: str, meta: ConfigMeta) -> ConfigDocument:
    """The config version that *meta* tells of, proven to be what was set.

    It is opened as a unit opens it, in milliseconds, where that can be done; else with the age key. Its SOPS file must be whole all the same.
    """
    async with held(host.state.vault.try_share):
        text = host.state.configs.text(app, meta)
        check_text(host, text, what=_what(app, meta))
        document = await unsealed_config(host, app, meta)
    return document or await decrypted_config(host, app, meta)


async def decrypted_config(host: Host, app: str, meta: ConfigMeta) -> ConfigDocument:
    """The same from its SOPS file, whatever there is beside it."""
    async with held(host.state.vault.try_share):
        plain = await opened(host, host.state.configs.text(app, meta), what=_what(app, meta))
    return read_document(plain, app=app, meta=meta)


async def unsealed_config(host: Host, app: str, meta: ConfigMeta) -> ConfigDocument | None:
    """The same from what is sealed of it, without the age key; None if this host does not open all of that."""
    pin, parts = meta.pin(), dict[str, bytes]()
    at_once = anyio.CapacityLimiter(_PROGRAMS)

    async def unseal(part: str, sealed: bytes) -> None:
        async with at_once:
            with suppress(NotSealedError):
                parts[part] = await host.seal.unseal(pin.credential(app, part), sealed)

    wanted = (*pin.parts(), SALT)
    try:
        sealed = {part: host.state.configs.sealed(app, meta, part) for part in wanted}
    except NotSealedError:
        return None
    first, *others = (partial(unseal, part, data) for part, data in sealed.items())
    await beside(first, *others)
    return from_parts(parts, app=app, meta=meta) if len(parts) == len(wanted) else None


def _what(app: str, meta: ConfigMeta) -> str:
    return f"c{meta.version} of {app}"


async def pinned_config(host: Host, app: str, pin: ConfigPin | None) -> ConfigDocument | None:
    """The config version that *pin* names."""
    return await read_config(host, app, host.state.configs.pinned(app, pin)) if pin else None


async def keep_config(host: Host, document: ConfigDocument, *, actor: str, operation: str) -> ConfigMeta:
    """Encrypt and seal *document*, and keep it as a version that no release names yet."""
    meta = ConfigMeta(
        version=document.version,
        sha256=document.digest(),
        keys=tuple(document.vars),
        files={name: len(data) for name, data in document.files.items()},
        created_at=host.now(),
        created_by=actor,
        operation=operation,
    )
    sealed: dict[str, bytes] = {}

    async def seal() -> None:
        sealed.update(await sealed_parts(host, document, meta.pin()))

    async with held(host.state.vault.try_share):
        recipients = host.state.vault.recipients()
        text = await beside(
            lambda: host.secrets.encrypt(msgspec.json.encode(document), recipients=recipients),
            seal,
        )
        return await anyio.to_thread.run_sync(
            lambda: host.state.configs.add(document.app, meta, text=text, sealed=sealed)
        )


async def sealed_parts(
    host: Host, document: ConfigDocument, pin: ConfigPin, *, key: SealWith | None = None
) -> Mapping[str, bytes]:
    """Each part of *document*, sealed for this host under the name that units load it by; without *key* as the host is set."""
    key = key or host.state.vault.settings().seal
    return {
        part: await host.seal.seal(pin.credential(document.app, part), document.part(part), key=key)
        for part in (*pin.parts(), SALT)
    }


def check_config(host: Host, release: Release) -> None:
    """Raise `ConfigTamperedError` or `NotSealedError` unless *release* can be started with the config that it was made with."""
    if release.config is not None:
        meta = host.state.configs.pinned(release.app, release.config)
        host.state.configs.check_sealed(release.app, meta)


async def prove_config(host: Host, release: Release) -> None:
    """Raise `ConfigTamperedError` or `NotSealedError` also where systemd would not open the config of *release* for a unit."""
    check_config(host, release)
    if release.config is not None:
        sealed = host.state.configs.sealed(release.app, host.state.configs.pinned(release.app, release.config), ENV)
        await host.seal.unseal(release.config.credential(release.app, ENV), sealed)


def with_config(pin: ConfigPin | None, row: AppRow) -> AppRow:
    """*row*, whose next release gets the config *pin*."""
    return msgspec.structs.replace(row, config=pin)


async def told_difference(
    host: Host, app: str, before: ConfigPin | None, after: ConfigPin | None, *, when: str = "before"
) -> str:
    """What is other in the config *after* than in *before*, in words and by name; empty if it is one. That never fails: what it tells of is done."""
    if before == after:
        return ""
    words = f"with c{after.version}" if after else "without config"
    since = f"c{before.version}" if before else "none"
    try:
        found = difference(await pinned_config(host, app, before), await pinned_config(host, app, after))
    except PvdifyError as error:
        return f"{words} ({since} {when}; {error.message})"
    return f"{words} ({since} {when}; {found.words() or 'nothing is other'})"


def told_waiting(row: AppRow, release: Release) -> str:
    """That *release* runs with another config than the one that waits for the next release, in words; empty if none waits."""
    if row.config is None or row.config == release.config:
        return ""
    words = f"with c{release.config.version}" if release.config else "without config"
    return f", {words} (c{row.config.version} waits for the next release)"
