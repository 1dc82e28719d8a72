"""What the bus says, good and bad, over real connections."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jeepney import Endianness, Header, HeaderFields, Message, MessageFlag, MessageType

from pvdify.adapters.dbus import NoBusError, active_units
from pvdify.errors import HostError
from pvdify.model.names import UnitName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream


UNITS = "a(ssssssouso)"
UNIT = UnitName("pvdify-blog-v1-web-1.service")
PATH = "/org/freedesktop/systemd1/unit/pvdify_2dblog_2dv1_2dweb_2d1_2eservice"


def message(
    kind: MessageType, reply_to: int | None, signature: str, *body: object, order: Endianness = Endianness.little
) -> bytes:
    fields: dict[object, object] = {HeaderFields.signature: signature}
    if reply_to is not None:
        fields[HeaderFields.reply_serial] = reply_to
    else:
        fields |= {HeaderFields.path: "/", HeaderFields.interface: "a.b", HeaderFields.member: "C"}
    header = Header(order, kind, MessageFlag(0), 1, -1, 7, fields)
    return bytes(Message(header, body).serialise())


def row(unit: str) -> tuple[object, ...]:
    return (unit, "a description", "loaded", "active", "running", "", PATH, 0, "", "/")


GREETED = message(MessageType.method_return, 1, "s", ":1.7") + message(MessageType.signal, None, "s", ":1.7")
ANSWERED = GREETED + message(MessageType.method_return, 2, UNITS, [row(UNIT)])


@asynccontextmanager
async def bus(said: bytes, *, entry: bytes = b"OK 0\r\n") -> AsyncIterator[Path]:
    """A bus that says *entry* to who comes in and *said* to the question, and hangs up."""

    async def answer(stream: SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):  # it hung up first
                assert (await stream.receive()).startswith(b"\0AUTH EXTERNAL ")
                await stream.send(entry)
                asked = b""
                while not asked.endswith(b"pvdify-*\0"):
                    asked += await stream.receive()
                for start in range(0, len(said), 50_001):
                    await stream.send(said[start : start + 50_001])

    with TemporaryDirectory() as directory:
        socket = Path(directory) / "bus"
        async with await anyio.create_unix_listener(socket) as listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, answer)
            yield socket
            tasks.cancel_scope.cancel()


async def ask(said: bytes, *, entry: bytes = b"OK 0\r\n") -> frozenset[UnitName] | str:
    """The units, or what is said instead."""
    async with bus(said, entry=entry) as socket:
        try:
            return await active_units(socket, "pvdify-*")
        except HostError as error:
            return error.message


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_units_are_read_under_both_loops(backend: str, count: int) -> None:
    units = frozenset(UnitName(f"pvdify-blog-v1-web-{number}.service") for number in range(count))
    said = GREETED + message(MessageType.method_return, 2, UNITS, [row(unit) for unit in units])

    assert units == anyio.run(ask, said, backend=backend)


async def test_units_are_read_from_a_machine_with_the_other_order_of_bytes() -> None:
    said = message(MessageType.method_return, 2, UNITS, [row(UNIT), row("a.service")], order=Endianness.big)

    assert frozenset({UNIT, UnitName("a.service")}) == await ask(said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (GREETED + message(MessageType.error, 2, "s", "Access denied"), "Access denied"),
        (message(MessageType.error, 1, "s", "Too many"), "Too many"),
        (GREETED + message(MessageType.error, 2, ""), "it refuses"),
        (GREETED + message(MessageType.method_return, 2, "s", "x"), "no list of units"),
        (GREETED + message(MessageType.method_return, 2, ""), "no list of units"),
        (GREETED + message(MessageType.method_return, 2, "ay", bytes(9 * 2**20)), "more than 8 MiB"),
        (GREETED, "the bus hung up"),
        (ANSWERED[:-9], "the bus hung up"),
        (GREETED + b"l\2\0\1" + b"\xff" * 12, "more than 8 MiB"),
        (ANSWERED.replace(b"blog-v1", b"blog\xff\xff\xff"), "is not D-Bus"),
        (ANSWERED.replace(b"\x0d\0\0\0a description", b"\x0d\0\0\1a description"), "is not D-Bus"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not D-Bus"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_answer_is_told_in_words(said: bytes, words: str) -> None:
    assert words in await ask(said)


@pytest.mark.parametrize("entry", [b"REJECTED EXTERNAL\r\n", b"OK 0\r\nand more", b"x" * 10_000])
async def test_a_bus_that_does_not_let_us_in_is_an_error(entry: bytes) -> None:
    assert "is not D-Bus" in await ask(b"", entry=entry)


@given(st.one_of(st.binary(max_size=400), st.integers(0, len(ANSWERED) - 1).map(lambda end: ANSWERED[:end])))
def test_whatever_else_it_says_is_an_error(said: bytes) -> None:
    assert "cannot ask systemd over D-Bus" in anyio.run(ask, said, backend="trio")


async def test_a_bus_that_is_not_there_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    for name in ("nothing", "file"):
        with pytest.raises(NoBusError):
            await active_units(tmp_path / name, "pvdify-*")
