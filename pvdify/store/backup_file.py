"""The file of a backup: written beside its name and then named, or read as often as it has to be; its hash is known afterwards."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final

from pvdify.errors import NotFoundError, RefusedError, SpecError
from pvdify.store.files import PRIVATE, opened_new, sync_directory, told, write_whole
from pvdify.store.tape import PIECE

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_OUTPUT: Final = 1


@dataclass(slots=True)
class Written:
    """A file on its way: nobody sees it under its name before `name_it`; without a *path* it goes to standard output.

    Raise `RefusedError` where there is one and it may not be *replaced*.
    """

    path: Path | None
    is_replaced: bool = False
    size: int = 0
    sha256: str = ""
    _new: Path | None = None
    _descriptor: int = _OUTPUT

    def __enter__(self) -> Self:
        if self.path is not None:
            with told(f"write {self.path}"):
                self._check(self.path)
                new = self.path.with_name(f".{self.path.name[:200]}.{token_hex(4)}.new")
                self._descriptor = opened_new(new, PRIVATE)
                self._new = new
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._descriptor != _OUTPUT:
            os.close(self._descriptor)
        if self._new is not None:
            self._new.unlink(missing_ok=True)

    def take(self, stream: BinaryIO) -> None:
        """Write all of *stream*."""
        found = sha256()
        with told(f"write {self.path or 'to standard output'}"):
            while piece := stream.read(PIECE):
                write_whole(self._descriptor, piece)
                found.update(piece)
                self.size += len(piece)
        self.sha256 = found.hexdigest()

    def name_it(self) -> None:
        """Have it under its name, safe on the disk."""
        if self.path is None or self._new is None:
            return
        with told(f"write {self.path}"):
            os.fsync(self._descriptor)
            self._check(self.path)
            if self.is_replaced:
                self._new.rename(self.path)
            else:
                try:
                    os.link(self._new, self.path)
                except FileExistsError as error:
                    raise _there(self.path) from error
                self._new.unlink()
            self._new = None
            sync_directory(self.path.parent)

    def _check(self, path: Path) -> None:
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            raise SpecError(f"cannot write {path}: it is no file", hint="`-` is standard output")
        if not self.is_replaced:
            raise _there(path)


class Opened:
    """A file that is read several times, and must be the same each time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with told(f"read {path}"):
            try:
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except FileNotFoundError as error:
                raise NotFoundError(f"cannot find {path}") from error
            self.size = os.fstat(self._descriptor).st_size
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                os.close(self._descriptor)
                raise SpecError(f"cannot read {path}: it is no file", hint="it is read twice: keep it in a file first")
        self.sha256 = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def feed(self, out: BinaryIO) -> None:
        """Write all of it to *out*."""
        found, at = sha256(), 0
        while True:
            with told(f"read {self._path}"):
                piece = os.pread(self._descriptor, PIECE, at)
            if not piece:
                break
            out.write(piece)
            found.update(piece)
            at += len(piece)
        self.sha256 = found.hexdigest()


def _there(path: Path) -> RefusedError:
    return RefusedError(f"cannot write {path}: it is there already", hint="take another name, or say `--force`")
