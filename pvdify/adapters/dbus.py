"""One question to systemd over D-Bus: jeepney knows the protocol, and anyio moves the bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from jeepney import DBusAddress, Header, HeaderFields, MessageType, new_method_call
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus_messages import message_bus
from jeepney.low_level import calc_msg_size

from pvdify.errors import HostError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anyio.abc import ByteStream
    from jeepney import Message

_MANAGER: Final = DBusAddress(
    "/org/freedesktop/systemd1",
    bus_name="org.freedesktop.systemd1",
    interface="org.freedesktop.systemd1.Manager",
)
_UNITS: Final = "a(ssssssouso)"
"""A list of units: of each the name, a description, three states, and more."""
_AFTER_NAME: Final = "sssssouso"
_HELLO: Final = 1
_QUESTION: Final = 2
_START: Final = 16
"""So many bytes tell how long a message is."""
_LIMIT: Final = 8 * 1024 * 1024

# what comes of bytes that are not D-Bus
_UNREADABLE: Final = (AssertionError, LookupError, RecursionError, TypeError, ValueError, struct.error)


class NoBusError(Exception):
    """Nobody listens where the bus should be."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back, its body as it came; *order* is that of the bytes in a number."""

    is_error: bool
    signature: str
    order: str
    body: bytes


async def active_units(bus: Path, pattern: str) -> frozenset[UnitName]:
    """The units whose name fits the glob *pattern* and that are up.

    Raise `NoBusError`, or `HostError` where the bus answers with anything else than units.
    """
    question = new_method_call(_MANAGER, "ListUnitsByPatterns", "asas", (["active"], [pattern]))
    try:
        stream = await anyio.connect_unix(bus)
    except OSError as error:
        raise NoBusError from error
    async with stream:
        try:
            return _units(await _asked(stream, question))
        except (anyio.EndOfStream, anyio.BrokenResourceError) as error:
            raise HostError("cannot ask systemd over D-Bus: the bus hung up") from error
        except _UNREADABLE as error:
            raise HostError(f"cannot ask systemd over D-Bus: what {bus} says is not D-Bus") from error


async def _asked(stream: ByteStream, question: Message) -> _Answer:
    """The answer to *question*, or the first error; signals and the answer to the greeting are passed over."""
    entry = Authenticator()
    for line in entry:
        await stream.send(line)
        entry.feed(await stream.receive())
    await stream.send(BEGIN + message_bus.Hello().serialise(_HELLO) + question.serialise(_QUESTION))
    said = bytearray()
    while True:
        size = _START if len(said) < _START else calc_msg_size(said)
        if size > _LIMIT:
            raise HostError(f"cannot ask systemd over D-Bus: the answer is more than {_LIMIT // 2**20} MiB")
        if len(said) < size:
            said += await stream.receive()
            continue
        message = bytes(said[:size])
        del said[:size]
        header, end = Header.from_buffer(message)
        is_error = header.message_type is MessageType.error
        if is_error or header.fields.get(HeaderFields.reply_serial) == _QUESTION:
            return _Answer(
                is_error=is_error,
                signature=header.fields.get(HeaderFields.signature, ""),
                order=header.endianness.struct_code(),
                body=message[end + -end % 8 :],
            )


def _units(answer: _Answer) -> frozenset[UnitName]:
    if answer.is_error:
        words = answer.body[4:-1].decode(errors="replace") if answer.signature == "s" else "it refuses"
        raise HostError(f"cannot ask systemd over D-Bus: {words}")
    if answer.signature != _UNITS:
        raise HostError("cannot ask systemd over D-Bus: the answer is no list of units")
    return frozenset(_names(answer.body, answer.order))


def _names(body: bytes, order: str) -> Iterator[UnitName]:
    """The first field of each unit. jeepney reads all ten and makes objects of them, which would take longer than all the rest."""
    number = struct.Struct(f"{order}I").unpack_from
    at, end = 8, 8 + number(body)[0]
    while at < end:
        at += -at % 8
        size = number(body, at)[0]
        yield UnitName(body[at + 4 : at + 4 + size].decode())
        at += 5 + size
        for kind in _AFTER_NAME:
            at += -at % 4
            at += 4 if kind == "u" else 5 + number(body, at)[0]
    if not at == end == len(body):
        raise ValueError
