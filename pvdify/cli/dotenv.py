"""Variables as a `.env` file has them. A line that cannot be read is an error, never left out, and no error shows what a line holds."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final

from pvdify.errors import SpecError
from pvdify.model.parse import json_object
from pvdify.model.patterns import closed
from pvdify.model.variables import KEY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY: Final = re.compile(closed(KEY_PATTERN))
_PLAIN: Final = re.compile(closed(r"[A-Za-z0-9_./:@%+,=~^-]*"))
_ESCAPED: Final = re.compile(r"[\\']")
_NAME: Final = "the name of a variable is letters, digits and _, no digit first"
_QUOTE: Final = "quote a value with '…', and \\ and ' in it as \\\\ and \\'"
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")


def variables(data: bytes, *, what: str) -> dict[str, str]:
    """The variables that *data* has, a `.env` file or a JSON object of texts; an error names *what*, and line or key."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"cannot read {what}: it is not UTF-8 (byte {error.start})") from error
    return _from_json(text, what=what) if text.lstrip().startswith("{") else from_dotenv(text, what=what)


def from_dotenv(text: str, *, what: str) -> dict[str, str]:
    r"""The variables of a `.env` file. What looks like a reference to another variable is none.

    >>> from_dotenv("# a comment\nexport A=1\nB=' b # ' # c\nC=${A}\n", what=".env")
    {'A': '1', 'B': ' b # ', 'C': '${A}'}
    """
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, key, value in _bindings(text, what=what):
        if key in found:
            raise SpecError(f"cannot read {what}, line {line}: {key} is in line {lines[key]} already")
        found[key], lines[key] = value, line
    return found


def to_dotenv(variables: Mapping[str, str]) -> str:
    r"""The `.env` file that `from_dotenv` and python-dotenv read *variables* from, to the last character.

    >>> print(to_dotenv({"URL": "postgres://db/blog", "MOTD": r" it's 5 # \o/"}), end="")
    MOTD=' it\'s 5 # \\o/'
    URL=postgres://db/blog
    """
    return "".join(f"{key}={_quoted(value)}\n" for key, value in sorted(variables.items()))


def _bindings(text: str, *, what: str) -> Iterator[tuple[int, str, str]]:
    """Line, name and value of each variable."""
    from dotenv.parser import parse_stream

    for one in parse_stream(io.StringIO(text, newline="")):
        whole = one.original.string
        blank = whole[: len(whole) - len(whole.lstrip())]
        line = one.original.line + len(_NEWLINE.findall(blank))
        if one.error:
            raise SpecError(f"cannot read {what}, line {line}: it is not KEY=VALUE", hint=_QUOTE)
        if one.key is None:
            continue
        if not _KEY.search(one.key):
            raise SpecError(f"cannot read {what}, line {line}: {_NAME}")
        if one.value is None:
            raise SpecError(f"cannot read {what}, line {line}: it has no value", hint="write KEY= for an empty one")
        yield line, one.key, one.value


def _from_json(text: str, *, what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, (key, value) in enumerate(json_object(text.encode(), what=what).items(), start=1):
        if not _KEY.search(key):
            raise SpecError(f"cannot read {what}, key {number}: {_NAME}")
        if not isinstance(value, str):
            raise SpecError(f"cannot read {what} at /{key}: it is no text", pointer=f"/{key}", hint='write it in "…"')
        found[key] = value
    return found


def _quoted(value: str) -> str:
    if _PLAIN.search(value):
        return value
    escaped = _ESCAPED.sub(lambda match: f"\\{match[0]}", value)
    return f"'{escaped}'"
