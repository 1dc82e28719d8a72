"""What the edge was last made to serve: the SHA-256 of its file. It outlives a boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.store.files import PUBLIC, replace, told

if TYPE_CHECKING:
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve


class Followed:
    """`edge.followed`."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._path = settings.followed
        self._reserve = reserve

    def read(self) -> str | None:
        """What was noted; None where the edge serves nothing."""
        with told(f"read {self._path}"):
            try:
                return self._path.read_text(encoding="ascii", errors="replace").strip() or None
            except FileNotFoundError:
                return None

    def note(self, sha256: str | None) -> None:
        """Note what the edge serves, also on a full disk: it is changed already."""
        with told(f"write {self._path}"):
            self._reserve.spend(lambda: replace(self._path, f"{sha256 or ''}\n".encode(), PUBLIC))
