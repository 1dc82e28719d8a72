"""age for streams, in memory: what it keeps and refuses, without its cipher."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from pvdify.errors import BackupError, KeyMissingError, ProgramMissingError, SecretsError

if TYPE_CHECKING:
    from pvdify.ports.secrets import Feed, Take

_HEAD = b"in-memory-lockbox "
_PIECE = 1 << 16


@dataclass(slots=True)
class FakeLockbox:
    """`Lockbox`: pieces are turned round and proven by a plain hash. Without `age` where *is_missing*."""

    is_missing: bool = False
    fails: str = ""

    async def lock(self, feed: Feed, take: Take, *, recipients: tuple[str, ...]) -> None:
        self._look()
        plain, result = io.BytesIO(), io.BytesIO()
        await to_thread.run_sync(feed, plain)
        result.write(_HEAD + json.dumps(recipients).encode() + b"\n")
        data = plain.getvalue()
        for start in range(0, len(data) + 1, _PIECE):
            _write_piece(result, data[start : start + _PIECE], is_last=start + _PIECE > len(data))
        result.seek(0)
        await to_thread.run_sync(take, result)
        if self.fails:
            raise SecretsError(self.fails)

    async def unlock(self, feed: Feed, take: Take, *, what: str, keys: tuple[str, ...]) -> None:
        self._look()
        given, plain = io.BytesIO(), io.BytesIO()
        await to_thread.run_sync(feed, given)
        given.seek(0)
        head = given.readline()
        if not head.startswith(_HEAD):
            raise BackupError(what, "it is not encrypted with age")
        public = {f"age1{key.removeprefix('AGE-SECRET-KEY-1').lower()}" for key in keys}
        if not public & set(json.loads(head.removeprefix(_HEAD))):
            raise KeyMissingError(f"cannot open {what}: it was encrypted for other keys than this one")
        is_last = False
        while not is_last:
            is_last = _read_piece(given, plain, what=what)
        plain.seek(0)
        await to_thread.run_sync(take, plain)

    def _look(self) -> None:
        if self.is_missing:
            raise ProgramMissingError("age")


def _write_piece(out: io.BytesIO, data: bytes, *, is_last: bool) -> None:
    body = bytes([is_last]) + data.translate(_TURNED)
    out.write(len(body).to_bytes(4, "big") + hashlib.sha256(body).digest() + body)


def _read_piece(source: io.BytesIO, plain: io.BytesIO, *, what: str) -> bool:
    size, proof = int.from_bytes(source.read(4), "big"), source.read(32)
    body = source.read(size)
    if not body or hashlib.sha256(body).digest() != proof:
        raise BackupError(what, "it is damaged")
    plain.write(body[1:].translate(_TURNED))
    return bool(body[0])


_TURNED = bytes(255 - number for number in range(256))
