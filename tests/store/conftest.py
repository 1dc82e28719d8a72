"""What every test of the store may ask for."""

from pathlib import Path

import pytest

from pvdify.store.state import State
from tests.store.example import files, publish, state_in


@pytest.fixture
def empty(tmp_path: Path) -> State:
    """A state directory without a generation."""
    return state_in(tmp_path)


@pytest.fixture
def state(empty: State) -> State:
    """A state directory with one generation: v1 of one app."""
    publish(empty, files(1))
    return empty
