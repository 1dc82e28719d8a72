"""What /proc tells of sockets: who listens where, and which process has which."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LISTENS: Final = "0A"
# 127.0.0.1, 0.0.0.0, [::], and the first two as IPv6 has them; the kernel writes words in its own byte order
_ADDRESSES: Final = frozenset(
    {
        *("0100007F", "00000000", "0" * 32),
        *("0000000000000000FFFF00000100007F", "0000000000000000FFFF000000000000"),
    }
)


def listening(directory: Path, port: int) -> set[str]:
    """The sockets that take connections to 127.0.0.1:*port*, as links in /proc name them; *directory* is a /proc/…/net."""
    return {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _inodes(directory / name, port)}


def opened(directory: Path) -> Iterator[tuple[Path, str]]:
    """The links of a /proc/…/fd, the lowest number first, and what each leads to; the process may end meanwhile."""
    with suppress(OSError):
        for number in sorted(int(link.name) for link in directory.iterdir()):
            if target := leads_to(link := directory / str(number)):
                yield link, target


def leads_to(link: Path) -> str:
    """What a link of a /proc/…/fd names; empty where it is gone, or not ours to see."""
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _inodes(table: Path, port: int) -> Iterator[str]:
    with suppress(OSError), table.open(errors="replace") as lines:
        next(lines, None)
        for fields in map(str.split, lines):
            if fields[3] != _LISTENS:
                return  # the kernel begins with all that listen
            address, _, number = fields[1].partition(":")
            if int(number, 16) == port and address in _ADDRESSES:
                yield fields[9]
