"""Environment variables: which names and values an app may be given."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from pvdify.model.patterns import UNWRITABLE, closed

KEY_PATTERN: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"

EnvKey = Annotated[
    str,
    Meta(
        pattern=closed(KEY_PATTERN),
        description="a variable: letters, digits and _, no digit first, at most 128",
    ),
]
EnvValue = Annotated[str, Meta(max_length=32_768)]

_DENIED: Final = ("LD_", "PODMAN_", "PVDIFY_")
_DENIED_NAMES: Final = frozenset({"NOTIFY_SOCKET", "PORT", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"})


def is_denied(key: str) -> bool:
    """Whether the variable *key* is set or forbidden by pvdify: the loader's, Podman's, and those of socket activation.

    >>> is_denied("LD_PRELOAD"), is_denied("PORT"), is_denied("PATH")
    (True, True, False)
    """
    return key in _DENIED_NAMES or key.startswith(_DENIED)


def unwritable(text: str) -> str:
    """The first character of *text* that no process can be given, as `U+0000`; empty if there is none."""
    found = UNWRITABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""
