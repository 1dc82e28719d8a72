"""Errors of backups."""

from __future__ import annotations

from pvdify.errors.families import StateError


class BackupError(StateError):
    """A file is no whole backup of pvdify, or holds what no backup of it would."""

    code = "backup-unusable"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"cannot use {what}: {reason}", hint="take another backup; nothing was changed")


class RestoreUnfinishedError(StateError):
    """A restore was begun here and is not through yet."""

    code = "restore-unfinished"
