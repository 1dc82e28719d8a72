"""The audit: what was asked for, by whom, and how it ended; each line has the hash of the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

LONGEST: Final = 1 << 20
"""Bytes of a line; one with more to tell tells how much that was."""
DOUBTED: Final = "audit.doubted"
"""The action of a line that says what was wrong with the end when it was written: the audit is not whole from there on."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody asked for, or its end. *detail* has plain values, and never a secret."""

    at: str
    actor: str
    via: str
    token: str = ""
    request_id: str = ""
    action: str
    app: str = ""
    operation: str = ""
    detail: dict[str, str | int | float | bool | None] = msgspec.field(default_factory=dict)
    outcome: str
    code: str = ""


class AuditLine(AuditEntry, frozen=True, kw_only=True):
    """An entry in its place: *seq* counts from 1, *previous* is the SHA-256 of the line before it (without its end), in hex."""

    seq: int
    previous: str


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the chain is whole; if not, the first line that does not fit, and why. *lines* is how many do fit."""

    lines: int
    is_intact: bool
    broken_at: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """A line by its number and its hash; 0 stands before the first."""

    seq: int = 0
    hash: str = ""


def head_of(line: AuditLine, text: bytes) -> Head:
    """What the line behind *line*, whose text is *text*, has to say of it."""
    return Head(line.seq, sha256(text.removesuffix(b"\n")).hexdigest())


def following(head: Head, entry: AuditEntry) -> tuple[AuditLine, bytes]:
    """The line with *entry* behind *head*, and its text."""
    line = AuditLine(seq=head.seq + 1, previous=head.hash, **msgspec.structs.asdict(entry))
    text = msgspec.json.encode(line) + b"\n"
    if len(text) > LONGEST:
        line = msgspec.structs.replace(line, detail={"omitted": len(text)})
        text = msgspec.json.encode(line) + b"\n"
    return line, text


def line_of(text: bytes) -> AuditLine | None:
    """The line that *text* is, if it is one and whole."""
    if not text.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(text, type=AuditLine)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def problem(line: AuditLine | None, before: Head) -> str:
    """Why *line* cannot follow *before*; empty if it can."""
    if line is None:
        return "it cannot be read"
    if line.seq != before.seq + 1:
        return f"it says that it is line {line.seq}"
    if line.previous != before.hash:
        return f"it does not follow from line {before.seq}: one of the two was changed"
    return f"when it was written: {line.detail.get('reason')}" if line.action == DOUBTED else ""


def doubt(last: Head, witness: Head | None) -> str:
    """What speaks against *last* being the line that was written last; a *witness* may be behind.

    >>> doubt(Head(7, "aa"), Head(9, "bb"))
    'lines are missing at the end: 9 were written, 7 are there'
    """
    if witness is None:
        return "audit.head is gone, which would tell whether lines are missing at the end" if last.seq > 1 else ""
    if witness.seq > last.seq:
        return f"lines are missing at the end: {witness.seq} were written, {last.seq} are there"
    if witness.seq == last.seq and witness != last:
        return f"line {last.seq} is not the one that was written"
    return ""


def verdict(last: Head, reason: str) -> AuditVerdict:
    """The verdict on all up to *last*; a *reason* speaks against the line behind it."""
    broken_at = last.seq + 1 if reason else None
    return AuditVerdict(lines=last.seq, is_intact=not reason, broken_at=broken_at, reason=reason)
