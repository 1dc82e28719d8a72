"""The one way to write a pattern that a value must match as a whole."""

from __future__ import annotations

import re
from typing import Final

_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17)
)

# No process can be given a NUL or a surrogate, systemd reads no line with a noncharacter, Quadlet makes a byte of U+0080.
UNWRITABLE: Final = re.compile(f"[\x00\x80\ud800-\udfff{_NONCHARACTERS}]")


def closed(pattern: str) -> str:
    r"""*pattern*, matched from the first to the last character.

    msgspec searches instead of matching, and a plain `$` is content with a newline behind the value.

    >>> import re
    >>> bool(re.search(closed("[a-z]+"), "blog")), bool(re.search(closed("[a-z]+"), "blog\n"))
    (True, False)
    """
    return rf"^(?:{pattern})$(?!\n)"
