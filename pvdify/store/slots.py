"""Slots: what is declared of each app, in a file that belongs to the operator as much as to pvdify."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import AppNotFoundError, SpecError
from pvdify.model.manifest import SlotStamp
from pvdify.model.names import app_name
from pvdify.model.parse import from_toml
from pvdify.model.slot import Slot
from pvdify.store.files import PRIVATE, make_directory, read_at, replace, sync_directory, told
from pvdify.store.layout import GONE, put_away, remove_tree
from pvdify.store.locks import is_same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pvdify.model.manifest import AppRow
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve


class Slots:
    """Every `slot.toml`."""

    def __init__(self, settings: Settings, reserve: Reserve) -> None:
        self._settings = settings
        self._reserve = reserve

    def names(self) -> tuple[str, ...]:
        """Apps with a slot."""
        with told(f"read {self._settings.apps}"):
            try:
                names = [path.name for path in self._settings.apps.iterdir()]
            except FileNotFoundError:
                return ()
        return tuple(sorted(name for name in names if not name.startswith(GONE) and self.has(name)))

    def has(self, app: str) -> bool:
        """Whether *app* is declared."""
        return self._settings.slot(app).is_file()

    def text(self, app: str) -> bytes:
        """The file as it is."""
        return self._found(app)[0]

    def read(self, app: str) -> Slot:
        """The file, parsed; its name must be the directory's."""
        return self._parsed(app, self.text(app))

    def stamp(self, app: str) -> SlotStamp:
        """How the file can be told from a later one."""
        text, status = self._found(app)
        return _stamp(text, status)

    def is_edited(self, row: AppRow) -> bool:
        """Whether size or time, and then the bytes, are others than the row's."""
        if row.slot is None:
            return False
        try:
            status = self._settings.slot(row.name).stat()
            if (status.st_size, status.st_mtime_ns) == (row.slot.size, row.slot.mtime_ns):
                return False
            return self.stamp(row.name).sha256 != row.slot.sha256
        except (FileNotFoundError, AppNotFoundError):
            return True

    def write(self, slot: Slot) -> SlotStamp:
        """Declare *slot* in what the operator made of the file."""
        app = app_name(slot.name)
        path = self._settings.slot(app)
        with told(f"write {path}"), self._alone(app):
            old = path.read_bytes() if path.exists() else None
            if old is not None and self._parsed(app, old) == slot:
                return self.stamp(app)
            return self._replace(app, slot, old)

    def redeclare(self, slot: Slot) -> SlotStamp:
        """Declare *slot*; the file that did so until now stays beside it, the very same."""
        app = app_name(slot.name)
        path, before = self._settings.slot(app), self._settings.slot_before(app)
        with told(f"write {path}"), self._alone(app):
            old = self.text(app)
            before.unlink(missing_ok=True)
            self._reserve.spend(lambda: os.link(path, before))
            sync_directory(path.parent)
            try:
                return self._replace(app, slot, old)
            except BaseException:
                before.unlink()
                raise

    def undeclare(self, app: str, written: str | None) -> bool:
        """Put the file from before back, unless the one that is there is not the one that was written."""
        path, before = self._settings.slot(app), self._settings.slot_before(app)
        if not before.exists():
            return False
        with told(f"write {path}"), self._alone(app):
            if written is not None and self.has(app) and self.stamp(app).sha256 != written:
                before.unlink()
                return False
            before.rename(path)
            sync_directory(path.parent)
        return True

    def confirm(self, app: str) -> None:
        """Remove the file from before."""
        before = self._settings.slot_before(app)
        with told(f"write {self._settings.slot(app)}"):
            if before.exists():
                before.unlink()
                sync_directory(before.parent)  # or it would be taken for that of a later operation

    def write_counts(self, app: str, counts: Mapping[str, int]) -> SlotStamp:
        """Declare other counts of the processes that are declared."""
        with told(f"write {self._settings.slot(app)}"):
            if not self.has(app):
                raise AppNotFoundError(app)
            with self._alone(app):
                old = self.text(app)
                slot = self._parsed(app, old)
                processes = {
                    name: msgspec.structs.replace(process, count=counts.get(name, process.count))
                    for name, process in slot.processes.items()
                }
                if processes == slot.processes:
                    return self.stamp(app)
                return self._replace(app, msgspec.structs.replace(slot, processes=processes), old)

    def remove(self, app: str) -> None:
        """Take the app's directory out of sight, then away."""
        with told(f"remove {self._settings.app(app)}"):
            away = put_away(self._settings.app(app_name(app)))
            if away is not None:
                sync_directory(self._settings.apps)
                remove_tree(away)

    def _replace(self, app: str, slot: Slot, old: bytes | None) -> SlotStamp:
        from pvdify.store.slot_text import merged, new_text

        text = new_text(slot) if old is None else merged(old, slot)
        written = self._parsed(app, text)
        if written != slot:
            path = self._settings.slot(app)
            raise SpecError(
                f"cannot change {path}: it is written in a way that hides what is declared", hint=f"edit {path}"
            )
        self._reserve.spend(lambda: replace(self._settings.slot(app), text, PRIVATE))
        return self.stamp(app)

    def _found(self, app: str) -> tuple[bytes, os.stat_result]:
        path = self._settings.slot(app)
        with told(f"read {path}"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise AppNotFoundError(app) from error
            try:
                return read_at(descriptor), os.fstat(descriptor)
            finally:
                os.close(descriptor)

    def _parsed(self, app: str, text: bytes) -> Slot:
        path = str(self._settings.slot(app))
        slot = from_toml(text, Slot, what=path)
        if slot.name != app:
            message = f"cannot read {path}: it says name = {slot.name!r}"
            raise SpecError(message, pointer="/name", hint=f"the directory's name is the app's: write name = {app!r}")
        return slot

    @contextmanager
    def _alone(self, app: str) -> Iterator[None]:
        """Keep other writers of this slot out for the moment; it is not the app's lock, which some of them hold and some do not."""
        path = self._settings.app(app)
        while True:
            make_directory(path, 0o755)
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if is_same(descriptor, path):
                break
            os.close(descriptor)
        try:
            yield
        finally:
            os.close(descriptor)


def _stamp(text: bytes, status: os.stat_result) -> SlotStamp:
    return SlotStamp(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256(text).hexdigest())
