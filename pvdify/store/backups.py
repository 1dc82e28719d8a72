"""What a backup is made of, and where a restore puts it."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import BackupError, StateError
from pvdify.store.audit_copy import Following, pieces_of
from pvdify.store.elsewhere import text_of_made
from pvdify.store.files import (
    PRIVATE,
    PUBLIC,
    make_directory,
    opened_new,
    replace,
    sync_all,
    sync_directory,
    told,
    words,
    write_new,
    write_whole,
)
from pvdify.store.journal import FINISHED, file_named, lines_of, read_lines
from pvdify.store.layout import GONE, put_away, read_restoring, remove_tree
from pvdify.store.releases import text_of
from pvdify.store.tree import MANIFEST as IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pvdify.model.backup import BackupIndex, Restoring
    from pvdify.model.vault import AgeKey
    from pvdify.plan.restored import Restored
    from pvdify.store.archive import Contents
    from pvdify.store.audit import Audit
    from pvdify.store.configs import Configs
    from pvdify.store.locks import Lock, Locks
    from pvdify.store.paths import Settings
    from pvdify.store.tokens import Tokens
    from pvdify.store.unpacking import Unpacking

HOST: Final = "host"
RESTORE: Final = "restore"
"""The operation that restores; its own journals are no part of what it unpacks."""
_PATTERNS: Final = (
    *("apps/*/slot.toml", "apps/*/.slot.toml.before", "apps/*/releases/*.toml", "apps/*/config/*.toml"),
    *("apps/*/pages/*.html", "apps/*/dns.json", "tunnels.json"),
    *("secrets/host/*.toml", "operations/*.jsonl"),
    *("tokens.json", "secrets/age.key", "secrets/settings.toml"),
)
"""In this order: a key that is added while configs are read must be there for them."""


class Backups:
    """The state directory, as a whole that goes elsewhere."""

    def __init__(self, settings: Settings, locks: Locks, configs: Configs, tokens: Tokens, audit: Audit) -> None:
        self._settings = settings
        self._locks = locks
        self._configs = configs
        self._tokens = tokens
        self._audit = audit

    # what goes into one

    @contextmanager
    def contents(self, index: BackupIndex, apps: Collection[str], volumes: tuple[str, ...]) -> Iterator[Contents]:
        """All that belongs to the host now, whose *apps* are those of the generation in force; of others only what is declared.

        The caller has the host lock while this begins: so long no app goes. Raise `ConfigTamperedError` where a config is not as it was
        written: a backup of that would restore nothing.
        """
        from pvdify.store.archive import Contents
        from pvdify.store.unpacking import DATA

        files = self._files(apps)
        with self.audit_copied() as (descriptor, size):
            yield Contents(
                index=index,
                files=files,
                audit_size=size,
                audit=pieces_of(descriptor, size),
                volumes={name: self._settings.volumes / name / DATA for name in volumes},
            )

    def volumes(self) -> tuple[str, ...]:
        """The volumes of apps that are there, whatever Podman knows of them: it forgets all in a boot, and keeps what is in them."""
        from pvdify.model.backup import volume_path

        with told(f"read {self._settings.volumes}"):
            try:
                names = [path.name for path in self._settings.volumes.iterdir()]
            except FileNotFoundError:
                return ()
        return tuple(sorted(name for name in names if volume_path(f"volumes/{name}")))

    def audit_copied(self) -> AbstractContextManager[tuple[int, int]]:
        """The audit as it is now, open to be read, and its size: what it has now stays so, whoever writes to it meanwhile."""
        return self._audit.copied()

    def _files(self, apps: Collection[str]) -> dict[str, bytes]:
        from pvdify.model.backup import MANIFEST, Kind, place_of

        state = self._settings.state
        found = {MANIFEST: _read(self._settings.current / IN_FORCE)}
        for path in (one for pattern in _PATTERNS for one in sorted(state.glob(pattern))):
            name = str(path.relative_to(state))
            place = place_of(name)
            if place is None or (place.kind in {Kind.RELEASE, Kind.CONFIG} and place.app not in {*apps, HOST}):
                continue
            if place.kind is Kind.CONFIG:
                meta, text = self._configs.copied(place.app, place.version)
                found |= {name: meta, f"{name.removesuffix('.toml')}.sops.json": text}
                continue
            with suppress(FileNotFoundError):  # a journal that was collected, say
                found[name] = _read(path)
        return found

    # how far a restore is

    def restoring(self) -> Restoring | None:
        """The restore that is not through yet, if there is one."""
        return read_restoring(self._settings.restoring)

    def note(self, restoring: Restoring) -> None:
        """Note how far it is, durably."""
        with told(f"write {self._settings.restoring}"):
            replace(self._settings.restoring, msgspec.json.encode(restoring) + b"\n", PRIVATE)

    def forget(self) -> None:
        """Note that it is through."""
        with told(f"write {self._settings.restoring}"):
            self._settings.restoring.unlink(missing_ok=True)
            sync_directory(self._settings.state)

    def try_alone(self) -> Lock | None:
        """The lock on restoring; None while somebody else does."""
        return self._locks.try_lock(self._settings.restore_lock)

    # where it puts what

    @contextmanager
    def keys_at_hand(self, keys: Iterable[AgeKey]) -> Iterator[Path]:
        """A file of *keys*, in memory, for as long as it takes to look at what they open; those of killed processes go."""
        path = self._settings.run / f"restore-{token_hex(8)}.key"
        with told(f"write {path}"):
            self._settings.run.mkdir(mode=0o711, exist_ok=True)
            for left in self._settings.run.glob("restore-*.key"):
                left.unlink(missing_ok=True)
            write_new(path, "".join(key.text() for key in keys).encode(), FINISHED)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def journals(self) -> tuple[str, ...]:
        """The journals that are there, by the names of their files."""
        with told(f"read {self._settings.operations}"):
            return tuple(sorted(path.name for path in self._settings.operations.iterdir()))

    def clear(self, restoring: Restoring) -> None:
        """Remove what an attempt at restoring left half done, which nothing but it can have put there."""
        settings = self._settings
        with told(f"clear {settings.state}"):
            mine = [*settings.apps.iterdir(), settings.configs(HOST)]
            mine += [settings.volumes / name for name in restoring.volumes]
            mine += settings.volumes.glob(f"{GONE}*")
            for path in mine:
                away = put_away(path)
                if away is not None:
                    remove_tree(away)
            for name in set(self.journals()) - set(restoring.journals):
                record = read_lines(settings.operations / name).record()
                if record is None or record.app or record.name != RESTORE:
                    (settings.operations / name).unlink()
            self._new_audit.unlink(missing_ok=True)
            settings.put_rules.unlink(missing_ok=True)
        if self._tokens.listed():
            self._tokens.take_over(())

    def unpacking(self) -> Unpacking:
        """Who writes volumes."""
        from pvdify.store.unpacking import Unpacking

        return Unpacking(self._settings.volumes)

    def check_journals(self, journals: Mapping[str, bytes], *, what: str) -> None:
        """Raise `BackupError` for a journal that says it is another one's."""
        for name, text in journals.items():
            file, record = file_named(name), lines_of(text).record()
            if file is None or (record is not None and (record.id, record.app) != (file.id, file.app)):
                raise BackupError(what, f"operations/{name} in it is wrong: it is not that of this operation")

    def place(self, restored: Restored, sealed: Mapping[tuple[str, int], Mapping[str, bytes]]) -> None:
        """Write all of *restored* but its keys and its manifest; *sealed* are its configs, by app and version, for this host.

        Nothing of it counts before the restore is noted to be unpacked, so all of it is made safe at once.
        """
        settings = self._settings
        files: dict[Path, tuple[bytes, int]] = {}
        for app, slots in restored.slots.items():
            files |= {settings.app(app) / name: (text, PRIVATE) for name, text in slots.items()}
        for app, releases in restored.releases.items():
            files |= {
                settings.releases(app) / f"v{one.version}.toml": (text_of(one), PRIVATE) for one in releases.values()
            }
        for app, pages in restored.pages.items():
            files |= {settings.pages(app) / f"{page.value}.html": (html, PUBLIC) for page, html in pages.items()}
        for app, made in restored.records.items():
            files[settings.made_records(app)] = (text_of_made(made), PRIVATE)
        if restored.tunnels.tunnels:
            files[settings.put_rules] = (text_of_made(restored.tunnels), PRIVATE)
        for app, configs in restored.configs.items():
            for version, kept in configs.items():
                parts = self._configs.files(app, kept.meta, text=kept.text, sealed=sealed[app, version])
                files |= {path: (data, PRIVATE) for path, data in parts.items()}
        for name, text in restored.journals.items():
            files[settings.operations / name] = _journal(text)
        with told(f"write below {settings.state}"):
            for path, (data, mode) in files.items():
                _put(path, data, mode, private=settings.secrets)
            sync_all(settings.state)
        self._tokens.take_over(restored.tokens)

    def write_audit(self, pieces: Iterator[bytes], *, what: str) -> Following:
        """Write down the audit that *pieces* are, for `adopt_audit`."""
        following = Following(what=what)
        with told(f"write {self._new_audit}"):
            self._new_audit.unlink(missing_ok=True)
            descriptor = opened_new(self._new_audit, PRIVATE)
            try:
                for piece in following.passed(pieces):
                    write_whole(descriptor, piece)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return following

    def adopt_audit(self, following: Following) -> None:
        """Go on with the audit that was written down, in place of the host's own."""
        self._audit.adopt(self._new_audit, following.head)

    @property
    def _new_audit(self) -> Path:
        return self._settings.state / ".audit.jsonl.new"


def _journal(text: bytes) -> tuple[bytes, int]:
    """The whole lines of a journal, and the mode that tells whether it has its end."""
    lines = lines_of(text)
    record = lines.record()
    return text[: lines.size], FINISHED if record is not None and record.is_over else PRIVATE


def _put(path: Path, data: bytes, mode: int, *, private: Path) -> None:
    is_secret = path.is_relative_to(private) or path.suffix == ".cred" or path.name.endswith(".sops.json")
    make_directory(path.parent, 0o700 if is_secret else 0o755)
    path.unlink(missing_ok=True)
    descriptor = opened_new(path, mode)
    try:
        write_whole(descriptor, data)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    from pvdify.model.backup import LARGEST

    try:
        # a pipe that somebody put there has no end
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StateError(
                    f"cannot read {path}: it is no plain file", hint="take it away, or put the file itself there"
                )
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise words(f"read {path}", error) from error
    if len(data) > LARGEST:
        raise StateError(f"cannot read {path}: it is larger than {LARGEST} bytes")
    return data
