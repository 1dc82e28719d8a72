"""The cache of the testbed: one directory per layer, made whole or not at all.

A layer is built under a temporary name while its lock is held, and renamed when it is complete. Who
uses a layer holds its lock shared, so that a build of newer ones removes only what nobody uses.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# A root is 1 GB; of the others there may be several in use by turns.
_KEPT_ROOTS = 2
_KEPT = 6


def folder() -> Path:
    """Return the cache's directory: ``PVDIFY_BED_CACHE``, else one of the user's own."""
    if chosen := os.environ.get("PVDIFY_BED_CACHE"):
        return Path(chosen).resolve()
    user = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return (Path(user).expanduser() / "pvdify").resolve()


def say(line: str) -> None:
    """Tell the person at the terminal what takes the time."""
    print(f"bed: {line}", file=sys.stderr, flush=True)


def digest(*parts: bytes) -> str:
    """Return a short hash that tells *parts*, with these borders, from all others."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8))
        whole.update(part)
    return whole.hexdigest()[:12]


def tree_digest(top: Path) -> str:
    """Return the hash of the names, modes and contents of all files below *top*."""
    parts: list[bytes] = []
    for path in sorted(top.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            parts += [os.fsencode(path.relative_to(top)), path.read_bytes()]
            parts.append(b"x" if os.access(path, os.X_OK) else b"-")
    return digest(*parts)


@dataclass(frozen=True, slots=True)
class Layer:
    """A complete directory of the cache, held against removal while this process lives."""

    path: Path
    lock: int

    @property
    def name(self) -> str:
        return self.path.name


_held: dict[Path, Layer] = {}


def layer(kind: str, key: str, build: Callable[[Path, int], None]) -> Layer:
    """Return the layer *kind*-*key*; ``build(directory, lock)`` fills it where it is not there yet.

    The lock's descriptor is for the programs that a build starts: it stays held until the last of
    them is gone.
    """
    path = folder() / f"{kind}-{key}"
    if path in _held and path.is_dir():
        return _held[path]
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not path.is_dir():
            _build(path, lock, build)
            remove_old(kind)
        os.utime(path)
    except BaseException:
        os.close(lock)  # or the next try would wait for this one for ever
        raise
    _held[path] = Layer(path, lock)
    return _held[path]


def _build(path: Path, lock: int, build: Callable[[Path, int], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"waiting for another build of {path.name}")
        fcntl.flock(lock, fcntl.LOCK_EX)
    if not path.is_dir():
        started = time.monotonic()
        partial = path.with_name(f"{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        build(partial, lock)
        partial.rename(path)
        say(f"built {path.name} in {time.monotonic() - started:.1f} s")
    fcntl.flock(lock, fcntl.LOCK_SH)


def remove_old(kind: str) -> None:
    """Remove the layers of *kind* that nobody uses, but for the few that were used last."""
    kept = _KEPT_ROOTS if kind == "bed" else _KEPT
    found = [path for path in folder().glob(f"{kind}-*") if path.is_dir()]
    for path in _oldest_first(path for path in found if path.suffix != ".partial")[:-kept]:
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)


def _oldest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime)
