"""One HTTP/1.1 request over one connection: h11 reads and writes the protocol, and anyio moves the bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import h11

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import ByteStream

_HEAD: Final = 64 * 1024
_TOO_LONG: Final = 431
_BEGINS: Final = b"HTTP/1."


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
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
        self._is_over = False

    async def send(self, method: str, target: str, headers: Mapping[str, str], content: bytes = b"") -> None:
        """Send the whole request; the connection ends with its answer."""
        fields = {"Host": "localhost", "Accept": "*/*", **headers, "Connection": "close"}
        if content or method not in {"GET", "HEAD", "DELETE"}:
            fields["Content-Length"] = str(len(content))
        try:
            request = h11.Request(
                method=method,
                target=_bytes(target),
                headers=[(_bytes(name), _bytes(value)) for name, value in fields.items()],
            )
            parts = [self._protocol.send(event) for event in (request, h11.Data(data=content), h11.EndOfMessage())]
        except h11.LocalProtocolError as error:
            raise HttpError(f"the request cannot be sent: {error}") from error
        await self._stream.send(b"".join(part or b"" for part in parts))

    async def head(self) -> Head:
        """Read the status and the headers."""
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                return Head(event.status_code, headers)

    async def chunk(self) -> bytes:
        """The next bytes of the body; none at its end."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def body(self, *, limit: int) -> bytes:
        """The first *limit* bytes of the body."""
        found = bytearray()
        while len(found) < limit and (chunk := await self.chunk()):
            found += chunk
        return bytes(found[:limit])

    async def _event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """What comes next in the answer."""
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                await self._more()
        except h11.RemoteProtocolError as error:
            if self._is_over:
                raise HttpError("the answer broke off") from error
            if error.error_status_hint == _TOO_LONG:
                raise HttpError(f"the answer has a head or a line of more than {_HEAD // 1024} KiB") from error
            raise HttpError(f"the answer is not HTTP: {error}") from error
        return event

    async def _more(self) -> None:
        """Take in what the other side sends, or that it has hung up."""
        waits_for_head = self._protocol.their_state is h11.SEND_RESPONSE
        said, _ = self._protocol.trailing_data
        if waits_for_head and not said.startswith(_BEGINS[: len(said)]):  # it may be waiting for us to speak
            raise HttpError(f"the answer is not HTTP: {said.splitlines()[0][:60].decode('latin-1')!r}")
        try:
            data = await self._stream.receive()
        except anyio.EndOfStream:
            if waits_for_head:
                raise HttpError(
                    "the answer broke off" if said else "it closed the connection without an answer"
                ) from None
            self._is_over, data = True, b""
        self._protocol.receive_data(data)


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", errors="replace")
