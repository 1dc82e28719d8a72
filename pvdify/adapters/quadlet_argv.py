"""Whether what Quadlet made of a file still says what the file says: its words, read by systemd's own rules."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from pvdify.errors import RenderError

_SPACE: Final = " \t\r\n"
_QUOTES: Final = "\"'"
_LETTERS: Final = dict(zip("abfnrtvs\\\"'", "\a\b\f\n\r\t\v \\\"'", strict=True))
_CODES: Final = {"x": 2, "u": 4, "U": 8}
_OCTAL: Final = re.compile(r"[0-3][0-7]{2}")


def words(line: str) -> tuple[str, ...]:
    r"""The words of *line* as systemd splits it, before it looks at specifiers and variables: `%%` is still two characters.

    Raise `RenderError` where systemd would drop the line, or guess: an unknown escape, a quote without an end.

    >>> words(r'--env "A=one two" "100%%\n" it\x27s ${HOME}')
    ('--env', 'A=one two', '100%%\n', "it's", '${HOME}')
    """
    found: list[str] = []
    word: bytearray | None = None
    quote, position = "", 0
    while position < len(line):
        char = line[position]
        position += 1
        if char == quote:
            quote = ""
        elif not quote and char in _SPACE:
            if word is not None:
                found.append(_text(word))
            word = None
        elif not quote and char in _QUOTES:
            quote, word = char, word or bytearray()
        else:
            part, position = _escaped(line, position) if char == "\\" else (char.encode(), position)
            word = (word or bytearray()) + part
    if quote:
        raise RenderError(f"cannot read {line[:80]!r}: a quote has no end")
    return tuple(found if word is None else [*found, _text(word)])


def values(unit: str, section: str, key: str) -> tuple[str, ...]:
    """What *key* is set to in *section* of *unit*, each time that it is; a line that ends in a backslash goes on in the next."""
    found: list[str] = []
    current, whole = "", ""
    for line in unit.split("\n"):
        if not whole and line.lstrip()[:1] in {"", "#", ";"}:
            continue
        if line.endswith("\\"):
            whole += f"{line[:-1]} "
            continue
        whole, ready = "", (whole + line).strip()
        if ready.startswith("["):
            current = ready.strip("[]")
        elif current == section and ready.partition("=")[0].rstrip() == key:
            found.append(ready.partition("=")[2].lstrip())
    return tuple(found)


def started(service: str) -> tuple[str, ...]:
    """The argument vector that *service* starts."""
    commands = values(service, "Service", "ExecStart")
    return words(commands[-1]) if commands else ()


def lost(container: str, service: str) -> str | None:
    """What *container* says and *service* does not do, in words; None if all of it arrived."""
    argv = started(service)
    image = words(" ".join(values(container, "Container", "Image")))
    command = image + words(" ".join(values(container, "Container", "Exec")[-1:]))
    if not image or argv[len(argv) - len(command) :] != command:
        return f"the image and its command are {' '.join(argv[-len(command) :])!r} and not {' '.join(command)!r}"
    options = argv[: len(argv) - len(command)]
    given = {value for option, value in pairwise(options) if option == "--env"}
    for assignment in values(container, "Container", "Environment"):
        missing = [word for word in words(assignment) if word not in given]
        if missing:
            return f"the environment lacks {missing[0].partition('=')[0]}, or has another value for it"
    for word in words(" ".join(values(container, "Container", "GlobalArgs"))):
        if word not in options:
            return f"podman does not get {word}"
    return None


def _escaped(line: str, position: int) -> tuple[bytes, int]:
    """The bytes behind the backslash at *position*, and where to go on."""
    kind = line[position : position + 1]
    if kind in _LETTERS:
        return _LETTERS[kind].encode(), position + 1
    if kind in _CODES:
        end = position + 1 + _CODES[kind]
        digits = line[position + 1 : end]
        if len(digits) == _CODES[kind] and not digits.strip("0123456789abcdefABCDEF"):
            code = int(digits, 16)
            return bytes([code]) if kind == "x" else chr(code).encode(), end
    if match := _OCTAL.match(line, position):
        return bytes([int(match[0], 8)]), position + 3
    raise RenderError(f"cannot read {line[:80]!r}: systemd knows no escape \\{kind}")


def _text(word: bytearray) -> str:
    return word.decode(errors="replace")
