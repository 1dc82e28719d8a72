"""Which fronts keep requests waiting: noted where the router looks before each reload, and gone after a boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.store.files import told

if TYPE_CHECKING:
    from pvdify.store.paths import Settings


class Held:
    """One empty file for each such front."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.held

    def note(self, front: int) -> None:
        """Have a worker that starts from now on keep the requests of *front* waiting."""
        with told(f"write {self._folder / str(front)}"):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / str(front)).touch()

    def forget(self, front: int) -> None:
        """Have it let them through; that it does so already is fine."""
        with told(f"remove {self._folder / str(front)}"):
            (self._folder / str(front)).unlink(missing_ok=True)
