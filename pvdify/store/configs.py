"""Config versions: an encrypted file each, the same sealed for this host, and what may be known without a key."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import ConfigNotFoundError, ConfigTamperedError, NotSealedError, SpecError, StateError
from pvdify.model.config import ConfigMeta
from pvdify.model.parse import from_toml
from pvdify.model.patterns import closed
from pvdify.store.files import PRIVATE, make_directory, replace, sync_directory, told
from pvdify.store.layout import GONE, remove_tree
from pvdify.store.locks import alone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pvdify.model.config import ConfigPin
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

_TRIES: Final = 5
_FILE: Final = re.compile(closed(r"c(?P<version>[1-9][0-9]{0,8})\.toml"))
_PART: Final = re.compile(closed(r"c(?P<version>[1-9][0-9]{0,8})(?:\.sops\.json)?"))
_HALF: Final = re.compile(closed(r"\.c[1-9][0-9]{0,8}\.(?:toml|sops\.json)\.new"))
_HOST: Final = "host"
_LARGEST: Final = 4 * 1024 * 1024


class Configs:
    """The configs of every app. A version is there once its `c7.toml` is, which is written last."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def owners(self) -> tuple[str, ...]:
        """Whose configs are kept: those of `host`, and of every app that has any, also of one that nothing declares any more."""
        with told(f"read {self._settings.apps}"):
            try:
                names = {path.name for path in self._settings.apps.iterdir()}
            except FileNotFoundError:
                names = set()
        return tuple(sorted(name for name in names | {_HOST} if not name.startswith(GONE) and self.versions(name)))

    def versions(self, app: str) -> tuple[int, ...]:
        """The versions of *app*, newest first; none for an unknown app."""
        directory = self._settings.configs(app)
        with told(f"read {directory}"):
            try:
                names = [path.name for path in directory.iterdir()]
            except (FileNotFoundError, NotADirectoryError):
                return ()
        found = (match for name in names if (match := _FILE.search(name)))
        return tuple(sorted((int(match["version"]) for match in found), reverse=True))

    def meta(self, app: str, version: int) -> ConfigMeta:
        """What may be known of a version; raise `ConfigNotFoundError`, or `StateError` for what is no such file."""
        path = self._meta(app, version)
        with told(f"read {path}"):
            try:
                text = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                raise ConfigNotFoundError(app, version) from error
        try:
            meta = from_toml(text, ConfigMeta, what=str(path))
        except SpecError as error:
            raise StateError(
                error.message, hint="a config is never edited: bring the file back from a backup"
            ) from error
        if meta.version != version:
            raise StateError(f"cannot read {path}: it says c{meta.version}")
        return meta

    def pinned(self, app: str, pin: ConfigPin) -> ConfigMeta:
        """The version that *pin* names; raise `ConfigTamperedError` if it is another one by now."""
        meta = self.meta(app, pin.version)
        if meta.sha256 != pin.sha256 or tuple(meta.files) != pin.files:
            raise ConfigTamperedError(f"c{pin.version} of {app}", "it is not the one that the release was made with")
        return meta

    def text(self, app: str, meta: ConfigMeta) -> bytes:
        """The SOPS file of a version, as it was written, also if that was again since then; raise `ConfigTamperedError` for any other."""
        path, what = self._text(app, meta.version), f"c{meta.version} of {app}"
        with told(f"read {path}"):
            text = _read(path)
            if text is None or _hash(text) not in meta.texts:
                with alone(self._settings.configs(app)):
                    meta, text = self.meta(app, meta.version), _read(path)
        if text is None:
            raise ConfigTamperedError(what, f"{path} is gone")
        if _hash(text) not in meta.texts:
            raise ConfigTamperedError(what, f"{path} is not the file that pvdify wrote")
        return text

    def add(self, app: str, meta: ConfigMeta, *, text: bytes, sealed: Mapping[str, bytes]) -> ConfigMeta:
        """Keep a new version, durably; what killed processes left of others goes. Answers what is known of it now.

        The caller holds the lock of *app*, or else could take another one's half for such a remainder.
        """
        directory = self._settings.configs(app)
        meta = msgspec.structs.replace(meta, texts=(_hash(text),), sealed=_hashes(sealed))
        with told(f"write c{meta.version} of {app}"):
            if self._meta(app, meta.version).exists():
                raise StateError(f"cannot write c{meta.version} of {app}: it is there already")
            make_directory(directory, 0o700)
            self.sweep(app)
            self._reserve.spend(lambda: self._write(app, meta, text, sealed))
        return meta

    def copied(self, app: str, version: int) -> tuple[bytes, bytes]:
        """What is known of a version, and its SOPS file, as they belong together, also while it is written again."""
        for _ in range(_TRIES):
            meta = self.meta(app, version)
            text = self.text(app, meta)
            if sha256(text).hexdigest() in meta.texts:
                return msgspec.toml.encode(meta), text
        raise StateError(f"cannot copy c{version} of {app}: it is written again and again", hint="try again")

    def files(self, app: str, meta: ConfigMeta, *, text: bytes, sealed: Mapping[str, bytes]) -> dict[Path, bytes]:
        """What `add` would write of a version, for who writes very many at once."""
        meta = msgspec.structs.replace(meta, texts=(sha256(text).hexdigest(),), sealed=_hashes(sealed))
        parts = {self._settings.sealed(app, meta.version, part): data for part, data in sealed.items()}
        return {
            **parts,
            self._text(app, meta.version): text,
            self._meta(app, meta.version): msgspec.toml.encode(meta),
        }

    def retext(self, app: str, version: int, text: bytes) -> None:
        """Put a newly encrypted *text* of the same version in the place of its SOPS file. Killed in between, either file is good."""
        with told(f"write c{version} of {app}"), alone(self._settings.configs(app)):
            meta = self.meta(app, version)
            both = (*meta.texts, _hash(text))
            self._write_meta(app, msgspec.structs.replace(meta, texts=both))
            replace(self._text(app, version), text, PRIVATE)
            self._write_meta(app, msgspec.structs.replace(meta, texts=both[-1:]))

    def reseal(self, app: str, version: int, sealed: Mapping[str, bytes]) -> None:
        """Put *sealed* in the place of what is sealed of a version; killed in between, `check_sealed` says so and this can be done again."""
        with told(f"write c{version} of {app}"), alone(self._settings.configs(app)):
            meta = self.meta(app, version)
            self._write_meta(app, msgspec.structs.replace(meta, sealed=_hashes(sealed)))
            self._write_sealed(app, version, sealed)

    def check_sealed(self, app: str, meta: ConfigMeta) -> None:
        """Raise `NotSealedError` unless all that a unit loads is there, as it was sealed."""
        for part in meta.pin().parts():
            self.sealed(app, meta, part)

    def sealed(self, app: str, meta: ConfigMeta, part: str) -> bytes:
        """One part of a version, as it was sealed, also if that was again since then; raise `NotSealedError` if it is gone, or another one."""
        path, what = self._settings.sealed(app, meta.version, part), f"c{meta.version} of {app}"
        with told(f"read {path}"):
            found = _read(path)
            if found is None or _hash(found) != meta.sealed.get(part):
                with alone(self._settings.configs(app)):
                    meta, found = self.meta(app, meta.version), _read(path)
        if found is None:
            raise NotSealedError(what, f"{path} is gone")
        if _hash(found) != meta.sealed.get(part):
            raise NotSealedError(what, f"{path} is not the file that pvdify sealed")
        return found

    def remove(self, app: str, version: int) -> None:
        """Forget a version; one that is not there is fine."""
        directory = self._settings.configs(app)
        with told(f"remove c{version} of {app}"):
            if not directory.exists():
                return
            with alone(directory):
                self._meta(app, version).unlink(missing_ok=True)
                sync_directory(directory)
                self._discard(app, version)

    def sweep(self, app: str) -> None:
        """Take away what is part of no version: a killed process had not come to its end, or to its removal.

        The caller knows that nobody adds one meanwhile.
        """
        directory = self._settings.configs(app)
        with told(f"sweep {directory}"), alone(directory):
            known = set(self.versions(app))
            for path in directory.iterdir():
                match = _PART.search(path.name)
                if match and int(match["version"]) not in known:
                    self._discard(app, int(match["version"]))
                elif _HALF.search(path.name):
                    path.unlink(missing_ok=True)

    def _discard(self, app: str, version: int) -> None:
        self._text(app, version).unlink(missing_ok=True)
        remove_tree(self._settings.configs(app) / f"c{version}")

    def _write(self, app: str, meta: ConfigMeta, text: bytes, sealed: Mapping[str, bytes]) -> None:
        try:
            replace(self._text(app, meta.version), text, PRIVATE)
            self._write_sealed(app, meta.version, sealed)
            self._write_meta(app, meta)
        except OSError:
            self._meta(app, meta.version).unlink(missing_ok=True)
            self._discard(app, meta.version)
            raise

    def _write_sealed(self, app: str, version: int, sealed: Mapping[str, bytes]) -> None:
        for part, data in sealed.items():
            path = self._settings.sealed(app, version, part)
            make_directory(path.parent, 0o700)
            replace(path, data, PRIVATE)

    def _write_meta(self, app: str, meta: ConfigMeta) -> None:
        replace(self._meta(app, meta.version), msgspec.toml.encode(meta), PRIVATE)

    def _meta(self, app: str, version: int) -> Path:
        return self._settings.configs(app) / f"c{version}.toml"

    def _text(self, app: str, version: int) -> Path:
        return self._settings.configs(app) / f"c{version}.sops.json"


def _hashes(sealed: Mapping[str, bytes]) -> dict[str, str]:
    return {part: _hash(data) for part, data in sealed.items()}


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()


def _read(path: Path) -> bytes | None:
    """All of *path*, and no more than it may be: whoever put a huge file there does not take the host's memory. None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
