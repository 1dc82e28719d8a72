"""What an app wrote, without what its config holds: it is kept with a failure, and shown to people who may not see values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pvdify.model.config import ConfigDocument

_SHORTEST: Final = 6
"""Characters of the shortest value that is looked for: `info` and `8080` are in many lines, and are no secrets."""


def veiled(lines: Iterable[str], document: ConfigDocument) -> tuple[str, ...]:
    """*lines*, with a name in the place of each value of *document*, and of each line of its files.

    >>> from pvdify.model.config import ConfigDocument
    >>> veiled(["cannot reach db://blog:hunter2@db"], ConfigDocument(app="blog", version=1, salt="", vars={"URL": "db://blog:hunter2@db"}))
    ('cannot reach [URL]',)
    """
    said = {text: name for name, value in _values(document) for text in _written(value) if len(text) >= _SHORTEST}
    longest = sorted(said.items(), key=lambda one: (-len(one[0]), one))  # a value may be part of another one
    return tuple(_veiled(line, longest) for line in lines)


def _veiled(line: str, said: Iterable[tuple[str, str]]) -> str:
    for text, name in said:
        if text in line:
            line = line.replace(text, f"[{name}]")
    return line


def _values(document: ConfigDocument) -> Iterator[tuple[str, str]]:
    yield from document.vars.items()
    for name, data in document.files.items():
        for line in data.decode(errors="replace").splitlines():
            yield f"secrets/{name}", line.strip()


def _written(value: str) -> Iterator[str]:
    """How programs write *value*: as it is, as JSON, and as Python shows it."""
    yield value.strip()
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
