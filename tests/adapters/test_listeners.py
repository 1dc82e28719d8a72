"""Whom the kernel leads to which listener while a process listens anew: here this one itself, with its real sockets.

That the kernel hands over who waits at a listener that closes is root's to set: tests/e2e/test_edge.py tries it so.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.adapters.listeners import handed_over
from pvdify.adapters.proc import leads_to, listening, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    Handing = Callable[..., AbstractAsyncContextManager[None]]

COMERS = 40  # by chance, all of them at one of two would be once in a million million
HERE = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - as Caddy listens
PATIENCE = 20.0


@pytest.fixture
def migrates(tmp_path: Path) -> Path:
    """The kernel says that it hands over who waits."""
    file = tmp_path / "tcp_migrate_req"
    file.write_text("1\n")
    return file


@pytest.fixture
def handing(migrates: Path) -> Handing:
    """As in a kernel that hands over who waits, and with patience."""

    def handing(pid: int, *ports: int) -> AbstractAsyncContextManager[None]:
        return handed_over(pid, *ports, migrates=migrates, leaves=PATIENCE)

    return handing


def listener(port: int = 0, *, address: str = EVERYWHERE, is_shared: bool = True) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
    made.bind((address, port))
    made.listen(128)
    made.setblocking(False)
    return made


@contextmanager
def comers(port: int, number: int = COMERS, *, to: str = HERE) -> Iterator[None]:
    """So many people at that port, for as long as the block lasts."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection((to, port), timeout=5))
        yield


def accepted(*by: socket.socket, of: int = 0) -> tuple[int, ...]:
    """How many came to each of these listeners, *of* so many in all."""
    numbers = dict.fromkeys(by, 0)
    while True:
        for one in by:
            while _came(one):
                numbers[one] += 1
        if sum(numbers.values()) >= of or not select.select(by, (), (), PATIENCE)[0]:
            return tuple(numbers.values())


def _came(to: socket.socket) -> bool:
    try:
        to.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE / 2
    while not condition():
        assert time.monotonic() < end, "the kernel leads nobody elsewhere"
        await anyio.sleep(0.001)


async def test_visitors_are_led_to_the_old_listener_and_after_the_block_to_the_new_one_while_both_are_open(
    handing: Handing,
) -> None:
    with listener() as old:
        port = old.getsockname()[1]
        new: list[socket.socket] = []

        def is_led_to_the_new_one() -> bool:
            with comers(port, 1):
                return accepted(old, *new, of=1) == (0, 1)

        async def leave() -> None:
            await until(is_led_to_the_new_one)
            for _ in range(5):  # as long as the old one is open
                await anyio.sleep(0.02)
                with comers(port):
                    assert (0, COMERS) == accepted(old, *new, of=COMERS)
            old.close()

        async with anyio.create_task_group() as tasks:
            async with handing(os.getpid(), port):
                new.append(listener(port))
                with comers(port):
                    assert (COMERS, 0) == accepted(old, *new, of=COMERS)
                tasks.start_soon(leave)
            assert -1 == old.fileno(), "it is not waited until the process has left the old one"
        with new[0], listener(port) as later:
            accepted(*new)  # whoever knocked
            # as one who has it listen anew by hand finds it
            with comers(port):
                assert (COMERS, 0) == accepted(*new, later, of=COMERS)


async def test_each_address_is_changed_over_to_its_own_new_listener(handing: Handing) -> None:
    with listener() as everywhere, listener(everywhere.getsockname()[1], address=HERE) as here:
        port = here.getsockname()[1]
        old = (everywhere, here)
        new: list[socket.socket] = []

        def is_led_to_the_new_ones() -> bool:
            with comers(port, 1), comers(port, 1, to="127.0.0.2"):
                return accepted(*old, *new, of=2) == (0, 0, 1, 1)

        async def leave() -> None:
            await until(is_led_to_the_new_ones)
            with comers(port), comers(port, to="127.0.0.2"):
                assert (0, 0, COMERS, COMERS) == accepted(*old, *new, of=2 * COMERS)
            for one in old:
                one.close()

        async with anyio.create_task_group() as tasks, handing(os.getpid(), port):
            new += (listener(port), listener(port, address=HERE))
            with comers(port), comers(port, to="127.0.0.2"):
                assert (COMERS, COMERS, 0, 0) == accepted(*old, *new, of=2 * COMERS)
            tasks.start_soon(leave)
        for one in new:
            one.close()


async def test_a_listener_that_its_process_closes_too_early_is_held_open_until_the_block_ends(handing: Handing) -> None:
    with listener() as old:
        port = old.getsockname()[1]
        async with handing(os.getpid(), port):
            with listener(port) as new:
                old.close()
                with comers(port):
                    assert (0,) == accepted(new)
            with comers(port, 1):
                pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HERE, port), timeout=5)


async def test_a_process_that_does_not_listen_anew_goes_on_with_its_listener(handing: Handing) -> None:
    with listener() as old:
        port = old.getsockname()[1]
        async with handing(os.getpid(), port):
            pass
        accepted(old)  # whoever knocked
        with comers(port):
            assert (COMERS,) == accepted(old, of=COMERS)


async def test_what_fails_meanwhile_fails_and_the_old_listener_goes_on(handing: Handing) -> None:
    with listener() as old:
        port = old.getsockname()[1]
        with pytest.raises(ConnectionError):
            async with handing(os.getpid(), port):
                raise ConnectionError
        with comers(port):
            assert (COMERS,) == accepted(old, of=COMERS)


async def test_where_the_kernel_hands_nobody_over_nobody_is_led_anywhere(migrates: Path, tmp_path: Path) -> None:
    await anyio.Path(migrates).write_text("0\n")
    for said in (migrates, tmp_path / "before Linux 5.14"):
        with listener() as old:
            port = old.getsockname()[1]
            async with handed_over(os.getpid(), port, migrates=said):
                with listener(port) as new, comers(port):
                    by_chance = accepted(old, new, of=COMERS)
            assert COMERS == sum(by_chance)
            assert 0 not in by_chance


async def test_of_listeners_that_the_kernel_leads_nobody_to_none_is_held_open(handing: Handing) -> None:
    """One that was not made to be shared, beside one that was: all or nothing."""
    with listener() as shared:
        port = shared.getsockname()[1]
        with listener(is_shared=False) as alone:
            async with handing(os.getpid(), port, alone.getsockname()[1]):
                for one in (shared, alone):
                    address = one.getsockname()
                    one.close()
                    with pytest.raises(ConnectionRefusedError):
                        socket.create_connection((HERE, address[1]), timeout=5)


async def test_where_nothing_listens_or_no_process_is_nothing_happens(handing: Handing) -> None:
    with socket.socket() as bound:
        bound.bind((HERE, 0))
        async with handing(os.getpid(), bound.getsockname()[1]):
            pass
    async with await anyio.open_process((sys.executable, "-c", "")) as ended:
        await ended.wait()
    with listener() as other:
        async with handing(ended.pid, other.getsockname()[1]):
            pass
        assert (0,) == accepted(other)


async def test_no_descriptor_stays_open(handing: Handing) -> None:
    with listener() as old:
        before = dict(opened(Path("/proc/self/fd")))
        for _ in range(3):
            async with handing(os.getpid(), old.getsockname()[1]):
                pass
        assert before.keys() == dict(opened(Path("/proc/self/fd"))).keys()


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
