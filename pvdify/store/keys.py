"""Idempotency keys: which operation a request became, so that the same request, sent again, becomes none.

A claim is a file of its own, written whole before anything happens that the request asks for. All that changes these files holds
their directory, so what is there is safe on the disk and never half written.
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import IdempotencyMismatchError, StateError
from pvdify.store.files import PRIVATE, make_directory, replace, sync_directory, told
from pvdify.store.journal import stamp_of
from pvdify.store.locks import alone

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

LIFE: Final = timedelta(hours=24)
KEPT: Final = 10_000
EVERY: Final = 16
"""Claims from one look for old ones to the next, which is at the next sixteenth of them: nobody waits for a look at all."""
_PARTS: Final = "0123456789abcdef"
_PART: Final = KEPT // len(_PARTS) - 2 * EVERY
_SECRET: Final = 0o400
_AT_ONCE: Final = 256
"""Files that one look takes away at most."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str
    operation: str
    at: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a key stands for; *is_new* says that the caller's own request was the first, and goes on."""

    operation: str
    is_new: bool


class Keys:
    """The claims of the last day."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._path = settings.keys
        self._marker = settings.fingerprint_key
        self._reserve = reserve
        self._claims = secrets.randbelow(EVERY * len(_PARTS))  # a process may not live long enough to count so far

    def claim(self, caller: str, key: str, *, fingerprint: str, operation: str, now: datetime, lost: str = "") -> Claim:
        """Let *key* of *caller* stand for *operation*, durably, unless it stands for another one already.

        Raise `IdempotencyMismatchError` if that was another request. *lost* is an operation that was claimed and, as the caller
        found, never came to be: a claim for it counts for nothing.
        """
        path = self._file(caller, key)
        with told(f"write {path}"):
            make_directory(self._path, 0o700)
            with alone(self._path):
                found = _read(path)
                mark = self._mark(fingerprint, makes=True)
                if found and found.operation != lost and not _is_old(found, now):
                    if found.fingerprint != mark:
                        raise IdempotencyMismatchError(key)
                    return Claim(found.operation, is_new=False)
                self._claims += 1
                if self._claims % EVERY == 0:
                    self._prune(_PARTS[self._claims // EVERY % len(_PARTS)], now)
                new = _File(fingerprint=mark, operation=operation, at=stamp_of(now))
                self._reserve.spend(lambda: _write(path, new))
        return Claim(operation, is_new=True)

    def claimed(self, caller: str, key: str, *, fingerprint: str, now: datetime) -> str | None:
        """The operation that *key* of *caller* stands for, if any; raise `IdempotencyMismatchError` if that was another request."""
        path = self._file(caller, key)
        with told(f"read {path}"):
            found = _read(path)
        if found is None or _is_old(found, now):
            return None
        if found.fingerprint != self._mark(fingerprint):
            raise IdempotencyMismatchError(key)
        return found.operation

    def release(self, caller: str, key: str, *, operation: str) -> None:
        """Forget the claim of an operation that was refused before anything happened; another one's stays."""
        path = self._file(caller, key)
        with told(f"remove {path}"):
            make_directory(self._path, 0o700)
            with alone(self._path):
                found = _read(path)
                if found and found.operation == operation:
                    path.unlink()
                    sync_directory(self._path)

    def _mark(self, fingerprint: str, *, makes: bool = False) -> str:
        """What is kept of a fingerprint: only with a secret of this host can anybody try which request, and which secret in it, makes it."""
        with told(f"read {self._marker}"):
            if makes and not self._marker.exists():
                make_directory(self._marker.parent, 0o700)
                self._reserve.spend(lambda: replace(self._marker, secrets.token_bytes(32), _SECRET))
            secret = self._marker.read_bytes() if self._marker.exists() else b""
        return hmac.new(secret, fingerprint.encode(), sha256).hexdigest()

    def _file(self, caller: str, key: str) -> Path:
        name = sha256(f"{caller}\0{key}".encode(errors="surrogatepass")).hexdigest()
        return self._path / f"{name}.json"

    def _prune(self, part: str, now: datetime) -> None:
        """Of the claims whose names begin with *part*, remove the oldest: those whose day is over, and those that are too many.

        What killed processes left half made goes, too.
        """
        with os.scandir(self._path) as entries:
            found = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.name[0] in {part, "."}]
        left = [name for _, name in found if name[0] == "."]
        by_age = sorted(one for one in found if one[1][0] == part)
        for name in left:
            (self._path / name).unlink()
        for number, (_, name) in enumerate(by_age[:_AT_ONCE]):
            path = self._path / name
            if number >= len(by_age) - _PART and not _is_spent(path, now):
                break
            path.unlink()


def _read(path: Path) -> _File | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateError(f"cannot read {path}: {error}", hint=f"remove it: `rm {path}`") from error


def _write(path: Path, file: _File) -> None:
    try:
        replace(path, msgspec.json.encode(file) + b"\n", PRIVATE)
    except OSError:
        path.unlink(missing_ok=True)  # the request is refused: its key must not say that it was not
        raise


def _is_old(file: _File, now: datetime) -> bool:
    return file.at <= stamp_of(now - LIFE)


def _is_spent(path: Path, now: datetime) -> bool:
    """Whether a claim is old, or cannot be read at all."""
    try:
        file = _read(path)
    except StateError:
        return True
    return file is None or _is_old(file, now)
