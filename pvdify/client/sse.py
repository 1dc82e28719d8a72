"""Server-sent events: the lines of a stream, put together to messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEDIA = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its kind, `message` unless said otherwise, and its data."""

    event: str
    data: bytes


@dataclass(slots=True)
class Messages:
    """Takes the bytes of a stream in pieces of any size, and gives the messages that are whole."""

    _rest: bytes = b""
    _event: str = ""
    _data: list[bytes] = field(default_factory=list)

    def feed(self, piece: bytes) -> Iterator[Message]:
        r"""The messages that *piece* completes.

        >>> messages = Messages()
        >>> list(messages.feed(b": alive\n\nid: 7\ndata: {}\r")), list(messages.feed(b"\n\r\nevent: err"))
        ([], [Message(event='message', data=b'{}')])
        """
        # bytes know three ends of a line, as the standard does; the text of an answer may hold more that are none here
        lines = (self._rest + piece).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            message = self._taken(line.rstrip(b"\r\n"))
            if message is not None:
                yield message

    def _taken(self, line: bytes) -> Message | None:
        if not line:
            return self._whole()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode(errors="replace")
        return None

    def _whole(self) -> Message | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Message(event, b"\n".join(data)) if data else None
