"""Whom the kernel leads to which listener while a process listens anew: here this one itself, with its real sockets."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.listeners import handed_over
from pvdify.adapters.proc import leads_to, listening, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

COMERS = 40  # by chance, all of them at one of two would be once in a million million


def listener(port: int = 0) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("0.0.0.0", port))  # noqa: S104 - as Caddy does
    made.listen(128)
    made.setblocking(False)
    return made


@contextmanager
def comers(port: int) -> Iterator[None]:
    """So many people at that port, for as long as the block lasts."""
    with ExitStack() as stack:
        for _ in range(COMERS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
        yield


def accepted(by: socket.socket) -> int:
    """How many came to that listener."""
    number = 0
    while True:
        try:
            by.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1


async def test_whoever_comes_meanwhile_is_led_to_the_old_listener_and_then_to_the_new_one() -> None:
    with listener() as old:
        port = old.getsockname()[1]
        async with handed_over(os.getpid(), port):
            new = listener(port)
            with comers(port):
                assert (COMERS, 0) == (accepted(old), accepted(new))
            old.close()
        with new:
            accepted(new)  # whoever knocked
            with comers(port):
                assert COMERS == accepted(new)


async def test_a_listener_that_its_process_closes_too_early_is_held_open_until_the_new_one_may_be_asked() -> None:
    with listener() as old:
        port = old.getsockname()[1]
        async with handed_over(os.getpid(), port):
            with listener(port) as new:
                old.close()
                with comers(port):
                    assert 0 == accepted(new)


async def test_a_process_that_only_looked_goes_on_with_its_listener() -> None:
    with listener() as old:
        port = old.getsockname()[1]
        async with handed_over(os.getpid(), port):
            pass
        accepted(old)
        with comers(port):
            assert COMERS == accepted(old)


async def test_what_fails_meanwhile_fails_and_the_old_listener_goes_on() -> None:
    with listener() as old:
        port = old.getsockname()[1]
        with pytest.raises(ConnectionError):
            async with handed_over(os.getpid(), port):
                raise ConnectionError
        with comers(port):
            assert COMERS == accepted(old)


async def test_where_nothing_listens_or_no_process_is_nothing_happens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with handed_over(os.getpid(), bound.getsockname()[1]):
            pass
    async with await anyio.open_process((sys.executable, "-c", "")) as ended:
        await ended.wait()
    with listener() as other:
        async with handed_over(ended.pid, other.getsockname()[1]):
            pass
        assert 0 == accepted(other)


def test_what_listens_here_is_told_and_what_is_connected_or_elsewhere_is_not() -> None:
    net = Path("/proc/self/net")
    with listener() as one, socket.create_connection(one.getsockname()[:2]) as connected:
        inode = f"socket:[{os.fstat(one.fileno()).st_ino}]"
        assert {inode} == listening(net, one.getsockname()[1])
        assert set() == listening(net, connected.getsockname()[1])
        assert inode in {target for _, target in opened(Path("/proc/self/fd"))}
        assert inode == leads_to(Path(f"/proc/self/fd/{one.fileno()}"))
    with socket.create_server(("127.0.0.2", 0)) as elsewhere:
        assert set() == listening(net, elsewhere.getsockname()[1])
    assert [] == list(opened(Path("/proc/nobody/fd")))
    assert "" == leads_to(Path("/proc/nobody/fd/3"))
