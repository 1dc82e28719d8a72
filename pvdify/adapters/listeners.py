"""The listeners of another process: whom the kernel leads to which, while that process listens anew.

A server that takes a new configuration listens a second time on its port (SO_REUSEPORT), and then leaves its first
listener. Two things go wrong in between, a few times in a thousand changes under load:

- the new listener accepts before the server is ready: Caddy before 2.7 has not read its certificates then, and hangs up;
- who is accepted in the very microsecond in which the old listener closes is reset, whatever tcp_migrate_req says.

So the kernel is told to lead everybody to the old one, which is held open from here, until the server has changed over;
then to the new one; and the old one is closed when nobody comes to it any more.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.proc import leads_to, listening, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_PIDFD_GETFD: Final = 438  # the same on all architectures, as every call since Linux 5.1
_SO_ATTACH_REUSEPORT_CBPF: Final = 51  # include/uapi/asm-generic/socket.h
_BPF_RET: Final = 0x06  # include/uapi/linux/bpf_common.h: BPF_RET | BPF_K
_LEAVES: Final = 0.5
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
async def handed_over(pid: int, port: int) -> AsyncIterator[None]:
    """Lead whoever comes to *port* to the listeners that process *pid* has now, and after the block to those it made in it.

    Nothing is done where it has none, and where the kernel refuses (before Linux 5.6, or without CAP_SYS_PTRACE).
    """
    with ExitStack() as shared:
        old: list[Listener] = []
        with suppress(OSError):
            old = await anyio.to_thread.run_sync(_share, pid, port, shared)
            _lead(old, 0)
        yield
        with suppress(OSError):
            await _change_over(old, pid, port)
    if old:
        await _knock(port)


async def _change_over(old: Sequence[Listener], pid: int, port: int) -> None:
    """Lead everybody to what listens anew, if anything does, and wait until the process is done with *old*."""
    anew = await anyio.to_thread.run_sync(listening, Path(f"/proc/{pid}/net"), port)
    if not anew - {listener.inode for listener in old}:
        return
    _lead(old, 1)
    with anyio.move_on_after(_LEAVES):
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


def _share(pid: int, port: int, shared: ExitStack) -> list[Listener]:
    """All listeners of *pid* at *port*; they are closed with *shared*."""
    inodes = listening(Path(f"/proc/{pid}/net"), port)
    if not inodes:
        return []
    process = os.pidfd_open(pid)
    shared.callback(os.close, process)
    found = ((link, inode) for link, inode in opened(Path(f"/proc/{pid}/fd")) if inode in inodes)
    # it may have thousands of connections: a listener has one number, and a low one
    return [
        Listener(link, inode, shared.enter_context(socket.socket(fileno=_copy(process, int(link.name)))))
        for link, inode in islice(found, len(inodes))
    ]


def _copy(process: int, number: int) -> int:
    """The same open file as that process's *number*: pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if (got := libc.syscall(_PIDFD_GETFD, process, number, 0)) < 0:
        raise OSError(ctypes.get_errno(), "cannot share a listener")
    return int(got)
