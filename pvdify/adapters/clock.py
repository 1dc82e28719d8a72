"""The time of day, and which boot this is."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pvdify.errors import HostError


@dataclass(frozen=True, slots=True)
class SystemClock:
    """`Clock` of this machine; the id of a boot is kept in *run*, which a boot empties.

    Not the kernel's own id: in a container that stays the same when the container boots again.
    """

    run: Path = Path("/run/pvdify")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_id(self) -> str:
        path = self.run / "boot-id"
        try:
            if not path.exists():
                fresh = path.with_name(f".boot-id.{uuid4().hex}")
                fresh.write_text(f"{uuid4()}\n")
                with suppress(FileExistsError):  # somebody was quicker, and his is as good
                    os.link(fresh, path)
                fresh.unlink()
            return path.read_text().strip()
        except OSError as error:
            raise HostError(f"cannot tell this boot from others: {path}: {error.strerror}") from error
