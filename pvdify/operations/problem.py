"""Errors as HTTP carries them (RFC 9457): their statuses, and the object that services write and clients read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import (
    AppBusyError,
    Exit,
    Failure,
    ForbiddenError,
    HostError,
    IdempotencyMismatchError,
    NotFoundError,
    PreconditionError,
    Probe,
    PvdifyError,
    RefusedError,
    RenderError,
    SpecError,
    StateError,
    TooLargeError,
    UnauthorizedError,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA: Final = "application/problem+json"
BUG: Final = 500
STATUSES: Final[Mapping[type[PvdifyError], int]] = {
    SpecError: 422,
    TooLargeError: 413,
    NotFoundError: 404,
    RefusedError: 409,
    PreconditionError: 412,
    IdempotencyMismatchError: 422,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    RenderError: 500,
    StateError: 500,
    HostError: 502,
}
PROTOCOL: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad-request", "The request is not HTTP as it should be"),
    404: ("no-such-route", "No such route"),
    405: ("method-not-allowed", "The route does not take this method"),
    406: ("not-acceptable", "None of the media types that are accepted can be answered"),
    408: ("too-slow", "The request took too long to arrive"),
    413: ("too-large", "What was sent is larger than what the operation takes"),
    415: ("unsupported-media-type", "The body is no JSON"),
    431: ("too-many-headers", "The request has too many headers"),
    503: ("unavailable", "The service is stopping, or has too much to do"),
}


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field; *pointer* is a JSON pointer into the body, or names the parameter in the same way."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why there is no answer. *code* is stable; what a failed operation has beside it is the same as in its journal."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str = ""
    hint: str = ""
    errors: tuple[FieldProblem, ...] = ()
    operation: str = ""
    holder: str = ""
    scope: str = ""
    phase: str = ""
    probe: Probe | None = None
    exit: Exit | None = None
    log_tail: tuple[str, ...] = ()
    unchanged: str = ""


def status_of(error: BaseException) -> int:
    """The HTTP status for *error*: that of the nearest of its families; a bug's where it has none."""
    return next((STATUSES[one] for one in type(error).__mro__ if one in STATUSES), BUG)


def problem_of(error: BaseException, *, request_id: str = "", operation: str = "") -> Problem:
    """*error* as a problem; of a bug nothing is told but that it is one."""
    if not isinstance(error, PvdifyError):
        return Problem(
            title="A bug of pvdify",
            status=BUG,
            detail="cannot answer: pvdify did not foresee this; the host's journal has the traceback",
            code="bug",
            request_id=request_id,
            hint=f"journalctl -u pvdify-host -u pvdifyd PVDIFY_REQUEST_ID={request_id}",
        )
    problem = Problem(
        title=(type(error).__doc__ or "").partition("\n")[0].partition(";")[0].rstrip("."),
        status=status_of(error),
        detail=error.message,
        code=error.code,
        request_id=request_id,
        hint=error.hint,
        errors=(FieldProblem(pointer=error.pointer, detail=error.message),)
        if isinstance(error, SpecError) and error.pointer
        else (),
        operation=operation,
        holder=error.holder if isinstance(error, AppBusyError) else "",
        scope=error.scope if isinstance(error, ForbiddenError) else "",
    )
    failure = getattr(error, "failure", None)
    if not isinstance(failure, Failure):
        return problem
    return msgspec.structs.replace(
        problem,
        code=failure.code,
        phase=failure.phase,
        probe=failure.probe,
        exit=failure.exit,
        log_tail=failure.log_tail,
        unchanged=failure.unchanged,
    )


def protocol_problem(status: int, detail: str, *, request_id: str = "", hint: str = "") -> Problem:
    """A problem with HTTP itself, below all operations."""
    code, title = PROTOCOL.get(status, ("bad-request", "The request cannot be served"))
    return Problem(title=title, status=status, detail=detail, code=code, request_id=request_id, hint=hint)


def error_of(problem: Problem) -> PvdifyError:
    """What was raised where the problem comes from."""
    failure = Failure(
        phase=problem.phase,
        message=problem.detail,
        code=problem.code,
        hint=problem.hint,
        probe=problem.probe,
        exit=problem.exit,
        log_tail=problem.log_tail,
        unchanged=problem.unchanged,
    )
    error = told(problem.code, problem.detail, hint=problem.hint, failure=failure)
    if isinstance(error, AppBusyError):
        error.holder = problem.holder
    if isinstance(error, SpecError):
        error.pointer = problem.errors[0].pointer if problem.errors else ""
    if isinstance(error, ForbiddenError):
        error.scope = problem.scope
    return error
