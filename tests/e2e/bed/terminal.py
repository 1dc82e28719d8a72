"""A person's terminal, in a bed."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType

from tests.e2e.bed.bed import Bed

# Linux; termios knows them from Python 3.13 on.
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441


def opened(bed: Bed) -> tuple[int, int]:
    """Open a terminal of the bed's own: the side of a person, and that of programs."""
    master = os.open(bed.path("/dev/pts/ptmx"), os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, _TIOCSPTLCK, b"\0\0\0\0")
    return master, fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)


def interact(bed: Bed, argv: Sequence[str]) -> int:
    """Run *argv* on a terminal of the bed's own, joined to ours; return its exit status."""
    master, slave = opened(bed)
    _copy_size(master)
    before = termios.tcgetattr(sys.stdin)

    def resized(number: int, frame: FrameType | None) -> None:
        _copy_size(master)

    signal.signal(signal.SIGWINCH, resized)
    process = subprocess.Popen(
        bed.command(*argv, tty=True),
        env=bed.environment(TERM=os.environ.get("TERM", "linux")),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        tty.setraw(sys.stdin)
        _join(master)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)
        os.close(master)
    return process.wait()


def _join(master: int) -> None:
    """Copy both ways until the bed's side is closed."""
    sources = [master, sys.stdin.fileno()]
    while True:
        for ready in select.select(sources, [], [])[0]:
            try:
                data = os.read(ready, 65536)
            except OSError:  # the last process on the other side has gone
                return
            if ready == master and not data:
                return
            if ready != master and not data:
                sources.remove(ready)
            os.write(sys.stdout.fileno() if ready == master else master, data)


def _copy_size(master: int) -> None:
    size = fcntl.ioctl(sys.stdin, termios.TIOCGWINSZ, b"\0" * 8)
    fcntl.ioctl(master, termios.TIOCSWINSZ, size)
