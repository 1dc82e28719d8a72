"""Tokens: one file that is replaced as a whole, and beside it when each was last used, which a power cut may take."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import NotFoundError, PvdifyError, StateError
from pvdify.model.parse import from_value
from pvdify.model.token import Token, is_expired, matches
from pvdify.store.files import PRIVATE, opened_new, read_at, replace, told, write_whole
from pvdify.store.locks import alone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

_SETTLED: Final = 100_000_000
"""Nanoseconds after which a file that was changed once more has another time, whatever the kernel's clock counts in."""
_HOUR: Final = len("2026-11-23T20")


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """The file, as it was read; *stamp* tells whether it still is."""

    stamp: tuple[int, int, int] | None = None
    tokens: tuple[Token, ...] = ()
    by_digest: Mapping[str, Token] = field(default_factory=dict)


class Tokens:
    """Who may ask from afar."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._path = settings.tokens
        self._used_path = settings.tokens_used
        self._reserve = reserve
        self._kept = _Read()
        self._noted: dict[str, str] = {}

    def listed(self) -> tuple[Token, ...]:
        """Every token, in the order in which they were made."""
        used = self._used()
        return tuple(msgspec.structs.replace(one, last_used_at=used.get(one.id, "")) for one in self._read().tokens)

    def one(self, id_: str) -> Token | None:
        """The token of that id."""
        return next((one for one in self.listed() if one.id == id_), None)

    def find(self, given: str, now: datetime) -> Token | None:
        """The token that a text with the digest *given* opens the door with; one stat where the file is still the same."""
        token = self._read().by_digest.get(given)
        return token if token and matches(token, given, now) and not is_expired(token, now) else None

    def add(self, token: Token) -> None:
        """Keep a new token."""
        token = from_value(token, Token, what="the token")
        with told(f"write {self._path}"), alone(self._path.parent):
            tokens = self._read().tokens
            if any(one.id == token.id for one in tokens):
                raise StateError(f"cannot add token {token.id}: there is one of that id", hint="try again")
            self._write((*tokens, token))

    def take_over(self, tokens: tuple[Token, ...]) -> None:
        """Have just *tokens*, which were another host's."""
        with told(f"write {self._path}"), alone(self._path.parent):
            self._write(tokens)

    def replace(self, token: Token) -> None:
        """Put *token* in the place of the one of its id."""
        token = from_value(token, Token, what="the token")
        with told(f"write {self._path}"), alone(self._path.parent):
            tokens = self._read().tokens
            if all(one.id != token.id for one in tokens):
                raise NotFoundError(f"cannot find token {token.id}", hint="list them with `pvdify tokens`")
            self._write(token if one.id == token.id else one for one in tokens)

    def remove(self, id_: str) -> bool:
        """Forget a token, for good once this returns; False if there was none."""
        with told(f"write {self._path}"), alone(self._path.parent):
            tokens = self._read().tokens
            rest = tuple(one for one in tokens if one.id != id_)
            if len(rest) == len(tokens):
                return False
            self._write(rest)
        return True

    def note_used(self, id_: str, at: str) -> None:
        """Note that a token was used; once in an hour of the clock that is written, without waiting, and failing is no matter."""
        if at[:_HOUR] <= self._noted.get(id_, "")[:_HOUR]:
            return
        with suppress(OSError, PvdifyError), alone(self._path.parent, waits=False):
            self._noted[id_] = at
            known = {one.id for one in self._read().tokens}
            used = {one: last for one, last in self._used().items() if one in known}
            if at[:_HOUR] > used.get(id_, "")[:_HOUR]:
                self._write_used({**used, id_: at})

    def _read(self) -> _Read:
        """The file, read again only if it is another one than last time."""
        kept = self._kept
        with told(f"read {self._path}"):
            try:
                if kept.stamp == _stamp(self._path.stat()):
                    return kept
                descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return _Read()
            try:
                status, now = os.fstat(descriptor), time.time_ns()
                text = read_at(descriptor)
            finally:
                os.close(descriptor)
        read = self._parsed(text, _stamp(status))
        if now - status.st_mtime_ns > _SETTLED:
            self._kept = read
        return read

    def _parsed(self, text: bytes, stamp: tuple[int, int, int]) -> _Read:
        try:
            tokens = msgspec.json.decode(text, type=_File).tokens
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            hint = f"mend it, or bring it back from a backup; without it there is no token at all: `rm {self._path}`"
            raise StateError(f"cannot read {self._path}: {error}", hint=hint) from error
        previous = {one.previous_digest: one for one in tokens if one.previous_digest}
        return _Read(stamp, tokens, previous | {one.digest: one for one in tokens})

    def _write(self, tokens: Iterable[Token]) -> None:
        plain = tuple(msgspec.structs.replace(one, last_used_at="") for one in tokens)
        text = msgspec.json.format(msgspec.json.encode(_File(tokens=plain)), indent=2) + b"\n"
        self._reserve.spend(lambda: replace(self._path, text, PRIVATE))

    def _used(self) -> dict[str, str]:
        """When each token was last used, as far as that is known."""
        try:
            return msgspec.json.decode(self._used_path.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    def _write_used(self, used: Mapping[str, str]) -> None:
        """Replace the file without a sync: that would cost a request more than the news is worth."""
        new = self._used_path.with_name(f".{self._used_path.name}.new")
        new.unlink(missing_ok=True)
        descriptor = opened_new(new, PRIVATE)
        try:
            write_whole(descriptor, msgspec.json.encode(used) + b"\n")
        finally:
            os.close(descriptor)
        new.rename(self._used_path)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
