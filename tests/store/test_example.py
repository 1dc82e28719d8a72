"""The example in `state/` is what pvdify really writes: `pytest --snapshot-update tests/store/test_example.py` writes it anew."""

import re
import shutil
from pathlib import Path

import pytest

from tests.store.readme import HOME, unexplained
from tests.store.story import told

EXAMPLE = HOME / "example"
NOT_SHOWN = re.compile(r"reserve/.*|secrets/age\.key")


def tree_of(directory: Path) -> dict[str, str]:
    """Every file with its text, every link with its target; a folder that is a link is not entered."""
    tree = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            tree[name] = f"-> {path.readlink()}"
        elif path.is_file() and not NOT_SHOWN.fullmatch(name):
            tree[name] = path.read_text()
    return tree


def test_the_example_is_a_real_state_directory(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    told(tmp_path / "state")
    real = tree_of(tmp_path / "state")

    if request.config.getoption("update_snapshots"):
        shutil.rmtree(EXAMPLE, ignore_errors=True)
        for name, text in real.items():
            (EXAMPLE / name).parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                (EXAMPLE / name).symlink_to(text.removeprefix("-> "))
            else:
                (EXAMPLE / name).write_text(text)

    assert real == tree_of(EXAMPLE)


def test_every_place_in_a_state_directory_is_explained(tmp_path: Path) -> None:
    state = told(tmp_path / "state")

    paths = [
        str(path.relative_to(state.settings.state)) for path in state.settings.state.rglob("*") if not path.is_dir()
    ]
    assert [] == unexplained(paths)
