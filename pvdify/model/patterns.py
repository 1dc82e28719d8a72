"""The one way to write a pattern that a value must match as a whole."""

from __future__ import annotations


def closed(pattern: str) -> str:
    r"""*pattern*, matched from the first to the last character.

    msgspec searches instead of matching, and a plain `$` is content with a newline behind the value.

    >>> import re
    >>> bool(re.search(closed("[a-z]+"), "blog")), bool(re.search(closed("[a-z]+"), "blog\n"))
    (True, False)
    """
    return rf"^(?:{pattern})$(?!\n)"
