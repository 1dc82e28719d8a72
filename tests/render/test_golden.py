from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.render.golden import GOLDEN, committed
from tests.render.world import SCENARIOS, load, rows_text, tree

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

ROWS = "apps.json"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_the_rendered_tree_is_the_committed_tree(scenario: Path, golden: SnapshotAssertion) -> None:
    world = load(scenario)

    files = {file.path: file.text for file in tree(world)} | {ROWS: rows_text(world)}

    for path, text in sorted(files.items()):
        assert text == golden(name=f"{scenario.stem}/{path}")
    assert set() == committed(scenario.stem) - files.keys(), "delete these golden files"


def test_every_golden_tree_has_its_scenario() -> None:
    trees = {file.parent.parent.name for file in GOLDEN.glob("*/haproxy/haproxy.cfg")}

    assert {scenario.stem for scenario in SCENARIOS} == trees
