"""Look at what keeps secrets: sops and age, the host's key, what is encrypted and sealed, and where memory is written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import PvdifyError
from pvdify.model.config import ENV
from pvdify.ops.checks import Checks, fail, ok, warn
from pvdify.ops.reseal import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pvdify.model.answers import Check
    from pvdify.ops.host import Host

_SEALED: Final = "sealed config"


async def _sops(host: Host) -> Checks:
    yield ok("sops", f"version {await host.secrets.version()}, and age")


async def _key(host: Host) -> Checks:
    await anyio.lowlevel.checkpoint()
    vault = host.state.vault
    readers = vault.readers()
    problem = vault.key_problem()
    if problem:
        yield fail("age key", problem, f"chown root:root {vault.key_file}; chmod 400 {vault.key_file}")
    else:
        more = f", and {len(readers.wanted) - 1} more" if len(readers.wanted) > 1 else ""
        yield ok("age key", f"{readers.wanted[0]} reads what is kept{more}")
    if readers.is_unfinished and not vault.is_taken():
        what = "encrypting everything again was cut off, and old keys still open some of it"
        yield warn("age key", what, "pvdify secrets:rotate")


async def _sealed(host: Host) -> Checks:
    """What an app is started with is compared with what was written; no sops, and no key but the host's, is asked for it."""
    versions = sorted(needed(host))
    problems = [check for app, version in versions for check in _problems(host, app, version)]
    for check in problems:
        yield check
    if problems or not versions:
        return
    app, version = versions[0]
    meta = host.state.configs.meta(app, version)
    part = next(iter(meta.sealed), ENV)
    try:
        await host.seal.unseal(meta.pin().credential(app, part), host.state.configs.sealed(app, meta, part))
    except PvdifyError as error:
        yield fail(_SEALED, f"this host does not open what is sealed: {error.message}", "pvdify secrets:reseal")
    else:
        yield ok(_SEALED, f"{len(versions)} in use, as they were written, and this host opens them")


def _problems(host: Host, app: str, version: int) -> Iterator[Check]:
    configs = host.state.configs
    for look in (configs.check_sealed, configs.text):
        try:
            look(app, configs.meta(app, version))
        except PvdifyError as error:
            yield fail(f"config of {app}", error.message, error.hint)


async def _swap(host: Host) -> Checks:
    areas = await host.memory.open_swaps()
    if areas:
        what = f"{', '.join(areas)} is not encrypted: what apps have in memory, and their config, may be written there"
        yield warn("swap", what, f"swapoff {areas[0]}, or encrypt it with a random key in /etc/crypttab")
    else:
        yield ok("swap", "none, in memory, or encrypted")


LOOKS: Final[dict[str, Callable[[Host], Checks]]] = {
    "sops": _sops,
    "age key": _key,
    _SEALED: _sealed,
    "swap": _swap,
}
