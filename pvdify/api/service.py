"""A service as systemd has it: it inherits its sockets, says how it is, and goes when it is told to or when nobody needs it."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from socket import socket
from typing import TYPE_CHECKING, Final

from systemd import daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pvdify.api.gate import Gate

_LOOK: Final = 1.0
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def inherited() -> dict[str, tuple[socket, ...]]:
    """The listening sockets that systemd opened for this process, by their `FileDescriptorName=`."""
    found: dict[str, tuple[socket, ...]] = {}
    for number, name in daemon.listen_fds_with_names().items():
        found[name] = (*found.get(name, ()), socket(fileno=number))
    return found


def heartbeat(environment: Mapping[str, str]) -> float | None:
    """Seconds between two signs of life, half of what `WatchdogSec=` allows; None where nobody watches.

    >>> heartbeat({"WATCHDOG_USEC": "10000000"}), heartbeat({})
    (5.0, None)
    >>> heartbeat({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}) is None
    True
    """
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    allowed = int(environment.get("WATCHDOG_USEC", "0"))
    return allowed / 2_000_000 if allowed else None


@dataclass(frozen=True, slots=True)
class Service:
    """Serves what comes through *gate* until SIGTERM or SIGINT, or until *idle* seconds went by without a request while nothing *is_busy*.

    *grace* is for connections that did not ask yet, *patience* for requests that are being served; `TimeoutStopSec=` is more than both. What
    comes too late for this process waits in the socket for the next one.
    """

    gate: Gate
    is_busy: Callable[[], bool]
    heartbeat: float | None = None
    idle: float = 30.0
    grace: float = 2.0
    patience: float = 30.0
    notify: Callable[[str], object] = daemon.notify

    async def run(self) -> None:
        """Open the gate, and return when all are served and gone."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop.set)
        beating = asyncio.create_task(self._beat())
        try:
            self.gate.open()
            self.notify("READY=1")
            await self._serve(stop)
            self.notify("STOPPING=1")
            await self.gate.finished(grace=self.grace, patience=self.patience)
        finally:
            beating.cancel()
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def _serve(self, stop: asyncio.Event) -> None:
        """Return when *stop* is set, or when nobody is there and everything is done."""
        while not stop.is_set():
            await self._quiet(stop)
            if not stop.is_set() and await self.gate.close_if_empty():
                await self.gate.finished(grace=self.grace, patience=self.patience)
                if not self.is_busy():
                    return
                self.gate.open()  # the last request began something

    async def _quiet(self, stop: asyncio.Event) -> None:
        """Return when *stop* is set, or when nothing happened for *idle* seconds."""
        loop = asyncio.get_running_loop()
        busy = loop.time()
        while not stop.is_set():
            if self.is_busy():
                busy = loop.time()
            left = self.idle - min(self.gate.quiet, loop.time() - busy)
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LOOK)):
                    await stop.wait()

    async def _beat(self) -> None:
        while self.heartbeat is not None:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self.heartbeat)
