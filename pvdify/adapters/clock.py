"""The time of day, and which boot this is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """`Clock` of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_id(self) -> str:
        return _BOOT_ID.read_text().strip()
