"""What the router reads of a generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.edge import EdgeSettings
from pvdify.model.place import Place
from pvdify.render.tree import ROUTER_FOLDER, host_artefacts

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.manifest import AppRow


def write_router_files(generation: Path, *apps: AppRow) -> None:
    """Write the files of a host with just these *apps*."""
    for one in host_artefacts({app.name: app for app in apps}, EdgeSettings(), Place()):
        if one.path.startswith(ROUTER_FOLDER):
            file = generation / one.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(one.text)
