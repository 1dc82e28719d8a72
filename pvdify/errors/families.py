"""The families of errors: callers treat them differently (exit status, HTTP status)."""

from __future__ import annotations

from typing import ClassVar


class PvdifyError(Exception):
    """Something that pvdify says on purpose; anything else is a bug."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(PvdifyError):
    """What was declared or asked is wrong; *pointer* names the field (JSON pointer)."""

    code = "spec-invalid"
    pointer: str = ""

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class NotFoundError(PvdifyError):
    """Something that was named is not there."""

    code = "not-found"


class RefusedError(PvdifyError):
    """Understood, possible in principle, and refused now."""

    code = "refused"


class RenderError(PvdifyError):
    """Template and view disagree, a value cannot be written safely, or a validator refused the result."""

    code = "render-failed"


class StateError(PvdifyError):
    """The state directory cannot be trusted or used."""

    code = "state-broken"


class HostError(PvdifyError):
    """A program, a unit, a registry or the kernel said no."""

    code = "host-failed"


class AccessError(PvdifyError):
    """Whoever asks may not."""

    code = "access-denied"
