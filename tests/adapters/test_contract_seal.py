"""What every `Seal` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import NotSealedError
from pvdify.model.vault import SealWith

if TYPE_CHECKING:
    from tests.adapters.worlds import SealWorld

NAME = "blog.c7.abababababababab.env"
CANARY = b"canary-51c9"


async def sealed(seal: SealWorld, data: bytes, *, name: str = NAME) -> bytes:
    await seal.port.prepare()
    return await seal.port.seal(name, data, key=SealWith.HOST)


@pytest.mark.parametrize(
    "data",
    [b"", b"A=1\n", "ü ☃ 🚀\n".encode(), b"\0", b"\xff\xfe\0\n\r\n", bytes(range(256)) * 16, b"\n\n", b"x" * 1_000_000],
    ids=["nothing", "line", "unicode", "NUL", "binary", "bytes", "newlines", "large"],
)
async def test_what_is_sealed_is_opened_as_it_was(seal: SealWorld, data: bytes) -> None:
    text = await sealed(seal, data)

    assert data == await seal.port.unseal(NAME, text)
    assert not data.strip() or data not in text


async def test_the_key_is_made_once(seal: SealWorld) -> None:
    text = await sealed(seal, CANARY)

    await seal.port.prepare()

    assert CANARY == await seal.port.unseal(NAME, text)


@pytest.mark.parametrize(
    "name",
    [
        "shop.c7.abababababababab.env",
        "blog.c8.abababababababab.env",
        "blog.c7.babababababababa.env",
        "blog.c7.abababababababab.tls.key",
        "blog.c7.abababababababab.en",
        NAME.upper(),
    ],
)
async def test_under_another_name_it_does_not_open(seal: SealWorld, name: str) -> None:
    text = await sealed(seal, CANARY)

    with pytest.raises(NotSealedError, match=f"cannot use {name}: this host cannot open it") as caught:
        await seal.port.unseal(name, text)

    assert CANARY.decode() not in f"{caught.value}"
    assert "pvdify secrets:reseal" in caught.value.hint


@pytest.mark.parametrize("at", [0.02, 0.3, 0.6, 0.95])
async def test_what_was_changed_does_not_open(seal: SealWorld, at: float) -> None:
    text = bytearray(await sealed(seal, CANARY * 20))
    place = int(len(text) * at)
    text[place] = ord("A") if text[place] != ord("A") else ord("B")

    with pytest.raises(NotSealedError):
        await seal.port.unseal(NAME, bytes(text))


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9])
async def test_half_of_it_does_not_open(seal: SealWorld, part: float) -> None:
    text = await sealed(seal, CANARY * 20)

    with pytest.raises(NotSealedError):
        await seal.port.unseal(NAME, text[: int(len(text) * part)])


@pytest.mark.parametrize("text", [b"A=1\n", b"\0", b"\xff" * 100, b"QUFB\n", b"host:x:\n"])
async def test_what_was_never_sealed_does_not_open(seal: SealWorld, text: bytes) -> None:
    await seal.port.prepare()

    with pytest.raises(NotSealedError):
        await seal.port.unseal(NAME, text)


async def test_two_parts_are_not_taken_for_each_other(seal: SealWorld) -> None:
    one, two = await sealed(seal, b"one"), await sealed(seal, b"two", name=f"{NAME}2")

    assert b"one" == await seal.port.unseal(NAME, one)
    with pytest.raises(NotSealedError):
        await seal.port.unseal(NAME, two)
