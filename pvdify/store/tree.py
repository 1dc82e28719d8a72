"""The tree of one generation: written anew, linked from its parent, and compared with its manifest.

Generations share the inodes of what did not change between them. An edit in place would so spoil all of them at once:
hence every file's hash is checked before it is linked, each time.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from pvdify.errors import CorruptGenerationError, StateError
from pvdify.store.files import PUBLIC, opened_new, read_at, sync_directory, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MANIFEST: Final = "manifest.json"
FOLDERS: Final = ("quadlet", "systemd", "haproxy")
"""There in every generation: links and generators point at them."""
_AT_ONCE: Final = 128
"""Files that are open at a time while they are written and then synced: the first sync carries most of the others."""
_UNLINKABLE: Final = frozenset({errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP})


def checked_path(path: str) -> str:
    """*path*, if it stays inside a generation and cannot be taken for the manifest."""
    parts = path.split("/")
    if not parts[1:] or any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise StateError(f"cannot publish a file called {path!r}: it must be in a folder of the generation")
    return path


def build(
    directory: Path,
    *,
    parent: Path,
    linked: Mapping[str, str],
    files: Mapping[str, bytes],
    heal: Callable[[str], bytes | None],
) -> dict[str, str]:
    """Make *directory* with *files*, and with links to those of *parent* whose hashes are *linked*; answer all hashes.

    All bytes are safe when this returns, and the names inside the folders; that of *directory* itself is not.
    """
    hashes = {checked_path(path): sha256(data).hexdigest() for path, data in files.items()}
    written = dict(files)
    folders = sorted({*FOLDERS, *_folders(files), *_folders(linked)})
    directory.mkdir()
    for folder in folders:
        (directory / folder).mkdir()
    written.update(_link(parent, directory, linked, heal))
    _write(directory, written)
    for folder in folders:
        (directory / folder).chmod(0o755)
        sync_directory(directory / folder)
    directory.chmod(0o755)
    return dict(sorted({**linked, **hashes}.items()))


def drift(directory: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Paths below *directory* that do not have the hash that *files* says, are not there, or should not be."""
    changed = []
    for folder, names in _by_folder(files).items():
        with ExitStack() as stack:
            source = _entered(stack, directory / folder)
            changed += [f"{folder}/{name}" for name, hash_ in names.items() if _fitting(source, name, hash_) is None]
    extra = [path for path in _present(directory) if path not in files and path != MANIFEST]
    return tuple(sorted({*changed, *extra}))


def fitting(directory: Path, path: str, hash_: str) -> bytes | None:
    """The bytes of one file, if they have this hash."""
    folder, _, name = path.rpartition("/")
    with ExitStack() as stack:
        return _fitting(_entered(stack, directory / folder), name, hash_)


def _link(
    parent: Path, directory: Path, linked: Mapping[str, str], heal: Callable[[str], bytes | None]
) -> Iterator[tuple[str, bytes]]:
    """Link what fits its hash; answer what has to be written instead: healed files, and those that cannot be linked."""
    for folder, names in _by_folder(linked).items():
        with ExitStack() as stack:
            source = _entered(stack, parent / folder)
            target = _entered(stack, directory / folder)
            for name, hash_ in names.items():
                data = _fitting(source, name, hash_)
                if data is None:
                    yield f"{folder}/{name}", _healed(f"{folder}/{name}", hash_, heal, parent)
                    continue
                try:
                    os.link(name, name, src_dir_fd=source, dst_dir_fd=target)
                except OSError as error:
                    if error.errno not in _UNLINKABLE:
                        raise
                    yield f"{folder}/{name}", data


def _healed(path: str, hash_: str, heal: Callable[[str], bytes | None], parent: Path) -> bytes:
    data = heal(path)
    if data is None or sha256(data).hexdigest() != hash_:
        message = f"cannot publish: {parent / path} is not as its manifest says"
        raise CorruptGenerationError(
            message, hint="see what was changed with `pvdify plan`; `pvdify apply` writes it again"
        )
    return data


def _fitting(folder: int | None, name: str, hash_: str) -> bytes | None:
    if folder is None:
        return None
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENOTDIR}:
            return None
        raise
    try:
        data = read_at(descriptor)
    except IsADirectoryError:
        return None
    finally:
        os.close(descriptor)
    return data if sha256(data).hexdigest() == hash_ else None


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write *files* and sync each of them."""
    paths = sorted(files)
    for start in range(0, len(paths), _AT_ONCE):
        with ExitStack() as stack:
            descriptors = []
            for path in paths[start : start + _AT_ONCE]:
                descriptor = opened_new(directory / path, PUBLIC)
                stack.callback(os.close, descriptor)
                write_whole(descriptor, files[path])
                descriptors.append(descriptor)
            for descriptor in descriptors:
                os.fsync(descriptor)


def _entered(stack: ExitStack, path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    stack.callback(os.close, descriptor)
    return descriptor


def _folders(paths: Mapping[str, object]) -> set[str]:
    """Every folder that *paths* need, those above others included."""
    needed: set[str] = set()
    for path in paths:
        parts = path.split("/")[:-1]
        needed.update("/".join(parts[:length]) for length in range(1, len(parts) + 1))
    return needed


def _by_folder(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    folders: dict[str, dict[str, str]] = {}
    for path, hash_ in files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = hash_
    return folders


def _present(directory: Path) -> Iterator[str]:
    """Everything below *directory* that is no directory."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(directory / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    yield path
