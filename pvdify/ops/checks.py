"""What a doctor finds: a part that is well, one that is not yet broken, and one that is, with the command to type."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pvdify.model.answers import Check, CheckStatus

Checks = AsyncIterator[Check]


def ok(name: str, detail: str) -> Check:
    """The part *name* is well."""
    return Check(name=name, status=CheckStatus.OK, detail=detail)


def warn(name: str, detail: str, hint: str) -> Check:
    """The part *name* works, and should be looked at."""
    return Check(name=name, status=CheckStatus.WARN, detail=detail, hint=hint)


def fail(name: str, detail: str, hint: str) -> Check:
    """The part *name* does not work."""
    return Check(name=name, status=CheckStatus.FAIL, detail=detail, hint=hint)
