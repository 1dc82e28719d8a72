"""The pages that an operator wrote for an app: `apps/<app>/pages/down.html` and its like."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from pvdify.errors import SpecError
from pvdify.model.page import Page
from pvdify.store.files import told

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.store.paths import Settings

_NAMES: Final = {f"{page.value}.html": page for page in Page}
_SUFFIX: Final = ".html"
_MOST: Final = 1 << 16
"""Bytes that are read of a page: more than any that the router could send."""


class Pages:
    """The folder `pages` of every app."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self, app: str) -> dict[Page, bytes]:
        """What is there of *app*; raise `SpecError` where a file looks like a page and is none."""
        folder = self._settings.pages(app)
        found: dict[Page, bytes] = {}
        with told(f"read {folder}"):
            for path in self._files(folder):
                page = _NAMES.get(path.name)
                if page is None:
                    names = ", ".join(sorted(_NAMES))
                    raise SpecError(f"cannot use {path}: a page of an app is one of {names}")
                found[page] = _bytes(path)
        return found

    def _files(self, folder: Path) -> list[Path]:
        """What is called like a page; an editor's own files are not."""
        try:
            names = sorted(path.name for path in folder.iterdir())
        except FileNotFoundError:
            return []
        return [folder / name for name in names if name.endswith(_SUFFIX) and not name.startswith(".")]


def _bytes(path: Path) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SpecError(f"cannot use {path}: it is no plain file", hint="copy the page itself there")
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)
