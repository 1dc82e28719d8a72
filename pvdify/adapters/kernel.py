"""What the kernel says of its memory, in `/proc` and `/sys`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from pvdify.errors import HostError

_ENCRYPTED: Final = "CRYPT-"
_BLANK: Final = "\\040"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """`Memory` of this machine."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")

    async def open_swaps(self) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        try:
            lines = (self.proc / "swaps").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
        except OSError as error:
            raise HostError(f"cannot tell what is swapped: {self.proc}/swaps: {error.strerror}") from error
        areas = [line.split()[:2] for line in lines if line.strip()]
        return tuple(name.replace(_BLANK, " ") for name, kind in areas if not self._is_safe(name, kind))

    def _is_safe(self, name: str, kind: str) -> bool:
        if kind == "partition":
            return _is_safe(self.sys / "class" / "block" / Path(name).name)
        try:
            device = Path(name.replace(_BLANK, " ")).stat().st_dev
        except OSError:  # not to be seen from here
            return False
        return _is_safe(self.sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}")


def _is_safe(device: Path) -> bool:
    """Whether what is written to a block device is kept nowhere, or encrypted, by itself or by all that it stands on."""
    if device.resolve().name.startswith("zram"):
        return _read(device / "backing_dev") in {"", "none"}
    if _read(device / "dm" / "uuid").startswith(_ENCRYPTED):
        return True
    below = sorted(device.glob("slaves/*"))
    return bool(below) and all(_is_safe(one) for one in below)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
