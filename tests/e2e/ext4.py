"""A real ext4 that can lose its power: an image on a loop device, mounted where nobody else sees it."""

import fcntl
import os
import subprocess
from pathlib import Path
from typing import Final

_SHUTDOWN: Final = 0x8004_587D
"""EXT4_IOC_SHUTDOWN, or _IOR('X', 125, __u32)."""
_NO_LOG_FLUSH: Final = (2).to_bytes(4, "little")
"""EXT4_GOING_FLAGS_NOLOGFLUSH: not even what is in memory of the file system's own journal reaches the disk."""

PRIVATE: Final = (
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
)
"""Runs a command whose mounts, loop devices and processes end with it, however it ends."""


class Ext4:
    """One file system; to be used below `PRIVATE` only."""

    def __init__(self, directory: Path, *, mebibytes: int = 96, inodes: int | None = None) -> None:
        self._image = directory / "ext4.img"
        self.root = directory / "mnt"
        self.root.mkdir()
        with self._image.open("wb") as image:
            image.truncate(mebibytes << 20)
        options = ("-E", "lazy_itable_init=0,lazy_journal_init=0", "-m", "0")
        some = () if inodes is None else ("-N", str(inodes))
        _run("mkfs.ext4", "-q", "-F", *options, *some, self._image)
        self.mount()

    def mount(self) -> None:
        """Mount it; the kernel replays its journal. The loop device goes with the mount."""
        _run("mount", "-t", "ext4", "-o", "loop", self._image, self.root)

    def unmount(self) -> None:
        _run("umount", self.root)

    def cut_power(self) -> None:
        """Let nothing more reach the disk; what is only in memory is lost."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def check(self) -> None:
        """Raise unless the file system itself is sound; it must not be mounted."""
        _run("e2fsck", "-f", "-n", self._image)


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
