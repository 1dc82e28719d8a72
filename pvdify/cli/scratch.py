"""A file for what must not reach a disk: it is in memory, nobody else can read it, and it goes whatever happens."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final

from pvdify.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RUNTIME_VARIABLE: Final = "XDG_RUNTIME_DIR"
_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
_MOUNTS: Final = Path("/proc/self/mountinfo")
_PRIVATE: Final = 0o600


def places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where such a file may be, the best place first."""
    own = environ.get(RUNTIME_VARIABLE)
    return (*((Path(own),) if own else ()), Path("/dev/shm"), Path("/run"))  # noqa: S108 - a folder of our own is made there


@contextmanager
def scratch(name: str, data: bytes, *, places: Sequence[Path]) -> Iterator[Path]:
    """Have a file with *data* meanwhile; whatever else is written beside it goes with it. Raise `HostError` where no place is in memory."""
    path = kept(name, data, places=places)
    try:
        yield path
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
        if path.parent.exists():
            raise HostError(f"cannot remove {path.parent}, which has secrets", hint="remove it yourself")


def kept(name: str, data: bytes, *, places: Sequence[Path]) -> Path:
    """A file with *data*, in a folder of its own, that stays until somebody removes it or the machine stops."""
    for place in filter(_is_in_memory, places):
        try:
            folder = Path(mkdtemp(prefix="pvdify-", dir=place))
        except OSError:
            continue
        try:
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        return folder / name
    raise HostError(
        f"cannot write secrets into a file: none of {', '.join(map(str, places))} is in memory (tmpfs), and ours to write",
        hint=f"name such a directory in {RUNTIME_VARIABLE}",
    )


def _is_in_memory(place: Path) -> bool:
    """Whether files in *place* are on no disk."""
    try:
        device = place.stat().st_dev
        mounts = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    return any(mount.partition(" - ")[2].split(" ")[0] in _MEMORY for mount in mounts if mount.split(" ")[2] == number)
