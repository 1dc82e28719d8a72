"""One question to systemd over D-Bus: jeepney reads and writes the protocol, and anyio moves the bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import anyio
from jeepney import DBusAddress, HeaderFields, MessageType, Parser, new_method_call
from jeepney.auth import BEGIN, Authenticator
from jeepney.bus_messages import message_bus

from pvdify.errors import HostError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import ByteStream
    from jeepney import Message

_MANAGER: Final = DBusAddress(
    "/org/freedesktop/systemd1",
    bus_name="org.freedesktop.systemd1",
    interface="org.freedesktop.systemd1.Manager",
)
_UNITS: Final = "a(ssssssouso)"
"""Name, description, three states and more of each unit, as systemd lists them."""
_HELLO: Final = 1
_QUESTION: Final = 2
_LIMIT: Final = 8 * 1024 * 1024

# what jeepney raises where the bytes are none of D-Bus's
_UNREADABLE: Final = (AssertionError, LookupError, RecursionError, TypeError, ValueError, struct.error)


class NoBusError(Exception):
    """Nobody listens where the bus should be."""


async def active_units(bus: Path, pattern: str) -> frozenset[UnitName]:
    """The units whose name fits the glob *pattern* and that are up.

    Raise `NoBusError`, or `HostError` where the bus answers with anything else than units.
    """
    answer = await _asked(bus, new_method_call(_MANAGER, "ListUnitsByPatterns", "asas", (["active"], [pattern])))
    if answer.header.message_type is MessageType.error:
        raise HostError(f"cannot ask systemd over D-Bus: {' '.join(str(word) for word in answer.body) or 'it refuses'}")
    if answer.header.fields.get(HeaderFields.signature) != _UNITS:
        raise HostError("cannot ask systemd over D-Bus: the answer is no list of units")
    return frozenset(UnitName(row[0]) for row in answer.body[0])


async def _asked(bus: Path, question: Message) -> Message:
    """The answer to *question*, over a connection of its own."""
    try:
        stream = await anyio.connect_unix(bus)
    except OSError as error:
        raise NoBusError from error
    async with stream:
        try:
            await _enter(stream)
            await stream.send(message_bus.Hello().serialise(_HELLO) + question.serialise(_QUESTION))
            return await _answer(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError) as error:
            raise HostError("cannot ask systemd over D-Bus: the bus hung up") from error
        except _UNREADABLE as error:
            raise HostError(f"cannot ask systemd over D-Bus: what {bus} says is not D-Bus") from error


async def _enter(stream: ByteStream) -> None:
    """Say who we are; the kernel vouches for it."""
    entry = Authenticator()
    for line in entry:
        await stream.send(line)
        entry.feed(await stream.receive())
    await stream.send(BEGIN)


async def _answer(stream: ByteStream) -> Message:
    """The answer to our question, or the first error; signals and the answer to the greeting are passed over."""
    parser = Parser()
    size = 0
    while size <= _LIMIT:
        data = await stream.receive()
        size += len(data)
        for message in parser.feed(data):
            is_ours = message.header.fields.get(HeaderFields.reply_serial) == _QUESTION
            if is_ours or message.header.message_type is MessageType.error:
                return message
    raise HostError(f"cannot ask systemd over D-Bus: the answer is more than {_LIMIT // 2**20} MiB")
