"""The listeners of another process: whom the kernel leads to which, while that process listens anew.

A server that takes a new configuration listens a second time on its ports (SO_REUSEPORT), and then leaves its first
listeners. Under load, two things go wrong in between:

- the new listener accepts before the server is ready: Caddy before 2.7 has not read its certificates then, and hangs up;
- whoever is ready to be accepted in the very microsecond in which the old listener closes is reset, although the kernel
  hands over everybody else who waits there (tcp_migrate_req).

So the kernel is told to lead new visitors to the old one, which is held open from here, until the server has changed
over; then to the new one; and the old one is closed when the server has left it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.proc import leads_to, listening, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

_MIGRATES: Final = Path("/proc/sys/net/ipv4/tcp_migrate_req")
_LEAVES: Final = 0.5
_PIDFD_GETFD: Final = 438  # on x86, Arm, RISC-V, POWER and z; elsewhere the kernel says that it is none
_SO_ATTACH_REUSEPORT_CBPF: Final = 51  # include/uapi/asm-generic/socket.h
_BPF_RET: Final = 0x06  # include/uapi/linux/bpf_common.h: BPF_RET | BPF_K
_POLL: Final = 0.005
_KNOCK: Final = 1.0


class _Instruction(ctypes.Structure):
    """struct sock_filter."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket of another process: where that process has it, and it itself, shared."""

    link: Path
    inode: str
    shared: socket.socket

    def is_left(self) -> bool:
        """Whether that process has closed it."""
        return leads_to(self.link) != self.inode

    def choose(self, index: int) -> None:
        """Have the kernel choose that one of all listeners of the same address, the oldest being 0; where there is none, any."""
        instruction = _Instruction(_BPF_RET, 0, 0, index)
        program = struct.pack("@HP", 1, ctypes.addressof(instruction))  # struct sock_fprog
        self.shared.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, program)


@asynccontextmanager
async def handed_over(
    pid: int, *ports: int, migrates: Path = _MIGRATES, leaves: float = _LEAVES
) -> AsyncIterator[None]:
    """Lead whoever comes to *ports* to the listeners that process *pid* has now, and after the block to those it made in it.

    It has *leaves* seconds then to leave the old ones. Nothing is done where it has none, where the kernel does not hand over who waits
    at a listener that closes (*migrates* says 1; Linux 5.14), or where it lets nobody share one.
    """
    with ExitStack() as held:
        old = await anyio.to_thread.run_sync(_hold, pid, ports, held, migrates)
        yield
        if old:
            with suppress(OSError):
                await _change_over(old, pid, ports, leaves)
    if old:
        with ExitStack() as held:  # whoever has the process listen anew without this finds visitors led to the oldest
            await anyio.to_thread.run_sync(_hold, pid, ports, held, migrates)
        for port in ports:
            await _knock(port)


def _hold(pid: int, ports: Sequence[int], held: ExitStack, migrates: Path) -> Sequence[Listener]:
    """Share all listeners of *pid* at *ports*, until *held* closes, and lead visitors to the oldest; all of that, or nothing."""
    try:
        if migrates.read_text().strip() != "1":
            return ()
        with ExitStack() as stack:
            listeners = tuple(_share(pid, ports, stack))
            _lead(listeners, 0)
            held.enter_context(stack.pop_all())
            return listeners
    except OSError:
        return ()


async def _change_over(old: Sequence[Listener], pid: int, ports: Sequence[int], leaves: float) -> None:
    """Lead visitors to what listens anew, if anything does, and wait until the process has left *old*."""
    anew = await anyio.to_thread.run_sync(_inodes, pid, ports)
    if not anew - {listener.inode for listener in old}:
        return
    _lead(old, 1)
    with anyio.move_on_after(leaves):
        while not all(listener.is_left() for listener in old):  # noqa: ASYNC110 - another process's doing
            await anyio.sleep(_POLL)


def _lead(listeners: Sequence[Listener], past: int) -> None:
    """To the first of each address's listeners, or past all of them."""
    for listener in listeners:
        address = listener.shared.getsockname()
        listener.choose(past * sum(other.shared.getsockname() == address for other in listeners))


async def _knock(port: int) -> None:
    """Come once: who was handed over may wait for the next one to come, before a listener wakes up for them.

    Kernels do so before 7.1 and the stable releases of May 2026 ("tcp: call sk_data_ready() after listener migration").
    """
    with anyio.move_on_after(_KNOCK), suppress(OSError):
        async with await anyio.connect_tcp("127.0.0.1", port):
            pass


def _inodes(pid: int, ports: Sequence[int]) -> set[str]:
    return {inode for port in ports for inode in listening(Path(f"/proc/{pid}/net"), port)}


def _share(pid: int, ports: Sequence[int], held: ExitStack) -> Iterator[Listener]:
    """The listeners of *pid* at *ports*; they are closed with *held*."""
    wanted = _inodes(pid, ports)
    if not wanted:
        return
    process = os.pidfd_open(pid)
    held.callback(os.close, process)
    for link, inode in opened(Path(f"/proc/{pid}/fd")):
        if inode in wanted and (shared := _copy(process, int(link.name), inode)):
            yield Listener(link, inode, held.enter_context(shared))
            wanted.discard(inode)
        if not wanted:
            return  # it may have thousands of connections: a listener has one number, and a low one


def _copy(process: int, number: int, inode: str) -> socket.socket | None:
    """The same socket as that process's *number*, by pidfd_getfd(2); None where it has become something else meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    if (got := libc.syscall(_PIDFD_GETFD, process, number, 0)) < 0:
        raise OSError(ctypes.get_errno(), "cannot share a listener")
    if f"socket:[{os.fstat(got).st_ino}]" != inode:
        os.close(got)
        return None
    return socket.socket(fileno=got)
