"""The link `current`: the one name that says which generation is in force."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from pvdify.errors import CorruptGenerationError
from pvdify.model.patterns import closed
from pvdify.store.files import sync_directory, told

if TYPE_CHECKING:
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

NEW: Final = ".current."
"""What stands before the name of a link that is about to become `current`."""
_NUMBER: Final = re.compile(closed(r"[0-9]{6,9}"))
_TARGET: Final = re.compile(closed(r"generations/(?P<number>[0-9]{6,9})"))


class Link:
    """Read it, and move it."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def number(self) -> int | None:
        """The number of the generation that it names; None if it is not there."""
        link = self._settings.current
        with told(f"read {link}"):
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                return None
        match = _TARGET.search(target)
        if not match:
            message = f"cannot read {link}: it points at {target}, which is no generation"
            raise CorruptGenerationError(message, hint=rescue(self._settings))
        return int(match["number"])

    def settle(self, before: int | None) -> None:
        """Make its move safe. If the disk refuses, this boot goes on with *before*; the disk may say either, and both are whole."""
        try:
            sync_directory(self._settings.state)
        except OSError:
            with suppress(OSError):
                if before is None:
                    self._settings.current.unlink()
                else:
                    self.point_at(before)
            raise

    def point_at(self, number: int) -> None:
        """Let it name *number*, in one instant; not safe before `settle`."""
        link = self._settings.state / f"{NEW}{secrets.token_hex(4)}"
        target = self._settings.generation(number).relative_to(self._settings.state)
        self._reserve.spend(lambda: link.symlink_to(target))
        try:
            self._reserve.spend(lambda: link.rename(self._settings.current))
        except OSError:
            link.unlink(missing_ok=True)
            raise


def numbers(settings: Settings) -> tuple[int, ...]:
    """Every generation that is there, newest first."""
    with told(f"read {settings.generations}"):
        try:
            names = [path.name for path in settings.generations.iterdir()]
        except FileNotFoundError:
            return ()
    return tuple(sorted((int(name) for name in names if _NUMBER.search(name)), reverse=True))


def rescue(settings: Settings, *, broken: int | None = None) -> str:
    """What to type when `current` cannot be used, or names the *broken* one."""
    number = next((one for one in numbers(settings) if one != broken), None)
    if number is None:
        return "bring the state directory back from a backup"
    target = settings.generation(number).relative_to(settings.state)
    return f"put a whole one in force: `ln -sfn {target} {settings.current}`, then `systemctl daemon-reload`"
