"""SOPS and age, as programs. Documents and keys go through pipes: never an argument, never a file of plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pvdify.adapters.process import Finished, run
from pvdify.errors import (
    ConfigTamperedError,
    HostError,
    KeyMissingError,
    ProgramMissingError,
    ProgramTooOldError,
    SecretsError,
)
from pvdify.model.envelope import EVERYTHING
from pvdify.model.vault import AgeKey, keys_of

if TYPE_CHECKING:
    from pathlib import Path

FLOOR: Final = (3, 9, 0)
_VERSION: Final = re.compile(r"^sops (\d+)\.(\d+)\.(\d+)", re.MULTILINE)
_NO_KEY: Final = 128
_JSON: Final = ("--input-type", "json", "--output-type", "json")
# a key or a rule that lies about in somebody's home must not decide what is read or written
_ALONE: Final = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
_WHERE: Final = "install sops 3.9 or newer from github.com/getsops/sops/releases"


class Sops:
    """`Secrets` of this machine."""

    async def version(self) -> str:
        done = await _sops("--version", "--disable-version-check")
        match = _VERSION.search(done.stdout)
        if done.returncode or not match:
            raise SecretsError(f"cannot read the version of sops: {_words(done)}", hint=_WHERE)
        found = tuple(int(part) for part in match.groups())
        text = ".".join(match.groups())
        if found < FLOOR:
            raise ProgramTooOldError(f"cannot use sops {text}: 3.9 or newer is needed", hint=_WHERE)
        await _age_keygen("--version")
        return text

    async def new_key(self) -> AgeKey:
        done = await _age_keygen()
        keys = keys_of(done.stdout)
        if len(keys) != 1:
            raise SecretsError("cannot make an age key: age-keygen wrote none")
        return keys[0]

    async def encrypt(self, document: bytes, *, recipients: tuple[str, ...]) -> bytes:
        # `--config`: no rule file in some directory above may add a key or leave a value in the clear
        rules = ("--encrypted-regex", EVERYTHING, "--age", ",".join(recipients), "--filename-override", "config.json")
        argv = ("--config", "/dev/null", "encrypt", *_JSON, *rules, "/dev/stdin")
        done = await _sops(*argv, stdin=document)
        if done.returncode:
            await self.version()
            raise SecretsError(f"cannot encrypt with sops: {_words(done)}")
        return done.wrote

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        argv = ("--config", "/dev/null", "decrypt", *_JSON, "/dev/stdin")
        done = await _sops(*argv, stdin=text, env={"SOPS_AGE_KEY_FILE": str(keys)})
        if not done.returncode:
            return done.wrote
        await self.version()
        if done.returncode == _NO_KEY:
            raise KeyMissingError(
                f"cannot read {what}: no age key in {keys} opens it", hint=f"bring the host's key back into {keys}"
            )
        raise ConfigTamperedError(what, f"sops does not take it ({_words(done)})")


async def _sops(*argv: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> Finished:
    try:
        return await run("sops", *argv, stdin=stdin, env={**_ALONE, **(env or {})})
    except ProgramMissingError as error:
        error.hint = _WHERE
        raise


async def _age_keygen(*argv: str) -> Finished:
    try:
        done = await run("age-keygen", *argv)
    except ProgramMissingError as error:
        error.hint = "install the package age"
        raise
    if done.returncode:
        raise HostError(f"cannot run age-keygen: {_words(done)}")
    return done


def _words(done: Finished) -> str:
    """What a program says of its failure: its standard error alone, and the end of that."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return " ".join(lines[-1:])[:300] or f"exit status {done.returncode}"
