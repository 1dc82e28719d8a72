"""What keeps secrets: encrypted for whoever has a key, sealed for the host, and never in memory that is written elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from pvdify.model.vault import AgeKey, SealWith

Feed = Callable[["BinaryIO"], None]
"""Writes a stream, in a thread: the other end may be slow, and no more is kept than a pipe holds."""
Take = Callable[["BinaryIO"], None]
"""Reads a stream to its end, in a thread."""


class Secrets(Protocol):
    """SOPS and age: what is kept encrypted, for whoever has a key. Nothing of a document is ever in an argument or an error."""

    async def version(self) -> str:
        """SOPS's own version; raise `ProgramMissingError`, or `ProgramTooOldError` below 3.9. For age: `ProgramMissingError`."""

    async def new_key(self) -> AgeKey:
        """Make an age key."""

    async def encrypt(self, document: bytes, *, recipients: tuple[str, ...]) -> bytes:
        """The JSON object *document* as a SOPS file, with every value encrypted, for *recipients*."""

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        """The JSON object that the SOPS file *text* holds, with one of the age keys in the file *keys*.

        Raise `KeyMissingError` if none fits, and `ConfigTamperedError`, naming *what*, if it is not whole. Names without a value are not proven.
        """


class Seal(Protocol):
    """The host's own key, which systemd opens what a unit gets with: no file sealed here opens elsewhere, or under another name."""

    async def prepare(self) -> None:
        """Make the host's key, if there is none."""

    async def seal(self, name: str, data: bytes, *, key: SealWith) -> bytes:
        """*data*, sealed as the credential *name*."""

    async def unseal(self, name: str, sealed: bytes) -> bytes:
        """What was sealed as *name*; raise `NotSealedError` if this host cannot open it, or it has another name."""


class Memory(Protocol):
    """The host's memory."""

    async def open_swaps(self) -> tuple[str, ...]:
        """The swap areas that keep what they are given, and keep it in the clear: neither encrypted nor in memory themselves."""


class Lockbox(Protocol):
    """Long streams that only the holders of a key read; nothing of them is ever on the disk in the clear."""

    async def lock(self, feed: Feed, take: Take, *, recipients: tuple[str, ...]) -> None:
        """Encrypt what *feed* writes for *recipients*; *take* reads the result.

        What either of them raises comes through, and ends the other. Raise `SecretsError` where the result is not whole.
        """

    async def unlock(self, feed: Feed, take: Take, *, what: str, keys: tuple[str, ...]) -> None:
        """Decrypt what *feed* writes with one of *keys*; *take* reads what it holds, of which each piece was proven to be whole.

        Raise `KeyMissingError` if no key fits, and `BackupError`, naming *what*, if a piece is not whole or one is missing, be it the last.
        """
