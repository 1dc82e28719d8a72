"""What a command is given in files, and on standard input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pvdify.cli.usage import usage_error
from pvdify.errors import NotFoundError, SpecError
from pvdify.model.config import ELSEWHERE, LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.cli.terminal import Terminal

INPUT: Final = "-"
"""What is typed for standard input, instead of a file or a value."""


def check_once(given: Iterable[str]) -> None:
    """Raise a usage error where more than one of what was *given* is standard input: it comes once."""
    if list(given).count(INPUT) > 1:
        raise usage_error("cannot take standard input for more than one thing", hint="put the others into files")


def named(path: str) -> str:
    """What *path* is called in an error."""
    return "standard input" if path == INPUT else path


def contents(path: str, terminal: Terminal) -> bytes:
    """All of a file, or of standard input; raise `SpecError` for more than a config can hold."""
    try:
        if path == INPUT:
            data = terminal.read(LARGEST + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"cannot find {path}") from error
    except OSError as error:
        raise SpecError(f"cannot read {named(path)}: {(error.strerror or 'it is unreadable').lower()}") from error
    if len(data) > LARGEST:
        raise SpecError(f"cannot take {named(path)}: it is larger than {LARGEST} bytes", hint=ELSEWHERE)
    return data
