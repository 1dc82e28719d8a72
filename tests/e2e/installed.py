"""Beds with pvdify on them, installed as an operator would."""

import functools
import shutil
from pathlib import Path

from tests.e2e.bed import Bed, cache, prepared
from tests.e2e.bed.prepared import Prepared

CHECKOUT = "/opt/pvdify-source"

_PROJECT = Path(__file__).parents[2]
# what `make install` reads, and nothing else: an edit elsewhere installs nothing anew
_SHIPPED = (
    *("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml", "requirements.lock"),
    *("install", "pvdify", "templates", "units"),
)


def installed(directory: Path | None = None) -> Bed:
    """Make a bed, off, with pvdify installed and no app on it; installing is done once for each state of the sources."""
    return _installed()(directory)


@functools.cache
def _installed() -> Prepared:
    """Return what makes such a bed, the same one for the life of this process."""
    parts = [_PROJECT / name for name in _SHIPPED]
    key = cache.digest(
        *(part.read_bytes() for part in parts if part.is_file()),
        *(cache.tree_digest(part).encode() for part in parts if part.is_dir()),
    )
    return prepared(key, _install)


def check_out(bed: Bed) -> None:
    """Put the project's files at `CHECKOUT`."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in _SHIPPED:
        source, target = _PROJECT / name, bed.path(f"{CHECKOUT}/{name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)


def make(bed: Bed, *words: str) -> str:
    """Type ``make`` in the project, offline; return what it says."""
    return bed.run("make", "-C", CHECKOUT, *words, "WHEELS=/opt/wheelhouse", timeout=300).stdout


def _install(bed: Bed) -> None:
    check_out(bed)
    make(bed, "install")
