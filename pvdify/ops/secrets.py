"""Who reads what is kept encrypted: show them, add and remove one, and give the host another key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import NotFoundError, SecretsError, SpecError
from pvdify.model.answers import Changed
from pvdify.model.config_answers import SecretsInfo
from pvdify.model.event import Outcome
from pvdify.ops.rekey import rekey

if TYPE_CHECKING:
    from pvdify.model.requests import ForRecipient, Nothing
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def show_secrets(host: Host, _request: Nothing) -> SecretsInfo:
    """Who reads, and how it is sealed for the host."""
    await anyio.lowlevel.checkpoint()
    readers, settings = host.state.vault.readers(), host.state.vault.settings()
    return SecretsInfo(
        recipient=readers.wanted[0],
        recipients=readers.wanted[1:],
        seal=settings.seal,
        key_file=str(host.state.vault.key_file),
        is_unfinished=readers.is_unfinished,
    )


async def rotate(host: Host, running: Running, _request: Nothing) -> Changed:
    """Give the host another key, encrypt everything for it, and drop the old one.

    One that was cut off goes on, with the key that it has made.
    """
    vault = host.state.vault
    async with running.step("prepare"):
        keys = vault.keys()
        await host.secrets.version()
        if len(keys) == 1:
            keys = (await host.secrets.new_key(), *keys)
    count = await rekey(host, running, switch=lambda: vault.write_keys(keys))
    text = (
        f"{count} config versions are encrypted for the new key {keys[0].public}, and the old key is gone; "
        f"keep a copy of {vault.key_file} somewhere else: the one that you have opens nothing that is here now"
    )
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text)


async def add_recipient(host: Host, running: Running, request: ForRecipient) -> Changed:
    """Let one more read everything that is kept encrypted, older versions too."""
    one, vault = request.recipient, host.state.vault
    readers, settings = vault.readers(), vault.settings()
    if one in readers.wanted and not readers.is_unfinished:
        return _unchanged(running, f"{one} reads everything already; nothing to do")
    async with running.step("prepare"):
        wanted = tuple(dict.fromkeys((*readers.wanted, one)))
        await _check_recipient(host, one, wanted=wanted)
    leaving = tuple(other for other in settings.leaving if other != one)
    settings = msgspec.structs.replace(settings, recipients=wanted[1:], leaving=leaving, unfinished=True)
    count = await rekey(host, running, switch=lambda: vault.write_settings(settings))
    text = f"{one} reads everything that is kept encrypted; {count} config versions were encrypted again"
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text)


async def remove_recipient(host: Host, running: Running, request: ForRecipient) -> Changed:
    """Encrypt everything again without one of those who read it. What they have read, or copied, they keep."""
    one, vault = request.recipient, host.state.vault
    readers, settings = vault.readers(), vault.settings()
    if one == readers.wanted[0]:
        raise SpecError(
            f"cannot remove {one}: it is this host itself",
            pointer="/recipient",
            hint="give it another key: `pvdify secrets:rotate`",
        )
    if one not in {*settings.recipients, *settings.leaving}:
        raise NotFoundError(f"cannot remove {one}: it does not read what is kept here", hint="see `pvdify secrets`")
    async with running.step("prepare"):
        await host.secrets.version()
    recipients = tuple(other for other in settings.recipients if other != one)
    leaving = (*(other for other in settings.leaving if other != one), one)
    settings = msgspec.structs.replace(settings, recipients=recipients, leaving=leaving, unfinished=True)
    count = await rekey(host, running, switch=lambda: vault.write_settings(settings))
    text = (
        f"{one} reads nothing of what is kept from now on; {count} config versions were encrypted again. "
        "Whoever has that key may have copied the secrets before: change them, too"
    )
    return Changed(operation=running.id, outcome=Outcome.DONE, text=text)


async def _check_recipient(host: Host, one: str, *, wanted: tuple[str, ...]) -> None:
    """Raise `SpecError` if nothing can be encrypted for *one*: with a typo among the recipients no config could be set any more."""
    try:
        await host.secrets.encrypt(b'{"trial":"pvdify"}', recipients=wanted)
    except SecretsError as error:
        hint = "`age-keygen -y FILE` prints the recipient of a key file"
        raise SpecError(f"cannot add {one}: {error.message}", pointer="/recipient", hint=hint) from error


def _unchanged(running: Running, text: str) -> Changed:
    return Changed(operation=running.id, outcome=Outcome.UNCHANGED, text=text)
