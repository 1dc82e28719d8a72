"""age, for streams. Keys go through a pipe: never an argument, never a file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pvdify.adapters.plumbing import through
from pvdify.errors import BackupError, KeyMissingError, ProgramMissingError, SecretsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.adapters.plumbing import Ended
    from pvdify.ports.secrets import Feed, Take

_NO_KEY: Final = "no identity matched"


class Age:
    """`Lockbox` of this machine."""

    async def lock(self, feed: Feed, take: Take, *, recipients: tuple[str, ...]) -> None:
        whom = (word for one in recipients for word in ("--recipient", one))
        done = await _age("--encrypt", *whom, feed=feed, take=take)
        if done.returncode:
            raise SecretsError(f"cannot encrypt with age: {_words(done)}")

    async def unlock(self, feed: Feed, take: Take, *, what: str, keys: tuple[str, ...]) -> None:
        with _readable("".join(f"{key}\n" for key in keys).encode()) as descriptor:
            argv = ("--decrypt", "--identity", f"/dev/fd/{descriptor}")
            done = await _age(*argv, feed=feed, take=take, lent=(descriptor,))
        if _NO_KEY in done.stderr:
            raise KeyMissingError(
                f"cannot open {what}: it was encrypted for other keys than this one",
                hint="name the file with the right one: `--identity KEYFILE`",
            )
        if done.returncode:
            raise BackupError(what, f"it is damaged, or not encrypted with age ({_words(done)})")


async def _age(*argv: str, feed: Feed, take: Take, lent: tuple[int, ...] = ()) -> Ended:
    try:
        return await through("age", *argv, feed=feed, take=take, lent=lent)
    except ProgramMissingError as error:
        error.hint = "install the package age"
        raise


@contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """A descriptor that *data* can be read from once; it is short enough for a pipe to hold."""
    reads, writes = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            os.set_blocking(writes, False)
            os.write(writes, data)
        finally:
            os.close(writes)
        yield reads
    finally:
        os.close(reads)


def _words(done: Ended) -> str:
    """What age says of its failure, without where to report that."""
    lines = [line.strip() for line in done.stderr.splitlines() if "error: " in line]
    return " ".join(lines[:1]).removeprefix("age: error: ")[:300] or f"exit status {done.returncode}"
