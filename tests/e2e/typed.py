"""A person at a terminal of a bed: what they type, what they see, and how they leave."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.e2e.bed.terminal import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed


@dataclass(slots=True)
class Terminal:
    """A terminal that a command runs on."""

    process: subprocess.Popen[bytes]
    person: int
    seen: bytearray = field(default_factory=bytearray)
    is_left: bool = False

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self.person, text.encode())

    def until(self, text: str, *, timeout: float = 30) -> None:
        """Look until *text* was shown."""
        end = time.monotonic() + timeout
        while text.encode() not in self.seen:
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout:g} s for {text!r}, and saw {bytes(self.seen)!r}")
            time.sleep(0.01)

    def resize(self, rows: int, columns: int) -> None:
        """Make the window so large."""
        fcntl.ioctl(self.person, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def watch(self) -> None:
        """Look at what is shown until the person leaves, whose end of the line is closed then."""
        with suppress(OSError):  # nobody is on the other side any more
            while not self.is_left:
                if select.select([self.person], [], [], 0.02)[0]:
                    self.seen += os.read(self.person, 65_536)
        while not self.is_left:
            time.sleep(0.02)
        os.close(self.person)


@contextmanager
def terminal(bed: Bed, *argv: str) -> Iterator[Terminal]:
    """Run a command on a terminal of its own, which is gone afterwards."""
    person, programs = opened(bed)
    process = subprocess.Popen(
        bed.command(*argv, tty=True),
        env=bed.environment(TERM="xterm"),
        stdin=programs,
        stdout=programs,
        stderr=programs,
    )
    os.close(programs)
    found = Terminal(process, person)
    watching = threading.Thread(target=found.watch)
    watching.start()
    try:
        yield found
    finally:
        found.is_left = True
        watching.join()
        process.kill()
        process.wait()
