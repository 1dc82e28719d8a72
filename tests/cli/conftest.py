from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.render.golden import GoldenFile

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(GoldenFile)
