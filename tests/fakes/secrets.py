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
_PREFIX = "ENC[AES256_GCM,data:"


@dataclass(slots=True)
class FakeSecrets:
    """`Secrets`: a file's texts are hidden, not encrypted; a MAC is a plain hash. Without `sops` where *is_missing*."""

    is_missing: bool = False
    fails: str = ""

    async def version(self) -> str:
        await anyio.lowlevel.checkpoint()
        self._look()
        return "3.13.2"

    async def new_key(self) -> AgeKey:
        await anyio.lowlevel.checkpoint()
        body = "".join(choice(_LETTERS) for _ in range(58))
        return AgeKey(public=f"age1{body}", secret=f"AGE-SECRET-KEY-1{body.upper()}")

    async def encrypt(self, document: bytes, *, recipients: tuple[str, ...]) -> bytes:
        await anyio.lowlevel.checkpoint()
        self._look()
        found = json.loads(document)
        hidden = _mapped(found, lambda value: value if value == "" else f"{_PREFIX}{_text(value)},type:x]")
        hidden["sops"] = {
            "age": [{"recipient": one, "enc": "AGE"} for one in recipients],
            "encrypted_regex": EVERYTHING,
            "lastmodified": "2026-01-31T09:00:00Z",
            "mac": f"{_PREFIX}{_mac(found)},type:str]",
            "version": "3.13.2",
        }
        return json.dumps(hidden, indent="\t").encode() + b"\n"

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        await anyio.lowlevel.checkpoint()
        self._look()
        hidden = json.loads(text)
        metadata = hidden.pop("sops")
        known = {key.public for key in keys_of(keys.read_text())}  # noqa: ASYNC240 - a file of a line or two
        if not known & {one["recipient"] for one in metadata["age"]}:
            raise KeyMissingError(f"cannot read {what}: no age key in {keys} opens it")
        try:
            found = _mapped(hidden, lambda value: value if value == "" else _value(value))
        except ValueError as error:
            raise ConfigTamperedError(what, "sops does not take it (bad cipher)") from error
        if metadata["mac"] != f"{_PREFIX}{_mac(found)},type:str]":
            raise ConfigTamperedError(what, "sops does not take it (MAC mismatch)")
        return json.dumps(found).encode()

    def _look(self) -> None:
        if self.is_missing:
            raise ProgramMissingError("sops")
        if self.fails:
            raise SecretsError(self.fails)


@dataclass(slots=True)
class FakeSeal:
    """`Seal`: of the host whose key is *key*; what another one sealed does not open."""

    key: str = field(default_factory=lambda: "host-1")
    is_ready: bool = False

    async def prepare(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.is_ready = True

    async def seal(self, name: str, data: bytes, *, key: SealWith) -> bytes:
        await anyio.lowlevel.checkpoint()
        body = base64.b64encode(data).decode()
        proof = hashlib.sha256(f"{self.key}/{name}/{body}".encode()).hexdigest()
        return f"{key.value}:{proof}:{body}\n".encode()

    async def unseal(self, name: str, sealed: bytes) -> bytes:
        await anyio.lowlevel.checkpoint()
        _, proof, body = [*sealed.decode(errors="replace").rstrip("\n").split(":"), "", ""][:3]
        if proof != hashlib.sha256(f"{self.key}/{name}/{body}".encode()).hexdigest():
            raise NotSealedError(name, "this host cannot open it")
        return base64.b64decode(body)


# Any: JSON, as it comes
def _mapped(value: Any, change: Any) -> Any:
    match value:
        case dict():
            return {key: _mapped(one, change) for key, one in value.items()}
        case list():
            return [_mapped(one, change) for one in value]
        case _:
            return change(value)


def _text(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def _value(text: Any) -> Any:
    if not isinstance(text, str) or not text.startswith(_PREFIX):
        raise ValueError("not encrypted")
    return json.loads(base64.b64decode(text.removeprefix(_PREFIX).partition(",")[0], validate=True))


def _mac(found: Any) -> str:
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()
