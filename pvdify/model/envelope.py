"""What stands around an encrypted document: SOPS's own part of a file, which nothing but these checks proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pvdify.errors import ConfigTamperedError, SpecError
from pvdify.model.parse import json_object
from pvdify.model.vault import is_recipient

EVERYTHING: Final = ".*"
"""The rule that pvdify encrypts by: every value of every key. Without one SOPS would leave out names that end in `_unencrypted`."""
_OWN: Final = frozenset({"age", "encrypted_regex", "lastmodified", "mac", "version"})
_CIPHER: Final = "ENC[AES256_GCM,data:"
_METADATA: Final = "sops"
_STANZA: Final = frozenset({"recipient", "enc"})
LARGEST: Final = 4 * 1024 * 1024
"""Bytes of the largest SOPS file: what `merged` lets in, as base64 twice, and what SOPS writes beside each value."""


def check_envelope(text: bytes, *, what: str, expected: frozenset[str], allowed: frozenset[str]) -> None:
    """Raise `ConfigTamperedError` unless *text* is a SOPS file as pvdify writes them.

    Every value is encrypted, the file is authenticated, and it is for age recipients only: for all that are *expected*, and for none that
    is not *allowed*.
    """
    try:
        document = json_object(text, what=what, limit=LARGEST)
    except SpecError as error:
        raise ConfigTamperedError(what, "it is no SOPS file") from error
    metadata = document.pop(_METADATA, None)
    if not isinstance(metadata, dict) or any(name.lower() == _METADATA for name in document):  # Go takes SOPS for sops
        raise ConfigTamperedError(what, "it is no SOPS file")
    strange = sorted(str(key) for key, value in metadata.items() if key not in _OWN and value not in (None, [], ""))
    if strange:
        raise ConfigTamperedError(what, f"SOPS's part of it says {', '.join(strange)}, which pvdify does not use")
    said = {name: metadata.get(name) for name in ("lastmodified", "mac", "version")}
    is_whole = all(isinstance(value, str) and value for value in said.values())
    if not is_whole or metadata.get("encrypted_regex") != EVERYTHING or not str(said["mac"]).startswith(_CIPHER):
        raise ConfigTamperedError(what, "not all of it is encrypted and authenticated")
    if not all(value == "" or (isinstance(value, str) and value.startswith(_CIPHER)) for value in _leaves(document)):
        raise ConfigTamperedError(what, "it has a value that is not encrypted")
    found = _named(metadata.get("age"))
    if not found or not expected <= found <= allowed or not all(is_recipient(one) for one in found):
        raise ConfigTamperedError(
            what,
            "it is not encrypted for the recipients that this host knows",
            hint="compare with `pvdify secrets`, and encrypt all again with `pvdify secrets:rotate`",
        )


def recipients_of(text: bytes, *, what: str) -> frozenset[str]:
    """Whom the SOPS file *text* says it is encrypted for; nobody where it is not clear."""
    try:
        metadata = json_object(text, what=what).get(_METADATA)
    except SpecError as error:
        raise ConfigTamperedError(what, "it is no SOPS file") from error
    return _named(metadata.get("age")) if isinstance(metadata, dict) else frozenset()


def _named(stanzas: object) -> frozenset[str]:
    if not isinstance(stanzas, list):
        return frozenset()
    names = {str(one["recipient"]) for one in stanzas if isinstance(one, dict) and one.keys() == _STANZA}
    return frozenset(names) if len(names) == len(stanzas) else frozenset()


def _leaves(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        match one := waiting.pop():
            case Mapping():
                waiting += one.values()
            case list():
                waiting += one
            case _:
                yield one
