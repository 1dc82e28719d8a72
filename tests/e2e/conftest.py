"""What every end-to-end test may ask for."""

from collections.abc import Iterator

import pytest

from tests.e2e.bed import Bed
from tests.e2e.installed import installed


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A booted bed with pvdify installed and no app on it, for one test module."""
    with installed() as bed:
        yield bed.boot()
