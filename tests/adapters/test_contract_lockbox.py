"""What every `Lockbox` promises."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO

import pytest

from pvdify.errors import BackupError, KeyMissingError

if TYPE_CHECKING:
    from pvdify.ports.secrets import Lockbox
    from tests.adapters.worlds import SecretsWorld

WHAT = "host.pvdify"
CANARY = b"canary-90d1"
PLAIN = CANARY + os.urandom(300_000) + CANARY


async def locked(lockbox: Lockbox, *recipients: str, plain: bytes = PLAIN) -> bytes:
    found: list[bytes] = []
    await lockbox.lock(
        lambda out: _write(out, plain), lambda stream: found.append(stream.read()), recipients=recipients
    )
    return found[0]


async def unlocked(lockbox: Lockbox, text: bytes, *keys: str) -> bytes:
    found: list[bytes] = []
    await lockbox.unlock(
        lambda out: _write(out, text), lambda stream: found.append(stream.read()), what=WHAT, keys=keys
    )
    return found[0]


def _write(out: BinaryIO, data: bytes) -> None:
    out.write(data)


async def test_each_of_those_that_it_is_for_reads_it_and_nobody_sees_it(
    lockbox: Lockbox, secrets: SecretsWorld
) -> None:
    one, two, other = [await secrets.port.new_key() for _ in range(3)]

    text = await locked(lockbox, one.public, two.public)

    assert CANARY not in text
    assert PLAIN == await unlocked(lockbox, text, one.secret)
    assert PLAIN == await unlocked(lockbox, text, other.secret, two.secret)
    with pytest.raises(KeyMissingError, match=WHAT):
        await unlocked(lockbox, text, other.secret)


async def test_nothing_is_something_as_well(lockbox: Lockbox, secrets: SecretsWorld) -> None:
    key = await secrets.port.new_key()

    text = await locked(lockbox, key.public, plain=b"")

    assert b"" == await unlocked(lockbox, text, key.secret)


@pytest.mark.parametrize("at", [0.0, 0.2, 0.5, 0.9, 1.0])
async def test_what_is_cut_off_anywhere_is_refused(lockbox: Lockbox, secrets: SecretsWorld, at: float) -> None:
    key = await secrets.port.new_key()
    text = await locked(lockbox, key.public)

    with pytest.raises(BackupError, match=WHAT):
        await unlocked(lockbox, text[: int(at * (len(text) - 1))], key.secret)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
async def test_what_is_changed_anywhere_is_refused(lockbox: Lockbox, secrets: SecretsWorld, at: float) -> None:
    key = await secrets.port.new_key()
    text = bytearray(await locked(lockbox, key.public))
    text[int(at * len(text))] ^= 1

    with pytest.raises(BackupError, match=WHAT):
        await unlocked(lockbox, bytes(text), key.secret)


@pytest.mark.parametrize("text", [b"", b"no such thing", b"\0" * 100_000])
async def test_what_was_never_locked_is_refused(lockbox: Lockbox, secrets: SecretsWorld, text: bytes) -> None:
    key = await secrets.port.new_key()

    with pytest.raises(BackupError, match=WHAT):
        await unlocked(lockbox, text, key.secret)


async def test_what_either_end_raises_comes_through(lockbox: Lockbox, secrets: SecretsWorld) -> None:
    key = await secrets.port.new_key()
    text = await locked(lockbox, key.public)

    def choke(_stream: BinaryIO) -> None:
        raise LookupError("that is enough")

    for feed, take in ((choke, _read), (lambda out: _write(out, PLAIN), choke)):
        with pytest.raises(LookupError, match="that is enough"):
            await lockbox.lock(feed, take, recipients=(key.public,))
    for feed, take in ((choke, _read), (lambda out: _write(out, text), choke)):
        with pytest.raises(LookupError, match="that is enough"):
            await lockbox.unlock(feed, take, what=WHAT, keys=(key.secret,))


def _read(stream: BinaryIO) -> None:
    io.BytesIO(stream.read())
