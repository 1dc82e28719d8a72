"""The lines of an audit that goes from host to host, looked at as they pass."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pvdify.errors import BackupError
from pvdify.model.audit import LONGEST, Head, head_of, line_of, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE: Final = 1 << 20


class Following:
    """Follows an audit as its pieces come. *head* is the last line so far; *reason* is why it is not whole from line *broken_at* on."""

    def __init__(self, *, what: str) -> None:
        self.head = Head()
        self.broken_at = 0
        self.reason = ""
        self._what = what
        self._rest = b""

    def passed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """*pieces*, once they were looked at; raise `BackupError` for a line that cannot be read: nothing could be written behind it."""
        for piece in pieces:
            *lines, self._rest = (self._rest + piece).split(b"\n")
            for text in lines:
                self._look_at(text + b"\n")
            if len(self._rest) > LONGEST:
                self._look_at(self._rest)
            yield piece
        if self._rest:
            self._look_at(self._rest)

    def _look_at(self, text: bytes) -> None:
        line = line_of(text)
        if line is None:
            raise BackupError(self._what, f"line {self.head.seq + 1} of the audit in it cannot be read")
        reason = "" if self.reason else problem(line, self.head)
        if reason:
            self.broken_at, self.reason = self.head.seq + 1, reason
        self.head = head_of(line, text)


def pieces_of(descriptor: int, size: int) -> Iterator[bytes]:
    """The first *size* bytes of an open file, which is only ever appended to."""
    at = 0
    while at < size and (piece := os.pread(descriptor, min(_PIECE, size - at), at)):
        at += len(piece)
        yield piece
