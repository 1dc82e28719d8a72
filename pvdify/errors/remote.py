"""Errors of those who ask from elsewhere: who may, what was asked before, and what was raised on the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors.families import AccessError, HostError, PvdifyError, RefusedError, SpecError
from pvdify.errors.host import OperationFailedError

if TYPE_CHECKING:
    from pvdify.errors.failure import Failure


class UnauthorizedError(AccessError):
    """No token came with the request."""

    code = "unauthorized"


class TokenInvalidError(UnauthorizedError):
    """The token is no good; whether it is malformed, unknown, expired or revoked, is not said."""

    code = "token-invalid"

    def __init__(self) -> None:
        super().__init__(
            "cannot accept this token: it is malformed, unknown, expired or revoked",
            hint="make a new one on the host: `pvdify tokens:create NAME`",
        )


class ForbiddenError(AccessError):
    """The token is good, and not for this; *scope* is what it lacks, if that is all."""

    code = "forbidden"
    scope: str = ""

    def __init__(self, message: str, *, scope: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.scope = scope


class TooLargeError(SpecError):
    """What was sent is larger than what the operation takes."""

    code = "too-large"


class PreconditionError(RefusedError):
    """What was to be changed is not any more what the caller has seen."""

    code = "precondition-failed"


class IdempotencyMismatchError(RefusedError):
    """The idempotency key stands for another request."""

    code = "idempotency-mismatch"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"cannot use the idempotency key {key[:60]!r} for this: it came with another request before",
            hint="take a new key for each request; send the same key only with the same request",
        )


class ReplayedError(RefusedError):
    """The same request was served before, and its answer was told once."""

    code = "idempotency-replayed"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"cannot answer the request {key} again: its answer held a secret, which is told once",
            hint="look with `pvdify tokens`, and rotate the token whose text was lost",
        )


class PastTheSwitchError(RefusedError):
    """The operation's switch is in force: it only goes forward."""

    code = "past-the-switch"


class LeftRunningError(RefusedError):
    """Whoever watched the operation left; it goes on without them."""

    code = "left-running"

    def __init__(self, id_: str) -> None:
        super().__init__(
            f"cannot tell how operation {id_} ends: it was left running",
            hint=f"follow it with `pvdify operations:follow {id_}`, or undo it with `pvdify operations:cancel {id_}`",
        )


class UnreachableError(HostError):
    """The host that should be asked does not answer, or not as pvdify does."""

    code = "host-unreachable"


def class_of(code: str) -> type[PvdifyError]:
    """The class whose errors have *code*: what was raised elsewhere can be raised here.

    >>> class_of("app-busy").__name__, class_of("never-heard-of").__name__
    ('AppBusyError', 'HostError')
    """
    if code == "bug":  # of somebody else's we know nothing but that it is none of what is foreseen
        return PvdifyError
    waiting = [PvdifyError]
    while waiting:
        one = waiting.pop()
        if one.code == code:
            return one
        waiting += one.__subclasses__()
    return HostError


def told(code: str, message: str, *, hint: str = "", failure: Failure | None = None) -> PvdifyError:
    """An error that was raised elsewhere, as far as it was told: of the same class, with the same words."""
    if failure is not None and (failure.unchanged or failure.probe or failure.exit or failure.log_tail):
        return OperationFailedError(failure)
    kind = class_of(code)
    error = kind.__new__(kind)
    PvdifyError.__init__(error, message, hint=hint)
    return error
