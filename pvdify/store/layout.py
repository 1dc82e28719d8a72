"""The state directory as a whole: its format, its first making, and what is left lying about in it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import RestoreUnfinishedError, StateError, StateMissingError, StateTooNewError
from pvdify.store.files import PRIVATE, PUBLIC, make_directory, replace, told

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.backup import Restoring
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

FORMAT: Final = 1
GONE: Final = ".gone-"
"""What stands before the name of something that is being removed: it is out of sight at once, and away when there is time."""


class Layout:
    """The frame that everything else stands in."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def create(self) -> bool:
        """Make what is missing; the format comes last, so that half a directory is never taken for a whole one."""
        settings = self._settings
        with told(f"make the state directory {settings.state}"):
            was_there = settings.format.exists()
            if was_there:
                self.check()
            make_directory(settings.state, 0o755)
            settings.state.chmod(0o700)
            for path in (settings.generations, settings.apps, settings.operations):
                make_directory(path, 0o755)
            make_directory(settings.secrets, 0o700)
            settings.host_lock.touch(PRIVATE)
            self._reserve.fill()
            if not was_there:
                replace(settings.format, f"{FORMAT}\n".encode(), PUBLIC)
        return not was_there

    def check(self, *, is_restoring: bool = False) -> None:
        """Look at the format before anything else is looked at; half of a host that is being restored is for who *is_restoring* it."""
        path = self._settings.format
        with told(f"read {path}"):
            try:
                text = path.read_text(encoding="utf-8", errors="replace").strip()
            except FileNotFoundError as error:
                message = f"cannot find the state directory {self._settings.state}: it has no `format`"
                raise StateMissingError(message, hint="make it with `pvdify init`") from error
        if not (text.isascii() and text.isdigit()):
            raise StateError(f"cannot read {path}: {text[:40]!r} is no number", hint=f"it should say {FORMAT}")
        if int(text) > FORMAT:
            message = f"cannot use {self._settings.state}: its format is {text}, this pvdify knows {FORMAT}"
            raise StateTooNewError(message, hint="install the newer pvdify that wrote it")
        restoring = read_restoring(self._settings.restoring)
        if restoring is not None and not restoring.is_unpacked and not is_restoring:
            message = f"cannot use {self._settings.state}: a restore was begun and is not through"
            raise RestoreUnfinishedError(message, hint="type the same `pvdify restore` again, or another backup's")

    def free_bytes(self) -> int:
        """Bytes that anybody may still use."""
        with told(f"look at {self._settings.state}"):
            room = os.statvfs(self._settings.state)
        return room.f_bavail * room.f_frsize

    def loaded(self) -> int | None:
        """The number in the run-time directory; none after a boot."""
        with told(f"read {self._settings.loaded}"):
            try:
                text = self._settings.loaded.read_text(encoding="ascii", errors="replace").strip()
            except FileNotFoundError:
                return None
        return int(text) if text.isdigit() else None

    def note_loaded(self, number: int) -> None:
        """Put *number* there."""
        with told(f"write {self._settings.loaded}"):
            self._settings.run.mkdir(mode=0o711, exist_ok=True)
            replace(self._settings.loaded, f"{number}\n".encode(), PUBLIC)

    def sweep(self) -> tuple[str, ...]:
        """Finish removals of apps that were interrupted, and set the reserve aside again."""
        settings = self._settings
        with told(f"sweep {settings.state}"):
            gone = sorted(path for path in settings.apps.iterdir() if path.name.startswith(GONE))
            for path in gone:
                remove_tree(path)
            self._reserve.fill()
        return tuple(str(path.relative_to(settings.state)) for path in gone)


def read_restoring(path: Path) -> Restoring | None:
    """How far a restore is; None where there is none."""
    with told(f"read {path}"):
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
    from pvdify.model.backup import Restoring

    try:
        return msgspec.json.decode(text, type=Restoring)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateError(f"cannot read {path}: {error}", hint=f"restore again, or take it away: `rm {path}`") from error


def put_away(path: Path) -> Path | None:
    """Take *path* out of sight, for good once its directory is synced; answer where it is now, None if it was not there."""
    away = path.with_name(f"{GONE}{path.name}-{os.urandom(4).hex()}")
    try:
        path.rename(away)
    except FileNotFoundError:
        return None
    return away


def remove_tree(path: Path) -> None:
    """Remove a directory and all in it; one that is not there is fine."""
    shutil.rmtree(path, ignore_errors=False, onerror=_unless_gone)


def _unless_gone(_function: object, _path: str, info: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]
