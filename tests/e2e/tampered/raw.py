"""What can be done to the bytes of a file by whoever may write it and has no key; each is the same for the same `Random`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

Tampering = Callable[[Random, bytes], bytes]

HUGE: Final = 16 * 1024 * 1024


def bit_flipped(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def bits_flipped(rng: Random, data: bytes) -> bytes:
    for _ in range(rng.randrange(2, 9)):
        data = bit_flipped(rng, data)
    return data


def byte_dropped(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + 1 :]


def byte_added(rng: Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(1) + data[at:]


def piece_dropped(rng: Random, data: bytes) -> bytes:
    begin, end = sorted(rng.sample(range(len(data) + 1), 2))
    return data[:begin] + data[end:]


def piece_twice(rng: Random, data: bytes) -> bytes:
    begin, end = sorted(rng.sample(range(len(data) + 1), 2))
    return data[:end] + data[begin:]


def pieces_swapped(rng: Random, data: bytes) -> bytes:
    one, two, three = sorted(rng.sample(range(len(data) + 1), 3))
    return data[:one] + data[two:three] + data[one:two] + data[three:]


def letter_changed(rng: Random, data: bytes) -> bytes:
    """Another letter in the place of a letter, as a slip of a hand would."""
    at = rng.choice([number for number, one in enumerate(data) if chr(one).isalnum()])
    return data[:at] + rng.choice(b"abcdefXYZ0189").to_bytes() + data[at + 1 :]


def truncated(rng: Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data.rstrip()))]


def nothing(rng: Random, data: bytes) -> bytes:
    return rng.choice((b"", b" ", b"\n", b"\0"))


def noise(rng: Random, data: bytes) -> bytes:
    return rng.randbytes(len(data))


def huge(rng: Random, data: bytes) -> bytes:
    """So large that nobody wrote it; blanks that a reader may skip, or the file again and again."""
    return rng.choice((data.rstrip().ljust(HUGE), data.rjust(HUGE), data * (HUGE // len(data)), rng.randbytes(HUGE)))


BYTES: Final[Mapping[str, Tampering]] = {
    "a bit flipped": bit_flipped,
    "some bits flipped": bits_flipped,
    "a byte dropped": byte_dropped,
    "a byte added": byte_added,
    "a piece dropped": piece_dropped,
    "a piece twice": piece_twice,
    "two pieces swapped": pieces_swapped,
    "a letter changed": letter_changed,
    "truncated": truncated,
    "empty": nothing,
    "noise": noise,
}
