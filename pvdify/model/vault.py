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
_IDENTITY: Final = r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}"
Identity = Annotated[
    str, Meta(pattern=closed(_IDENTITY), description="an age key of the kind X25519, as age-keygen writes it")
]
"""No other kind: those of plugins would make whoever decrypts run a program of that name."""
_SECRET: Final = re.compile(rf"^{_IDENTITY}$", re.MULTILINE)
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


def identities_of(text: str) -> tuple[str, ...]:
    """The secret keys in a file that somebody keeps them in, whatever else stands there."""
    return tuple(line for line in map(str.strip, text.splitlines()) if _SECRET.search(line))


def is_recipient(text: str) -> bool:
    """Whether *text* is an age recipient of the kind X25519."""
    return bool(_IS_RECIPIENT.search(text))


class VaultSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`secrets/settings.toml`: who else reads what is encrypted, and how it is sealed.

    As long as it is *unfinished* not every file is for just these *recipients*; those that are *leaving* still stand in some.
    """

    seal: SealWith = SealWith.HOST
    recipients: tuple[Recipient, ...] = ()
    leaving: tuple[Recipient, ...] = ()
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Who reads what is kept encrypted: *wanted* are whom all is encrypted for, the host first; *allowed* may stand in a file for now."""

    wanted: tuple[Recipient, ...]
    allowed: frozenset[Recipient]
    is_unfinished: bool

    @property
    def expected(self) -> frozenset[Recipient]:
        """Who stands in every file; nobody in particular while all is encrypted again."""
        return frozenset() if self.is_unfinished else frozenset(self.wanted)


def readers_of(keys: tuple[AgeKey, ...], settings: VaultSettings) -> Readers:
    """The readers, of a host with *keys* and *settings*.

    >>> new, old = AgeKey(public="age1new", secret=""), AgeKey(public="age1old", secret="")
    >>> readers_of((new, old), VaultSettings(recipients=("age1team",))).wanted
    ('age1new', 'age1team')
    """
    return Readers(
        wanted=tuple(dict.fromkeys((keys[0].public, *settings.recipients))),
        allowed=frozenset({*(key.public for key in keys), *settings.recipients, *settings.leaving}),
        is_unfinished=len(keys) > 1 or settings.unfinished or bool(settings.leaving),
    )
