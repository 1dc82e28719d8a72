"""The host's age key, and who else reads what is kept encrypted."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import KeyMissingError, SpecError, StateError
from pvdify.model.parse import from_toml
from pvdify.model.vault import VaultSettings, keys_of, readers_of
from pvdify.store.files import PRIVATE, make_directory, replace, told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pvdify.model.vault import AgeKey, Readers
    from pvdify.store.locks import Lock, Locks
    from pvdify.store.paths import Settings

_MODE: Final = 0o400
_HEAD: Final = "# The age key of this host's pvdify. Whoever has it reads every secret that is kept here.\n"


class Vault:
    """Keys and recipients. The first key is the one that is encrypted for; another one is there only while all is encrypted again."""

    def __init__(self, settings: Settings, locks: Locks) -> None:
        self._settings = settings
        self._locks = locks

    @property
    def key_file(self) -> Path:
        """The keys, for programs that open something with them."""
        return self._settings.age_key

    def has_key(self) -> bool:
        """Whether there is a key file."""
        with told(f"look at {self.key_file}"):
            return self.key_file.exists()

    def keys(self) -> tuple[AgeKey, ...]:
        """The host's keys, newest first; raise `KeyMissingError` if there is none."""
        hint = f"bring {self.key_file} back from where you keep a copy of it"
        with told(f"read {self.key_file}"):
            try:
                keys = keys_of(self.key_file.read_text(encoding="utf-8", errors="replace"))
            except FileNotFoundError as error:
                raise KeyMissingError("cannot open what is encrypted: the host's age key is gone", hint=hint) from error
        if not keys:
            raise KeyMissingError(f"cannot open what is encrypted: {self.key_file} holds no age key", hint=hint)
        return keys

    def key_problem(self) -> str:
        """Why somebody else than root could read or change the key file; empty if nobody could."""
        with told(f"look at {self.key_file}"):
            status = self.key_file.lstat()
        if not stat.S_ISREG(status.st_mode):
            return f"{self.key_file} is no plain file"
        if status.st_uid != os.geteuid():
            return f"{self.key_file} belongs to user {status.st_uid}"
        mode = stat.S_IMODE(status.st_mode)
        return f"{self.key_file} has mode {mode:04o}, and {_MODE:04o} is right" if mode != _MODE else ""

    def write_keys(self, keys: Iterable[AgeKey]) -> None:
        """Keep *keys*, durably, in the place of those that were there."""
        with told(f"write {self.key_file}"):
            make_directory(self.key_file.parent, 0o700)
            replace(self.key_file, (_HEAD + "".join(key.text() for key in keys)).encode(), _MODE)

    def settings(self) -> VaultSettings:
        """Who else reads, and how it is sealed."""
        path = self._settings.secrets_settings
        with told(f"read {path}"):
            try:
                text = path.read_bytes()
            except FileNotFoundError:
                return VaultSettings()
        try:
            return from_toml(text, VaultSettings, what=str(path))
        except SpecError as error:
            raise StateError(error.message, hint=f"put it right in {path}") from error

    def write_settings(self, settings: VaultSettings) -> None:
        """Keep *settings*, durably."""
        path = self._settings.secrets_settings
        with told(f"write {path}"):
            make_directory(path.parent, 0o700)
            replace(path, msgspec.toml.encode(settings), PRIVATE)

    def readers(self) -> Readers:
        """Who reads what is kept encrypted. The keys are read first: whoever takes one away has written the settings before."""
        keys = self.keys()
        return readers_of(keys, self.settings())

    def write_tunnel(self, sealed: bytes) -> None:
        """Keep the sealed credentials of the tunnel where its unit looks for them, durably."""
        path = self._settings.tunnel_credentials
        with told(f"write {path}"):
            make_directory(path.parent, 0o700)
            replace(path, sealed, PRIVATE)

    def remove_tunnel(self) -> None:
        """Forget the sealed credentials; none is fine."""
        path = self._settings.tunnel_credentials
        with told(f"remove {path}"):
            path.unlink(missing_ok=True)

    def recipients(self) -> tuple[str, ...]:
        """Whom all is encrypted for: the host, and whoever was added."""
        return self.readers().wanted

    def finish(self) -> None:
        """Let go of every key but the first, and of whoever leaves; the caller has the lock on keys, and all files are for the right ones."""
        keys, settings = self.keys(), self.settings()
        if settings.unfinished or settings.leaving:
            self.write_settings(msgspec.structs.replace(settings, leaving=(), unfinished=False))
        if len(keys) > 1:
            self.write_keys(keys[:1])

    def take(self, holder: str) -> Lock:
        """Take the lock of whoever encrypts or seals everything again, or say at once who has it."""
        return self._locks.take(self._settings.secrets_change_lock, holder, what="the secrets")

    def take_edge(self, holder: str) -> Lock:
        """Take the lock of whoever has another edge, and gives its tunnel credentials, or say at once who has it."""
        return self._locks.take(self._settings.edge_change_lock, holder, what="the edge")

    def is_taken(self) -> bool:
        """Whether somebody encrypts or seals everything again right now."""
        return self._locks.is_held(self._settings.secrets_change_lock)

    def try_share(self) -> Lock | None:
        """A share of the lock on keys: as long as anybody has one, no key is taken away."""
        return self._locks.try_share(self._settings.secrets_lock)

    def try_host(self) -> Lock | None:
        """The lock on the host's own secrets, to change one; None while somebody else does."""
        return self._locks.try_lock(self._settings.host_secrets_lock)

    def try_host_share(self) -> Lock | None:
        """A share of that lock, to read them: as long as anybody has one, none changes."""
        return self._locks.try_share(self._settings.host_secrets_lock)

    def try_alone(self) -> Lock | None:
        """The lock on keys, to take one away; None while somebody encrypts or decrypts."""
        return self._locks.try_lock(self._settings.secrets_lock)
