"""Commands that were typed wrong."""

from __future__ import annotations

import asyncclick as click


class WrongUsage(click.UsageError):
    """A usage error with the next command to type."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def usage_error(message: str, *, hint: str = "") -> WrongUsage:
    """What to raise where words make no sense together."""
    return WrongUsage(message, hint=hint)
