"""The time of day, and which boot this is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pvdify.errors import HostError


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock, and an id of this boot that is kept in the run-time directory.

    Not the kernel's `boot_id`: in a container it stays the same when the container boots again.
    """

    run: Path = Path("/run/pvdify")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_id(self) -> str:
        path = self.run / "boot-id"
        fresh = path.with_name(f".boot-id.{uuid4().hex}")
        try:
            if not path.exists():
                fresh.write_text(f"{uuid4()}\n")
                try:
                    os.link(fresh, path)
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
            return path.read_text().strip()
        except OSError as error:
            raise HostError(f"cannot tell this boot from others: {path}: {error.strerror}") from error
