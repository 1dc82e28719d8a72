"""One HTTP/1.1 request over one connection: all that a probe and Podman's API need, and nothing to import for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import ByteStream

_LINE: Final = 64 * 1024
_FIELDS: Final = 200
_INTERIM: Final = range(100, 200)
_BODILESS: Final = frozenset({204, 304})


class HttpError(Exception):
    """What came back is not HTTP, or it broke off."""


@dataclass(frozen=True, slots=True)
class Head:
    """The start of an answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


class Exchange:
    """A request that was sent over a connection of its own, and its answer as it comes in."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._left: int | None = 0
        self._is_chunked = False

    async def send(self, method: str, target: str, headers: Mapping[str, str], content: bytes = b"") -> None:
        """Send the whole request; the connection ends with its answer."""
        fields = {"Host": "localhost", "Accept": "*/*", **headers, "Connection": "close"}
        if content or method not in {"GET", "HEAD", "DELETE"}:
            fields["Content-Length"] = str(len(content))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        if any("\r" in line or "\n" in line for line in lines) or " " in target:
            raise HttpError("the request has a line break or a space where none can be")
        await self._stream.send("\r\n".join([*lines, "", ""]).encode("latin-1", errors="replace") + content)

    async def head(self) -> Head:
        """Read the status and the headers."""
        while True:
            version, _, rest = (await self._line()).partition(" ")
            status = rest[:3]
            if not version.startswith("HTTP/1.") or not status.isdecimal():
                raise HttpError(f"the answer is not HTTP: {f'{version} {rest}'.strip()[:60]!r}")
            headers: dict[str, str] = {}
            for _ in range(_FIELDS):
                line = await self._line()
                if not line:
                    break
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            else:
                raise HttpError("the answer has too many headers")
            if int(status) not in _INTERIM:
                self._expect(int(status), headers)
                return Head(int(status), headers)

    def _expect(self, status: int, headers: Mapping[str, str]) -> None:
        """Know where the body ends: behind so many bytes, chunk by chunk, or with the connection."""
        length = headers.get("content-length", "")
        self._is_chunked = "chunked" in headers.get("transfer-encoding", "").lower() and status not in _BODILESS
        if self._is_chunked or status in _BODILESS:
            self._left = 0
        else:
            self._left = int(length) if length.isdecimal() else None

    async def chunk(self) -> bytes:
        """The next bytes of the body; none at its end."""
        while self._is_chunked and self._left == 0:
            size = (await self._line()).partition(";")[0].strip()
            if not size:
                continue  # the line break behind the chunk before
            if size.strip("0123456789abcdefABCDEF"):
                raise HttpError(f"the answer has a chunk of size {size[:20]!r}")
            self._left = int(size, 16)
            self._is_chunked = self._left > 0
        if self._left == 0 or (not self._buffer and not await self._more()):
            if self._left:
                raise HttpError("the answer broke off")
            return b""
        found = bytes(self._buffer[: self._left])
        del self._buffer[: len(found)]
        if self._left is not None:
            self._left -= len(found)
        return found

    async def body(self, *, limit: int) -> bytes:
        """The first *limit* bytes of the body."""
        found = bytearray()
        while len(found) < limit and (chunk := await self.chunk()):
            found += chunk
        return bytes(found[:limit])

    async def _line(self) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE:
                raise HttpError("the answer has a line without an end")
            if not await self._more():
                raise HttpError(
                    "the answer broke off" if self._buffer else "it closed the connection without an answer"
                )
        line = self._buffer[:end].decode("latin-1").rstrip("\r")
        del self._buffer[: end + 1]
        return line

    async def _more(self) -> bool:
        try:
            self._buffer += await self._stream.receive()
        except anyio.EndOfStream:
            return False
        return True
