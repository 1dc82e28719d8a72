"""Who may read what is kept encrypted: age keys and their recipients, and what a sealed credential needs to be opened."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pvdify.model.patterns import closed

_RECIPIENT: Final = r"age1[02-9ac-hj-np-z]{58}"
Recipient = Annotated[
    str,
    Meta(pattern=closed(_RECIPIENT), description="an age recipient of the kind X25519: age1 and 58 letters and digits"),
]
"""No other kind: those of plugins would make whoever encrypts run a program of that name."""
_IS_RECIPIENT: Final = re.compile(closed(_RECIPIENT))
_SECRET: Final = re.compile(r"^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$", re.MULTILINE)
_PUBLIC: Final = re.compile(rf"^# public key: ({_RECIPIENT})$", re.MULTILINE)


class SealWith(StrEnum):
    """What opens a sealed credential: a key on the host's disk, its TPM 2, or only both."""

    HOST = "host"
    TPM2 = "tpm2"
    BOTH = "host+tpm2"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeKey:
    """An age key: whoever has *secret* reads what was encrypted for *public*."""

    public: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """As `age-keygen` writes it."""
        return f"# public key: {self.public}\n{self.secret}\n"


def keys_of(text: str) -> tuple[AgeKey, ...]:
    """The keys in a file of `age-keygen`, in their order; one without its `# public key:` line is none."""
    publics = [(match.start(), match[1]) for match in _PUBLIC.finditer(text)]
    found: list[AgeKey] = []
    for match in _SECRET.finditer(text):
        before = [public for start, public in publics if start < match.start()]
        if len(before) > len(found):
            found.append(AgeKey(public=before[-1], secret=match[0]))
    return tuple(found)


def is_recipient(text: str) -> bool:
    """Whether *text* is an age recipient of the kind X25519."""
    return bool(_IS_RECIPIENT.search(text))


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`secrets/settings.toml`: who else reads what is encrypted, and how it is sealed. *leaving* still stand in some files."""

    seal: SealWith = SealWith.HOST
    recipients: tuple[Recipient, ...] = ()
    leaving: tuple[Recipient, ...] = ()
