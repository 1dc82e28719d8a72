"""What an app wrote, without what its config holds: it is kept with a failure, and shown to people who may not see values."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pvdify.model.config import ConfigDocument

_SHORTEST: Final = 6
"""Characters of the shortest value that is looked for: `info` and `8080` are in many lines, and are no secrets."""
_LONGEST: Final = 1024
"""Characters of the longest one that is looked for in other forms than its own, which takes time."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9]+")
"""What every program writes as it is."""


def veiled(lines: Iterable[str], document: ConfigDocument) -> tuple[str, ...]:
    """*lines*, with a name in the place of each value of *document*, and of each line of its files.

    >>> from pvdify.model.config import ConfigDocument
    >>> veiled(["cannot reach db://blog:hunter2@db"], ConfigDocument(app="blog", version=1, salt="", vars={"URL": "db://blog:hunter2@db"}))
    ('cannot reach [URL]',)
    """
    held = {value: name for name, value in _values(document) if len(value) >= _SHORTEST}
    longest = sorted(held.items(), key=lambda one: (-len(one[0]), one))  # a value may be part of another one
    found = list(lines)
    for value, name in longest:
        surely = max(_PLAIN.findall(value), key=len, default="")
        if any(surely in line for line in found):
            pattern = re.compile("".join(map(_written, value)) if len(value) <= _LONGEST else re.escape(value))
            found = [f"[{name}]".join(pattern.split(line)) for line in found]
    return tuple(found)


def _values(document: ConfigDocument) -> Iterator[tuple[str, str]]:
    yield from ((name, value.strip()) for name, value in document.vars.items())
    for name, data in document.files.items():
        with suppress(UnicodeDecodeError):  # what is no text is in no line
            yield from ((f"secrets/{name}", line.strip()) for line in data.decode().splitlines())


def _written(character: str) -> str:
    """A pattern of what programs write for *character*: itself, or an escape of JSON, of a language, or of an address."""
    if _PLAIN.search(character):
        return character
    number = ord(character)
    quoted = (json.dumps(character)[1:-1], repr(character)[1:-1], quote(character, safe=""))
    escaped = {character, f"\\{character}", f"\\x{number:02x}", f"\\u{number:04x}", *quoted}
    return f"(?i:{'|'.join(re.escape(one) for one in sorted(escaped, key=lambda one: (-len(one), one)))})"
