"""The host's side of ports: asking an instance or a front, and who listens where, as /proc tells it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.http import Exchange, HttpError
from pvdify.adapters.proc import listening, opened
from pvdify.ports import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCAL: Final = "127.0.0.1"
_BODY: Final = 64 * 1024
_WORDS: Final = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
}


class Sockets:
    """`Network` of this machine."""

    async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
        began = monotonic()
        try:
            with anyio.fail_after(timeout):
                async with await anyio.connect_tcp(_LOCAL, port) as stream:
                    exchange = Exchange(stream)
                    await exchange.send("GET", path, headers)
                    head = await exchange.head()
                    latency = (monotonic() - began) * 1000
                    body = await exchange.body(limit=_BODY)
        except TimeoutError:
            return Answer(error=f"no answer within {timeout:g} s", latency_ms=(monotonic() - began) * 1000)
        except (OSError, HttpError, anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            return Answer(error=_words(error), latency_ms=(monotonic() - began) * 1000)
        return Answer(status=head.status, headers=head.headers, body=body.decode(errors="replace"), latency_ms=latency)

    async def connects(self, address: str, port: int, *, timeout: float) -> bool:
        with anyio.move_on_after(timeout), suppress(OSError):
            async with await anyio.connect_tcp(address, port):
                return True
        return False

    async def holder(self, port: int) -> str | None:
        return await anyio.to_thread.run_sync(partial(_holder, port, Path("/proc")))

    async def reserve(self, candidates: tuple[int, ...], count: int) -> tuple[int, ...]:
        return await anyio.to_thread.run_sync(partial(_free, candidates, count))


def _words(error: BaseException) -> str:
    """What went wrong, without the words of the library that met it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _WORDS:
            return _WORDS[seen.errno]
        seen = seen.__cause__ or seen.__context__
    return str(error) or "the connection broke"


def _free(candidates: tuple[int, ...], count: int) -> tuple[int, ...]:
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((_LOCAL, port))
            except OSError:
                continue
            found.append(port)
    return tuple(found)


def _holder(port: int, proc: Path) -> str | None:
    inodes = listening(proc / "net", port)
    if not inodes:
        return None
    found: dict[tuple[str, str], int] = {}
    for pid in sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()):
        if any(target in inodes for _, target in opened(proc / str(pid) / "fd")):
            found.setdefault((_read(proc / str(pid) / "comm"), _unit(proc / str(pid) / "cgroup")), pid)
    described = [f"{name} (pid {pid}{f', {unit}' if unit else ''})" for (name, unit), pid in found.items()]
    return ", ".join(described) or "a process that cannot be seen"


def _unit(file: Path) -> str:
    """The unit that a process belongs to, by its control group."""
    parts = _read(file).rpartition(":")[2].strip().split("/")
    return next((part for part in reversed(parts) if part.endswith((".service", ".scope"))), "")


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
