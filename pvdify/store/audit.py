"""The audit: lines that are only ever appended, each safe on the disk before what it tells of is done or answered.

Each line has the hash of the one before it, so none can be changed or taken out unseen, but for the last ones: a chain cannot show
that its end was cut off. So a small file beside it, the witness, says which line was written last. It is written after the line
and not synced: it may be behind, and never ahead.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.errors import StateError
from pvdify.model.audit import (
    DOUBTED,
    LONGEST,
    AuditEntry,
    AuditLine,
    AuditVerdict,
    Head,
    doubt,
    following,
    head_of,
    line_of,
    problem,
    verdict,
)
from pvdify.model.patterns import closed
from pvdify.store.files import PRIVATE, replace, sync_directory, told, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

TORN: Final = "audit.torn"
"""The action of a line that says how much of another one a power cut had left behind it."""
ASIDE: Final = "audit.before-restore.jsonl"
"""Where the audit is that a host had before it took over another one's."""
_PIECE: Final = 1 << 14
_WITNESS: Final = re.compile(closed(r"(?P<seq>[0-9]{12}) (?P<hash>[0-9a-f]{64})\n"))


@dataclass(frozen=True, slots=True)
class _End:
    """The last whole line, where it ends, and what is there of one more."""

    head: Head
    size: int
    torn: bytes


class Audit:
    """The file `audit.jsonl`, and its witness."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._path = settings.audit
        self._witness_path = settings.audit_head
        self._reserve = reserve

    def append(self, entry: AuditEntry) -> AuditLine:
        """Append a line. What is wrong with the end is told in a line of its own before it; a torn one is cut off."""
        lines = []
        with told(f"write {self._path}"), self._held() as descriptor:
            end, witness = self._end_of(descriptor), self._witness()
            if not end.size:
                sync_directory(self._path.parent)
            if end.torn:
                os.ftruncate(descriptor, end.size)
            size, head = end.size, end.head
            for one in (*_findings(end, witness, entry.at), entry):
                line, text = following(head, one)
                self._put(descriptor, text, size)
                size, head = size + len(text), head_of(line, text)
                lines.append(line)
            self._testify(head, is_new=witness is None)
        return lines[-1]

    def verify(self) -> AuditVerdict:
        """Whether every line follows from the one before it, and the last one is the last that was written."""
        head = Head()
        with told(f"read {self._path}"):
            try:
                descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return verdict(head, doubt(head, self._witness()))
            with os.fdopen(descriptor, "rb") as file:
                fcntl.flock(descriptor, fcntl.LOCK_SH)  # only while the two are looked at, not while all is read
                size, witness = os.fstat(descriptor).st_size, self._witness()
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                while text := file.readline(min(size, LONGEST + 1)):
                    size -= len(text)
                    line = line_of(text)
                    if line is None and not size:
                        break  # torn: nobody was told that it was written
                    reason = problem(line, head)
                    if reason or line is None:
                        return verdict(head, reason)
                    before, head = head, head_of(line, text)
                    if witness and witness.seq == head.seq and witness != head:
                        return verdict(before, "it is not the line that was written")
        return verdict(head, doubt(head, witness))

    def read(
        self, *, limit: int, before: int | None = None, after: int = 0, app: str | None = None
    ) -> tuple[AuditLine, ...]:
        """Lines between two numbers, of *app* or of all, newest first; those that cannot be read are left to `verify`."""
        found: list[AuditLine] = []
        with told(f"read {self._path}"):
            try:
                descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return ()
            try:
                for text in _backwards(descriptor, os.fstat(descriptor).st_size):
                    line = line_of(text)
                    if len(found) >= limit or (line and line.seq <= after):
                        break
                    if line and (before is None or line.seq < before) and app in {None, line.app}:
                        found.append(line)
            finally:
                os.close(descriptor)
        return tuple(found)

    @contextmanager
    def copied(self) -> Iterator[tuple[int, int]]:
        """The file, open to be read, and where its last whole line ends: what stands before that never changes, whoever appends meanwhile."""
        with told(f"read {self._path}"), self._held() as descriptor:
            size = self._end_of(descriptor).size
            copy = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield copy, size
        finally:
            os.close(copy)

    def adopt(self, new: Path, head: Head) -> None:
        """Let the audit *new*, which ends in *head*, be the one that is gone on with; the first one that was here is put aside."""
        with told(f"write {self._path}"), self._held():
            with suppress(FileExistsError):
                os.link(self._path, self._path.with_name(ASIDE))
            self._witness_path.unlink(missing_ok=True)
            new.rename(self._path)
            if head.seq:
                replace(self._witness_path, _testimony(head), PRIVATE)
            sync_directory(self._path.parent)

    @contextmanager
    def _held(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = self._reserve.spend(lambda: os.open(self._path, flags, PRIVATE))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _end_of(self, descriptor: int) -> _End:
        """How the file ends. One append is safe before the next begins, so a power cut can have spoiled one line and no more."""
        size = os.fstat(descriptor).st_size
        lines = _backwards(descriptor, size)
        torn = next(lines)
        for text in lines:
            line = line_of(text)
            if line:
                return _End(head_of(line, text), size - len(torn), torn)
            if torn:
                break
            torn = text
        if len(torn) < size:
            hint = f"look at it with `pvdify audit:verify`, then put it aside: `mv {self._path} {self._path}.spoiled`"
            raise StateError(f"cannot write {self._path}: what it ends in is no audit", hint=hint)
        return _End(Head(), 0, torn)

    def _put(self, descriptor: int, text: bytes, size: int) -> None:
        def write() -> None:
            try:
                write_whole(descriptor, text)
            except OSError:
                os.ftruncate(descriptor, size)
                raise

        self._reserve.spend(write)
        try:
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)  # nobody knows whether it is on the disk: nothing may follow from it
            raise

    def _witness(self) -> Head | None:
        """The line that was written last, as the witness has it; None if there is none to be understood."""
        try:
            match = _WITNESS.search(self._witness_path.read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError:
            return None
        return Head(int(match["seq"]), match["hash"]) if match else None

    def _testify(self, head: Head, *, is_new: bool) -> None:
        """Have the witness say *head*: the line is safe already, so failing is no matter."""
        text = _testimony(head)
        with suppress(OSError):
            if is_new:
                self._reserve.spend(lambda: replace(self._witness_path, text, PRIVATE))
                return
            descriptor = os.open(self._witness_path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(descriptor, text, 0)
            finally:
                os.close(descriptor)


def _testimony(head: Head) -> bytes:
    return f"{head.seq:012} {head.hash}\n".encode()


def _findings(end: _End, witness: Head | None, at: str) -> Iterator[AuditEntry]:
    """What the audit has to tell of itself."""
    if end.torn:
        yield _own(TORN, {"bytes": len(end.torn)}, at=at, outcome="done")
    reason = doubt(end.head, witness)
    if reason:
        yield _own(DOUBTED, {"reason": reason}, at=at, outcome="failed")


def _own(action: str, detail: Mapping[str, str | int], *, at: str, outcome: str) -> AuditEntry:
    return AuditEntry(at=at, actor="pvdify", via="local", action=action, detail={**detail}, outcome=outcome)


def _backwards(descriptor: int, end: int) -> Iterator[bytes]:
    """The lines before *end*, the last one first; before them what stands behind the last newline, also if that is nothing.

    They end at the first that is too long for a line.
    """
    rest = newline = b""
    while end and len(rest) <= LONGEST:
        start = max(0, end - _PIECE)
        rest, *lines = (os.pread(descriptor, end - start, start) + rest).split(b"\n")
        for line in reversed(lines):
            yield line + newline
            newline = b"\n"
        end = start
    yield rest + newline
