"""Fronts that keep requests waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.store.held import Held
from pvdify.store.paths import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_front_is_noted_and_forgotten_however_often(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "state", tmp_path / "run")
    held = Held(settings)

    held.forget(3000)
    held.note(3000)
    held.note(3000)
    held.note(3001)
    held.forget(3000)
    held.forget(3000)

    assert ["3001"] == [path.name for path in settings.held.iterdir()]
