"""Encrypt everything again for those who shall read it, and only then let go of an old key and of whoever leaves.

Killed anywhere, it leaves every file readable: a key goes when no file needs it any more, and that is looked at while nobody writes one.
Done again, it goes on with the files that are left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import KeyMissingError, PvdifyError
from pvdify.model.config import read_document
from pvdify.model.envelope import check_envelope, recipients_of
from pvdify.ops.every_config import every_version, is_there, with_each
from pvdify.ops.locking import held
from pvdify.ops.vault import unsealed_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from pvdify.model.config import ConfigDocument, ConfigMeta
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def rekey(host: Host, running: Running, *, switch: Callable[[], None]) -> int:
    """Change who reads by *switch*, and bring every config version to that; how many had to be encrypted again. From there on it only goes forward.

    Raise the first `StateError` of one that cannot be read, when all others are done; then every key stays.
    """
    count = 0
    with anyio.CancelScope(shield=True):
        async with running.step("switch"):
            running.has_switched = True
            switch()
        await _prove_key(host)
        count += await _encrypt_all(host, running)
    return count


def pending(host: Host) -> tuple[tuple[str, int], ...]:
    """The config versions, by app and number, that are not encrypted for just the readers that there shall be."""
    wanted = frozenset(host.state.vault.readers().wanted)
    return tuple(one for one in every_version(host) if not _is_for(host, *one, wanted))


async def _encrypt_all(host: Host, running: Running) -> int:
    count = 0
    while True:
        async with running.step("encrypt"):
            waiting = await anyio.to_thread.run_sync(pending, host)
            count += await with_each(host, running, waiting, _encrypt, rest=lambda _: ": until then the old keys stay")
        async with running.step("finish"), held(host.state.vault.try_alone):
            # who began before the readers changed has written by now, and maybe for the old ones
            if not await anyio.to_thread.run_sync(pending, host):
                for app in host.state.configs.owners():
                    host.state.configs.sweep(app)
                host.state.vault.finish()
                return count


def _is_for(host: Host, app: str, version: int, wanted: frozenset[str]) -> bool:
    """Whether a version is for exactly *wanted*; one that cannot be read is not."""
    try:
        meta = host.state.configs.meta(app, version)
        text = host.state.configs.text(app, meta)
        return len(meta.texts) == 1 and recipients_of(text, what=f"c{version} of {app}") == wanted
    except PvdifyError:
        return not is_there(host, app, version)


async def _prove_key(host: Host) -> None:
    """Raise `KeyMissingError` unless what is encrypted now can be opened again: a key file is easily mended into one that fits nothing."""
    vault, trial = host.state.vault, b'{"trial":"pvdify"}'
    text = await host.secrets.encrypt(trial, recipients=vault.recipients())
    plain = await host.secrets.decrypt(text, what="what is encrypted now", keys=vault.key_file)
    if msgspec.json.decode(plain) != msgspec.json.decode(trial):
        raise KeyMissingError(f"cannot encrypt: the key in {vault.key_file} does not open what is encrypted for it")


async def _encrypt(host: Host, app: str, version: int) -> None:
    """Put one version in the place of itself, encrypted with a new data key for those who shall read it."""
    meta = host.state.configs.meta(app, version)
    document = await _read(host, app, meta)
    text = await host.secrets.encrypt(msgspec.json.encode(document), recipients=host.state.vault.recipients())
    await anyio.to_thread.run_sync(host.state.configs.retext, app, version, text)


async def _read(host: Host, app: str, meta: ConfigMeta) -> ConfigDocument:
    """A version, proven to be what was set. Whom its file was for does not matter; without a key that opens it, what is sealed is good enough."""
    what = f"c{meta.version} of {app}"
    text = host.state.configs.text(app, meta)
    check_envelope(text, what=what, expected=frozenset(), allowed=recipients_of(text, what=what))
    try:
        plain = await host.secrets.decrypt(text, what=what, keys=host.state.vault.key_file)
    except KeyMissingError:
        if document := await unsealed_config(host, app, meta):
            return document
        raise
    return read_document(plain, app=app, meta=meta)
