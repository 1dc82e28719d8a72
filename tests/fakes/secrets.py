"""SOPS, age and systemd-creds in memory: what they keep and refuse, without their cipher."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from secrets import choice
from typing import TYPE_CHECKING, Any

import anyio

from pvdify.errors import ConfigTamperedError, KeyMissingError, NotSealedError, ProgramMissingError, SecretsError
from pvdify.model.envelope import EVERYTHING
from pvdify.model.vault import AgeKey, SealWith, keys_of

if TYPE_CHECKING:
    from pathlib import Path

_LETTERS = "023456789acdefghjklmnpqrstuvwxyz"
_KEY = "AGE-SECRET-KEY-1"
_PREFIX = "ENC[AES256_GCM,data:"
_THEN = "2026-01-31T09:00:00Z"


@dataclass(slots=True)
class FakeSecrets:
    """`Secrets`: a file's texts are hidden, not encrypted, and a MAC is a plain hash; but what is proven, and what not, is as with SOPS.

    Each value belongs to its place, and all values together to the file; of a name without a value nothing is proven. Without `sops` where
    *is_missing*.
    """

    is_missing: bool = False
    fails: str = ""

    async def version(self) -> str:
        await anyio.lowlevel.checkpoint()
        self._look()
        return "3.13.2"

    async def new_key(self) -> AgeKey:
        await anyio.lowlevel.checkpoint()
        body = "".join(choice(_LETTERS) for _ in range(58))
        secret = f"{_KEY}{body.upper()}"
        return AgeKey(public=_public(secret), secret=secret)

    async def encrypt(self, document: bytes, *, recipients: tuple[str, ...]) -> bytes:
        await anyio.lowlevel.checkpoint()
        self._look()
        found = json.loads(document)
        hidden = _mapped(found, _hidden)
        hidden["sops"] = {
            "age": [{"recipient": one, "enc": "AGE"} for one in recipients],
            "encrypted_regex": EVERYTHING,
            "lastmodified": _THEN,
            "mac": f"{_PREFIX}{_mac(found, _THEN)},type:str]",
            "version": "3.13.2",
        }
        return json.dumps(hidden, indent="\t").encode() + b"\n"

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        await anyio.lowlevel.checkpoint()
        self._look()
        try:
            hidden = json.loads(text)
        except ValueError as error:
            raise ConfigTamperedError(what, "sops does not take it (not JSON)") from error
        metadata = hidden.pop("sops")
        there = keys.read_text() if keys.exists() else ""  # noqa: ASYNC240 - a file of a line or two
        known = {_public(key.secret) for key in keys_of(there)}
        if not known & {one["recipient"] for one in metadata["age"]}:
            raise KeyMissingError(f"cannot read {what}: no age key in {keys} opens it")
        try:
            found = _mapped(hidden, _shown)
        except ValueError as error:
            raise ConfigTamperedError(what, "sops does not take it (bad cipher)") from error
        if metadata["mac"] != f"{_PREFIX}{_mac(found, metadata['lastmodified'])},type:str]":
            raise ConfigTamperedError(what, "sops does not take it (MAC mismatch)")
        return json.dumps(found).encode()

    def _look(self) -> None:
        if self.is_missing:
            raise ProgramMissingError("sops")
        if self.fails:
            raise SecretsError(self.fails)


@dataclass(slots=True)
class FakeSeal:
    """`Seal`: of the host whose key is *key*; what another one sealed does not open. It seals with none of *lacks*."""

    key: str = field(default_factory=lambda: "host-1")
    lacks: frozenset[SealWith] = frozenset()
    is_ready: bool = False

    async def prepare(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.is_ready = True

    async def seal(self, name: str, data: bytes, *, key: SealWith) -> bytes:
        await anyio.lowlevel.checkpoint()
        if key in self.lacks:
            raise SecretsError(f"cannot seal {name}: no {key.value} here")
        body = base64.b64encode(data).decode()
        proof = hashlib.sha256(f"{self.key}/{name}/{body}".encode()).hexdigest()
        return f"{key.value}:{proof}:{body}\n".encode()

    async def unseal(self, name: str, sealed: bytes) -> bytes:
        await anyio.lowlevel.checkpoint()
        data = self.opened(name, sealed)
        if data is None:
            raise NotSealedError(name, "this host cannot open it")
        return data

    def opened(self, name: str, sealed: bytes) -> bytes | None:
        """What was sealed as *name*, if it opens."""
        _, proof, body = [*sealed.decode(errors="replace").rstrip("\n").split(":"), "", ""][:3]
        if proof != hashlib.sha256(f"{self.key}/{name}/{body}".encode()).hexdigest():
            return None
        return base64.b64decode(body)


def _public(secret: str) -> str:
    return f"age1{secret.removeprefix(_KEY).lower()}"


# Any: JSON, as it comes
def _mapped(value: Any, change: Any, path: str = "") -> Any:
    match value:
        case dict():
            return {key: _mapped(one, change, f"{path}/{key}") for key, one in value.items()}
        case list():
            return [_mapped(one, change, path) for one in value]
        case "":
            return ""
        case _:
            return change(value, path)


def _hidden(value: Any, path: str) -> str:
    return f"{_PREFIX}{base64.b64encode(json.dumps([path, value]).encode()).decode()},type:x]"


def _shown(text: Any, path: str) -> Any:
    if not isinstance(text, str) or not text.startswith(_PREFIX) or not text.endswith(",type:x]"):
        raise ValueError("not encrypted")
    place, value = json.loads(base64.b64decode(text.removeprefix(_PREFIX).partition(",")[0], validate=True))
    if place != path:
        raise ValueError("of another place")
    return value


def _mac(found: Any, then: str) -> str:
    values: list[str] = [then]
    _mapped(found, lambda value, _path: values.append(json.dumps(value)))
    return hashlib.sha256("".join(values).encode()).hexdigest()
