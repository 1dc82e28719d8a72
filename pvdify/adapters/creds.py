"""Credentials that only this host's systemd opens: `systemd-creds`."""

from __future__ import annotations

import base64
from typing import Final

from pvdify.adapters.process import run
from pvdify.errors import NotSealedError, SecretsError
from pvdify.model.vault import SealWith

# the sandbox of pvdify-host.service has no TPM: systemd starts the program outside
_OUTSIDE: Final = ("systemd-run", "--quiet", "--collect", "--wait", "--pipe", "--service-type=exec")
_CREDS: Final = "systemd-creds"
# what a credential begins with: the kind of key that it is sealed with
_BY_HOST: Final = bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a")
_BY_NOBODY: Final = bytes.fromhex("058469daf6f54324800549da0f8ea2fb")


class SystemdCreds:
    """`Seal` of this machine."""

    async def prepare(self) -> None:
        done = await run(_CREDS, "setup")
        if done.returncode:  # nor may it write where that key is
            done = await run(*_OUTSIDE, _CREDS, "setup")
        if done.returncode:
            raise SecretsError(f"cannot make the host's key for credentials: {_words(done.stderr)}")

    async def seal(self, name: str, data: bytes, *, key: SealWith) -> bytes:
        argv: tuple[str, ...] = (_CREDS, "encrypt", f"--with-key={key.value}", f"--name={name}")
        if key is not SealWith.HOST:
            # without registers: an update of the firmware must not take the config away
            argv = (*_OUTSIDE, *argv, "--tpm2-pcrs=")
        done = await run(*argv, "-", "-", stdin=data)
        if done.returncode:
            raise SecretsError(
                f"cannot seal {name}: {_words(done.stderr)}",
                hint="make the host's key with `systemd-creds setup`; for a TPM see `systemd-analyze has-tpm2`",
            )
        return done.wrote

    async def unseal(self, name: str, sealed: bytes) -> bytes:
        kind = _kind(sealed)
        if kind == _BY_NOBODY:  # where there is no TPM, systemd takes what anybody can make
            raise NotSealedError(name, "it is sealed without a key")
        argv = (_CREDS, "decrypt", f"--name={name}", "-", "-")
        done = await run(*argv, stdin=sealed)
        if done.returncode and kind != _BY_HOST:
            done = await run(*_OUTSIDE, *argv, stdin=sealed)
        if done.returncode:
            raise NotSealedError(name, f"this host cannot open it ({_words(done.stderr)})")
        return done.wrote


def _kind(sealed: bytes) -> bytes:
    try:
        return base64.b64decode(sealed[:24])[:16]
    except ValueError:
        return b""


def _words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return " ".join(lines[-1:])[:300] or "it does not say why"
