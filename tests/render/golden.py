"""Golden trees: files under tests/golden/ that are what pvdify writes, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from syrupy.data import SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

if TYPE_CHECKING:
    from syrupy.location import PyTestLocation
    from syrupy.types import SnapshotIndex

GOLDEN: Final = Path(__file__).parents[1] / "golden"


class GoldenFile(SingleFileSnapshotExtension):
    """Keep the snapshot named `<scenario>/<path>` at exactly that path."""

    _write_mode = WriteMode.TEXT
    file_extension = ""

    @classmethod
    def get_location(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        return str(GOLDEN / str(index))

    @classmethod
    def matches_test_location(cls, *, test_location: PyTestLocation, snapshot_location: str) -> bool:
        return True

    def discover_snapshots(self, **_: object) -> SnapshotCollections:
        """Find none: which files nobody writes any more, a test of the whole tree knows better."""
        return SnapshotCollections()


def committed(folder: str) -> set[str]:
    """List the files that are kept below *folder*."""
    root = GOLDEN / folder
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}
