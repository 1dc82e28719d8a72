"""How systemd reads a unit file, written down a second time: to read what pvdify wrote."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

_ESCAPES: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39, "s": 32}
_CODES: Final = {"x": 2, "u": 4, "U": 8}
_SECTION: Final = re.compile(r"\[([^\]]+)\]")


def sections(text: str) -> dict[str, dict[str, list[str]]]:
    """Read the lines of a unit file: each key's values, by section; lines end where systemd says they do."""
    read: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section, kept = "", ""
    for line in text.split("\n"):
        if kept == "" and (not line.strip() or line.lstrip()[0] in "#;"):
            continue
        if line.endswith("\\"):
            kept += line[:-1] + " "
            continue
        whole, kept = (kept + line).strip(), ""
        header = _SECTION.fullmatch(whole)
        if header:
            section = header[1]
            continue
        key, equals, value = whole.partition("=")
        assert equals, f"neither a section nor an assignment: {whole!r}"
        read[section][key.rstrip()].append(value.lstrip())
    assert kept == "", "the last line goes on"
    return read


def words(line: str) -> list[str]:
    """Split a line into words, as in Environment=, with specifiers and variables put in (`%%` and `$$`, no others)."""
    found: list[str] = []
    word: str | None = None
    quote = ""
    position = 0
    while position < len(line):
        char = line[position]
        position += 1
        if quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, word = char, word or ""
        elif char == "\\":
            text, position = _escape(line, position)
            word = (word or "") + text
        elif not quote and char in " \t\r\n":
            if word is not None:
                found.append(word)
            word = None
        else:
            if char in "%$":
                assert line[position : position + 1] == char, f"{line[position - 1 : position + 5]!r} means something"
                position += 1
            word = (word or "") + char
    assert not quote, f"a quote is open at the end of {line!r}"
    return [*found, word] if word is not None else found


def _escape(line: str, position: int) -> tuple[str, int]:
    kind = line[position]
    if kind in _CODES:
        end = position + 1 + _CODES[kind]
        return chr(int(line[position + 1 : end], 16)), end
    return chr(_ESCAPES[kind]), position + 1
