"""The one place where every error ends: what is shown of it, and the exit status."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Final

import asyncclick as click
import msgspec

from pvdify.cli.failure_screen import screen
from pvdify.cli.tables import json_text
from pvdify.errors import (
    AccessError,
    CancelledOperationError,
    Exit,
    Failure,
    HostError,
    NotFoundError,
    NotRootError,
    Probe,
    PvdifyError,
    RefusedError,
    RenderError,
    SpecError,
    StateError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.cli.terminal import Terminal

BUG: Final = 1
USAGE: Final = 64
CANCELLED: Final = 130
STATUSES: Final[dict[type[PvdifyError], int]] = {
    SpecError: 65,
    NotFoundError: 66,
    HostError: 69,
    RenderError: 70,
    StateError: 74,
    RefusedError: 75,
    NotRootError: 77,
    AccessError: 77,
    CancelledOperationError: CANCELLED,
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What `--json` prints instead of an answer."""

    title: str
    detail: str
    code: str
    exit_status: int
    hint: str = ""
    pointer: str = ""
    phase: str = ""
    probe: Probe | None = None
    exit: Exit | None = None
    log_tail: tuple[str, ...] = ()
    unchanged: str = ""
    others: tuple[Problem, ...] = ()


def reported(error: BaseException, terminal: Terminal, *, is_json: bool) -> int:
    """Show *error*, each leaf of a group by itself, and answer the exit status of the first.

    A reader that left is no failure, and what it did not read is forgotten.
    """
    errors = tuple(leaves(error))
    status = 0
    if not any(isinstance(one, BrokenPipeError) for one in errors):
        status = _told(errors, terminal, is_json=is_json)
    try:
        terminal.flush()
    except (OSError, PvdifyError):
        _say_no_more(terminal)
    return status


def _told(errors: tuple[BaseException, ...], terminal: Terminal, *, is_json: bool) -> int:
    if all(isinstance(one, KeyboardInterrupt) for one in errors):
        terminal.complain("")
        return CANCELLED
    errors = tuple(one for one in errors if not isinstance(one, KeyboardInterrupt))
    for one in errors:
        if not isinstance(one, (PvdifyError, click.ClickException)):
            terminal.complain("".join(traceback.format_exception(one)).rstrip())
    problems = tuple(problem_of(one) for one in errors)
    whole = msgspec.structs.replace(problems[0], others=problems[1:])
    if not is_json or not _printed(terminal, json_text(whole)):
        for one, problem in zip(errors, problems, strict=True):
            terminal.complain(_text(one, problem, terminal))
    return problems[0].exit_status


def exit_status(error: BaseException) -> int:
    """The exit status for *error*: the nearest of its families that has one."""
    if isinstance(error, click.ClickException):
        return USAGE
    known = (STATUSES[one] for one in type(error).__mro__ if one in STATUSES)
    return next(known, BUG)


def problem_of(error: BaseException) -> Problem:
    """*error* as programs read it."""
    status = exit_status(error)
    failure = getattr(error, "failure", None)
    if isinstance(failure, Failure):
        return Problem(
            title="The operation failed",
            detail=failure.message,
            code=failure.code,
            exit_status=status,
            hint=failure.hint,
            phase=failure.phase,
            probe=failure.probe,
            exit=failure.exit,
            log_tail=failure.log_tail,
            unchanged=failure.unchanged,
        )
    if isinstance(error, PvdifyError):
        pointer = error.pointer if isinstance(error, SpecError) else ""
        title = (type(error).__doc__ or "").partition("\n")[0].rstrip(".")
        return Problem(
            title=title, detail=error.message, code=error.code, exit_status=status, hint=error.hint, pointer=pointer
        )
    if isinstance(error, click.ClickException):
        return Problem(
            title="The command was typed wrong",
            detail=error.format_message(),
            code="usage",
            exit_status=status,
            hint=getattr(error, "hint", ""),
        )
    return Problem(title="A bug", detail=f"{type(error).__name__}: {error}", code="bug", exit_status=status)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors that a group holds, however deep; an error that is no group is its own leaf."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error


def _text(error: BaseException, problem: Problem, terminal: Terminal) -> str:
    failure = getattr(error, "failure", None)
    if isinstance(failure, Failure):
        return screen(failure, terminal)
    if problem.code == "bug":
        return "This is a bug of pvdify. Please report it with the lines above."
    head = terminal.coloured(terminal.printable(problem.detail), 31)
    usage = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        usage = f"{error.ctx.get_usage()}\n"
    return f"{usage}{head}" + (f"\n  {terminal.printable(problem.hint)}" if problem.hint else "")


def _printed(terminal: Terminal, text: str) -> bool:
    try:
        terminal.print(text)
        terminal.flush()
    except (OSError, PvdifyError):
        _say_no_more(terminal)
        return False
    return True


def _say_no_more(terminal: Terminal) -> None:
    """Nobody reads what is still unwritten: let it go where it makes no noise."""
    try:
        own = terminal.out.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, own)
    os.close(nowhere)
