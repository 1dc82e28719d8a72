"""Releases: one file each, written once, before anything of it starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import ReleaseNotFoundError, SpecError, StateError
from pvdify.model.names import app_name
from pvdify.model.parse import from_toml
from pvdify.model.patterns import closed
from pvdify.model.release import Release
from pvdify.store.files import PRIVATE, make_directory, told, write_once

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.manifest import AppRow
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

_FILE: Final = re.compile(closed(r"v(?P<version>[1-9][0-9]{0,8})\.toml"))


class Releases:
    """The releases of every app."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def read(self, app: str, version: int) -> Release:
        """One release; what it says of itself must be where it stands."""
        path = self._path(app, version)
        with told(f"read {path}"):
            try:
                text = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise ReleaseNotFoundError(app, version) from error
        try:
            release = from_toml(text, Release, what=str(path))
        except SpecError as error:
            raise StateError(
                error.message, hint="a release is never edited: bring the file back from a backup"
            ) from error
        if (release.app, release.version) != (app, version):
            raise StateError(f"cannot read {path}: it is v{release.version} of {release.app}")
        return release

    def versions(self, app: str) -> tuple[int, ...]:
        """What is recorded, newest first."""
        directory = self._settings.releases(app)
        with told(f"read {directory}"):
            try:
                names = [path.name for path in directory.iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return ()
        found = (match for name in names if (match := _FILE.search(name)))
        return tuple(sorted((int(match["version"]) for match in found), reverse=True))

    def next_version(self, app: str, row: AppRow | None) -> int:
        """One more than every version that is recorded, or that the app's row knows of."""
        known = [*self.versions(app), 0]
        if row is not None:
            known += [one.release for one in row.instances]
            known += [version for version in (row.live, row.warm) if version is not None]
        return max(known) + 1

    def write(self, release: Release) -> None:
        """Record a release under its version, unless that is another one's."""
        path = self._path(app_name(release.app), release.version)
        text = text_of(release)
        with told(f"write {path}"):
            try:
                make_directory(path.parent, 0o755)
                self._reserve.spend(lambda: write_once(path, text, PRIVATE))
            except FileExistsError as error:
                if path.read_bytes() == text:
                    return
                raise StateError(
                    f"cannot record v{release.version} of {release.app}: there is another one of that number"
                ) from error

    def _path(self, app: str, version: int) -> Path:
        return self._settings.releases(app) / f"v{version}.toml"


def text_of(release: Release) -> bytes:
    """The file of *release*."""
    import tomli_w

    about = f"# v{release.version} of {release.app}: written once and never changed.\n"
    return (about + tomli_w.dumps(msgspec.to_builtins(release))).encode()
