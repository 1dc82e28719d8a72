"""What of a running bed is in memory alone: the files below `/run` and their like, open files that have no name, environments."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed
    from tests.e2e.canary.words import Canary

_PLACES: Final = ("/run", "/tmp", "/dev/shm")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def run_files(bed: Bed, canary: Canary) -> list[str]:
    """The files in memory that have the canary."""
    found = []
    for place in _PLACES:
        for path in bed.path(place).rglob("*"):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink() and canary.is_in(path.read_bytes()):
                    found.append(f"/{path.relative_to(bed.path('/'))}")
    return sorted(found)


def readable(bed: Bed, paths: list[str]) -> list[str]:
    """Those of *paths* that somebody but root can open: neither they nor a directory above them is for root alone."""
    return [
        path
        for path in paths
        if not any(_is_for_root(bed.path(str(one))) for one in (Path(path), *Path(path).parents[:-1]))
    ]


def _is_for_root(path: Path) -> bool:
    found = path.lstat()
    return found.st_uid == 0 and not found.st_mode & _OTHERS


def environs(bed: Bed, canary: Canary) -> list[str]:
    """The processes that have the canary in their environment or their words, but for those of the app itself."""
    found = []
    for process in _processes(bed):
        with suppress(OSError):
            is_own = b"/libpod-payload-" in (process / "cgroup").read_bytes()
            told = [name for name in ("environ", "cmdline") if canary.is_in((process / name).read_bytes())]
            if told and not (is_own and told == ["environ"]):
                found.append(f"{' and '.join(told)} of {(process / 'comm').read_text().strip()}")
    return found


def open_files(bed: Bed, canary: Canary) -> list[str]:
    """The files without a name that some process has open, and that have the canary."""
    found = []
    for process in _processes(bed):
        with suppress(OSError):
            for opened in (process / "fd").iterdir():
                with suppress(OSError):
                    known = opened.stat()
                    if stat.S_ISREG(known.st_mode) and not known.st_nlink and canary.is_in(opened.read_bytes()):
                        words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                        found.append(f"{opened.readlink()} of {words}")
    return found


def _processes(bed: Bed) -> Iterator[Path]:
    return (path for path in bed.path("/proc").iterdir() if path.name.isdigit())
