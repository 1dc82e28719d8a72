"""The canary itself, and the forms in which it may have been written down."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def _seed() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(24))


@dataclass(frozen=True, slots=True)
class Canary:
    """One *seed* is in every value: letters and digits only, so that it is itself in a URL, in JSON and in a shell word."""

    seed: str = field(default_factory=_seed)

    def value(self, kind: str) -> str:
        """A value of a kind, with what may be written another way around the seed."""
        return f'{kind} "{self.seed}" $HOME %h \\ \u2603'

    def forms(self) -> dict[str, bytes]:
        """What to look for: as it is, in hexadecimal, and in base64 wherever it begins in its group of three."""
        plain = self.seed.encode()
        found = {"plain": plain, "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
        for before in range(3):
            skipped = -(-before * 8 // 6)
            text = base64.b64encode(b"\0" * before + plain).rstrip(b"=")
            whole = (before + len(plain)) * 8 // 6
            found[f"base64 from {before}"] = text[skipped:whole]
        return found

    def hits(self, data: bytes) -> list[str]:
        """In which forms it is in *data*."""
        return [name for name, form in self.forms().items() if form in data]

    def is_in(self, data: bytes) -> bool:
        return bool(self.hits(data))
