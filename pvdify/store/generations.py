"""Generations: numbered trees that never change, and the link that says which one is in force.

Publishing: the tree and its manifest are written under another name and synced, then named, then the link is moved, and each of
these is safe before the next begins. Whoever reads `current` so finds all of the old or all of the new, also after a power cut
at any instant; and what was acknowledged stays.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from pvdify.errors import CorruptGenerationError, GenerationNotFoundError, NotFoundError, StateError, StateMissingError
from pvdify.model.manifest import Manifest
from pvdify.store import tree
from pvdify.store.files import PUBLIC, make_directory, sync_directory, told, write_new
from pvdify.store.layout import GONE, put_away, remove_tree
from pvdify.store.link import NEW, Link, numbers, rescue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pvdify.store.locks import Locks
    from pvdify.store.paths import Settings
    from pvdify.store.reserve import Reserve

_MADE: Final = ".tmp-"
_DECODER: Final = msgspec.json.Decoder(Manifest)


@dataclass(frozen=True, slots=True)
class Staged:
    """A candidate: *path* holds its whole tree, for validators to read; nothing is in force yet."""

    path: Path
    manifest: Manifest

    @property
    def number(self) -> int:
        """The number that it will have."""
        return self.manifest.number


class Generations:
    """The directory `generations/` and the link `current`."""

    def __init__(self, settings: Settings, reserve: Reserve, locks: Locks) -> None:
        self._settings = settings
        self._reserve = reserve
        self._locks = locks
        self._link = Link(settings, reserve)
        self._known: tuple[tuple[int, int, int], Manifest] | None = None

    # what is there

    def has_current(self) -> bool:
        """Whether the link is there; its loss is not taken for a new host."""
        if self._link.number() is not None:
            return True
        lost = [number for number in self.numbers() if self.manifest(number).parent is not None]
        if lost:
            raise StateError(f"cannot find {self._settings.current}: the link is lost", hint=rescue(self._settings))
        return False

    def current(self) -> Manifest:
        """The manifest in force, read again only when the link or the file behind it is another one."""
        number = self._link.number()
        if number is None:
            self.has_current()
            message = f"cannot read {self._settings.current}: there is no generation yet"
            raise StateMissingError(message, hint="make the first one with `pvdify init`")
        path = self._settings.generation(number) / tree.MANIFEST
        with told(f"read {path}"):
            try:
                status = path.stat()
            except FileNotFoundError as error:
                raise self._corrupt(number, "it is not there") from error
        key = (number, status.st_ino, status.st_mtime_ns)
        known = self._known
        if known is None or known[0] != key:
            known = (key, self.manifest(number))
            self._known = known
        return known[1]

    def manifest(self, number: int) -> Manifest:
        """The manifest of one generation."""
        path = self._settings.generation(number) / tree.MANIFEST
        with told(f"read {path}"):
            try:
                text = path.read_bytes()
            except FileNotFoundError as error:
                if path.parent.is_dir():
                    raise self._corrupt(number, "it is not there") from error
                raise GenerationNotFoundError(number) from error
        try:
            manifest = _DECODER.decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._corrupt(number, str(error)) from error
        if manifest.number != number:
            raise self._corrupt(number, f"it is that of generation {manifest.number}")
        return manifest

    def numbers(self) -> tuple[int, ...]:
        """Every generation, newest first."""
        return numbers(self._settings)

    def artefact(self, number: int, path: str) -> str:
        """The text of one file, if it is still what the manifest says."""
        hash_ = self.manifest(number).files.get(path)
        if hash_ is None:
            raise NotFoundError(
                f"cannot find {path} in generation {number}", hint="list them with `pvdify generations`"
            )
        directory = self._settings.generation(number)
        with told(f"read {directory / path}"):
            data = tree.fitting(directory, path, hash_)
        if data is None:
            message = f"cannot read {directory / path}: it is not as its manifest says"
            raise CorruptGenerationError(message, hint="`pvdify apply` writes it again, in a new generation")
        return data.decode(errors="replace")

    def drift(self, number: int) -> tuple[str, ...]:
        """What is not as the manifest says."""
        files = self.manifest(number).files
        directory = self._settings.generation(number)
        with told(f"check {directory}"):
            return tree.drift(directory, files)

    # a new one

    def stage(
        self,
        *,
        parent: Manifest,
        files: Mapping[str, bytes],
        removed: Collection[str],
        heal: Callable[[str], bytes | None],
        manifest: Callable[[int, dict[str, str]], Manifest],
    ) -> Staged:
        """Write a candidate; *manifest* makes its manifest from number and hashes."""
        self._locks.need_host()
        number = max((*self.numbers(), parent.number)) + 1
        made = self._settings.generations / f"{_MADE}{number}"
        linked = {path: hash_ for path, hash_ in parent.files.items() if path not in files and path not in removed}

        def written() -> Manifest:
            remove_tree(made)
            try:
                source = self._settings.generation(parent.number)
                hashes = tree.build(made, parent=source, linked=linked, files=files, heal=heal)
                result = manifest(number, hashes)
                text = msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n"
                write_new(made / tree.MANIFEST, text, PUBLIC)
                sync_directory(made)
            except BaseException:
                remove_tree(made)
                raise
            return result

        with told(f"write generation {number}"):
            make_directory(self._settings.generations, 0o755)
            return Staged(path=made, manifest=self._reserve.spend(written))

    def commit(self, staged: Staged) -> Manifest:
        """Name it, then point `current` at it; each is safe before the next."""
        self._locks.need_host()
        before = self._link.number()
        if before == staged.number and self.current() == staged.manifest:
            return staged.manifest
        if before != staged.manifest.parent:
            raise StateError(f"cannot publish generation {staged.number}: generation {before} came in between")
        final = self._settings.generation(staged.number)
        with told(f"publish generation {staged.number}"):
            try:
                self._reserve.spend(lambda: staged.path.rename(final))
                sync_directory(self._settings.generations)
                self._link.point_at(staged.number)
            except OSError:
                self._take_back(staged)
                raise
            self._link.settle(before)
        return staged.manifest

    def settle(self) -> None:
        """Make safe what `current` says: somebody may have been killed just before that."""
        with told(f"make {self._settings.current} safe"):
            sync_directory(self._settings.state)

    def discard(self, staged: Staged) -> None:
        """Remove a candidate."""
        with told(f"remove {staged.path}"):
            remove_tree(staged.path)

    def _take_back(self, staged: Staged) -> None:
        """Unname a candidate that never was in force. Where that fails too, a whole tree more is there, and a number is lost."""
        with suppress(OSError):
            if not staged.path.exists():
                self._settings.generation(staged.number).rename(staged.path)
            remove_tree(staged.path)

    # old ones

    def collect(self, keep: Collection[int]) -> tuple[int, ...]:
        """Remove all but *keep* and the one in force."""
        self._locks.need_host()
        current = self.current().number
        old = [number for number in self.numbers() if number != current and number not in keep]
        if not old:
            return ()
        with told(f"collect in {self._settings.generations}"):
            sync_directory(self._settings.state)  # never remove what the disk may still believe to be in force
            away = [path for number in old if (path := put_away(self._settings.generation(number)))]
            sync_directory(self._settings.generations)
            for path in away:
                remove_tree(path)
        return tuple(sorted(old))

    def sweep(self) -> tuple[str, ...]:
        """Remove what was never named, or was being removed."""
        self._locks.need_host()
        settings = self._settings
        with told(f"sweep {settings.generations}"):
            trees = [path for path in settings.generations.iterdir() if path.name.startswith((_MADE, GONE))]
            links = [path for path in settings.state.iterdir() if path.name.startswith(NEW)]
            for path in trees:
                remove_tree(path)
            for path in links:
                path.unlink(missing_ok=True)
        return tuple(sorted(str(path.relative_to(settings.state)) for path in (*trees, *links)))

    def _corrupt(self, number: int, reason: str) -> CorruptGenerationError:
        path = self._settings.generation(number) / tree.MANIFEST
        return CorruptGenerationError(f"cannot read {path}: {reason}", hint=rescue(self._settings, broken=number))
