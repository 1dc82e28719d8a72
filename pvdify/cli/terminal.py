"""Where a command reads and writes: a terminal, a pipe, a file, or a string in a test."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from pvdify.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNPRINTABLE: Final = re.compile(
    r"\x1b\[(?P<colour>[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)


@dataclass(slots=True, kw_only=True)
class Terminal:
    """The three streams of a command; *is_live* where lines may be drawn anew, that is on a terminal."""

    out: TextIO
    err: TextIO
    input: TextIO
    is_live: bool = False
    is_interactive: bool = False
    is_coloured: bool = False

    def print(self, text: str) -> None:
        """Write an answer; raise `BrokenPipeError` if nobody reads any more, `HostError` if it cannot be written."""
        try:
            self.out.write(f"{text}\n")
        except OSError as error:
            raise _unwritten(error) from error

    def write(self, data: bytes) -> None:
        """Write an answer byte by byte; a person is shown what can be shown of it. Raises as `print` does."""
        if self.out.isatty():
            self.print(self.printable(data.decode(errors="backslashreplace").removesuffix("\n")))
            return
        self.flush()
        try:
            if isinstance(self.out, io.TextIOWrapper):
                self.out.buffer.write(data)
                self.out.buffer.flush()
            else:
                self.out.write(data.decode(errors="surrogateescape"))
        except OSError as error:
            raise _unwritten(error) from error

    def flush(self) -> None:
        """Hand over what was printed; raises as `print` does."""
        try:
            self.out.flush()
        except OSError as error:
            raise _unwritten(error) from error

    def say(self, text: str) -> None:
        """Show how far something is; a terminal that is gone changes nothing."""
        _written(self.out, f"{text}\n")

    def complain(self, text: str) -> None:
        """Tell what went wrong; a terminal that is gone changes nothing."""
        with suppress(OSError, ValueError):
            self.out.flush()
        _written(self.err, f"{text}\n")

    def read(self, limit: int) -> bytes:
        """All of standard input as it is, but no more than *limit* bytes."""
        if isinstance(self.input, io.TextIOWrapper):
            data: bytes = self.input.buffer.read(limit)
            return data
        return self.input.read(limit).encode()

    def ask(self, question: str) -> str:
        """The line that a person types; empty at the end of the input."""
        _written(self.err, question)
        return self.input.readline().rstrip("\r\n")

    async def asked(self, question: str) -> str:
        """The same, while other things go on: nothing blocks, and whoever cancels it leaves no thread behind that reads."""
        from anyio import wait_readable

        _written(self.err, question)
        if isinstance(self.input, io.TextIOWrapper):
            await wait_readable(self.input.fileno())
        return self.input.readline().rstrip("\r\n")

    def ask_secretly(self, question: str) -> str:
        """The line that a person types without seeing it; empty at the end of the input."""
        from getpass import getpass

        try:
            return getpass(question, self.err)
        except EOFError:
            return ""

    def coloured(self, text: str, colour: int) -> str:
        """*text* in an ANSI colour, where colours are wanted."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.is_coloured else text

    def printable(self, text: str) -> str:
        r"""*text* that others wrote, without what would move the cursor, turn the writing round or ring; its colours stay on a terminal.

        >>> import sys
        >>> Terminal(out=sys.stdout, err=sys.stderr, input=sys.stdin).printable("a\x1b[31mred\x07\x1b]0;title")
        'ared\\x07\\x1b]0;title'
        """

        def shown(match: re.Match[str]) -> str:
            if match["colour"]:
                return match[0] if self.is_coloured else ""
            return match[0].encode("unicode_escape").decode()

        return _UNPRINTABLE.sub(shown, text)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Send what programs write to standard output to standard error meanwhile, so that ours stays one object."""
        try:
            own, other = self.out.fileno(), self.err.fileno()
        except (OSError, ValueError):
            yield
            return
        self.flush()
        kept = os.dup(own)
        try:
            os.dup2(other, own)
            yield
        finally:
            os.dup2(kept, own)
            os.close(kept)


def _written(stream: TextIO, text: str) -> None:
    with suppress(OSError, ValueError):
        stream.write(text)
        stream.flush()


def _unwritten(error: OSError) -> Exception:
    if error.errno in {errno.EPIPE, errno.EIO}:
        return BrokenPipeError(error.errno, os.strerror(error.errno))
    return HostError(f"cannot write the answer: {os.strerror(error.errno or 0).lower()}")


def of_process(environ: Mapping[str, str]) -> Terminal:
    """This process's own streams, also where one was closed; colours as https://no-color.org asks for."""
    out, err, input_ = _stream(sys.stdout, "w"), _stream(sys.stderr, "w"), _stream(sys.stdin, "r")
    is_terminal = out.isatty() and environ.get("TERM") != "dumb"
    return Terminal(
        out=out,
        err=err,
        input=input_,
        is_live=is_terminal,
        is_interactive=input_.isatty() and out.isatty(),
        is_coloured=is_terminal and not environ.get("NO_COLOR"),
    )


def _stream(stream: TextIO | None, mode: str) -> TextIO:
    if stream is None:
        return io.TextIOWrapper(io.FileIO(os.devnull, mode))
    if isinstance(stream, io.TextIOWrapper) and mode == "w":
        stream.reconfigure(errors="backslashreplace")
    return stream
