"""What every end-to-end test may ask for. Who reboots a bed or cuts its power takes one of its own."""

from collections.abc import Iterator

import pytest

from tests.e2e.bed import Bed, layers
from tests.e2e.installed import installed


@pytest.fixture(scope="session")
def bed_base() -> layers.Base:
    """Make what all beds stand on, before the first one's time counts."""
    return layers.base()


@pytest.fixture(scope="module")
def bed(bed_base: layers.Base) -> Iterator[Bed]:
    """A booted bed with pvdify installed and no app on it, for one test module."""
    with installed() as bed:
        yield bed.boot()


@pytest.fixture(scope="module")
def bare(bed_base: layers.Base) -> Iterator[Bed]:
    """A booted bed without pvdify, for one test module."""
    with Bed.create() as bed:
        yield bed.boot()


@pytest.fixture
def fresh(bed_base: layers.Base) -> Iterator[Bed]:
    """A booted bed without pvdify, for one test."""
    with Bed.create() as bed:
        yield bed.boot()
