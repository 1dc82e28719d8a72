"""The example in `state/` is what pvdify really writes: `pytest --snapshot-update tests/store/test_example.py` writes it anew."""

import re
import shutil
from pathlib import Path

import pytest

from tests.store.story import told

HOME = Path(__file__).parents[2] / "state"
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

    explained = re.findall(r"^\| `([^`]*)` ", (HOME / "README.md").read_text(), flags=re.MULTILINE)
    patterns = [re.compile(re.sub(r"<[a-z-]+>", "[^/]+", re.escape(one).replace(r"\<", "<"))) for one in explained]

    known = [
        re.compile(f"{pattern.pattern.rstrip('/')}(/.*)?" if one.endswith("/") else pattern.pattern)
        for one, pattern in zip(explained, patterns, strict=True)
    ]
    paths = [
        str(path.relative_to(state.settings.state)) for path in state.settings.state.rglob("*") if not path.is_dir()
    ]
    assert [path for path in paths if not any(one.fullmatch(path) for one in known)] == []
