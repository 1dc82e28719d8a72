"""Beds for tests. A test that changes its bed for good (reboots, cuts the power) asks for `fresh`."""

from collections.abc import Iterator

import pytest

from tests.e2e.bed import Bed, layers


@pytest.fixture(scope="session")
def bed_base() -> layers.Base:
    """Make what all beds stand on, before the first one's time counts."""
    return layers.base()


@pytest.fixture(scope="module")
def bare(bed_base: layers.Base) -> Iterator[Bed]:
    """Share one booted bed, without pvdify, among the tests of a module."""
    with Bed.create() as bed:
        yield bed.boot()


@pytest.fixture
def fresh(bed_base: layers.Base) -> Iterator[Bed]:
    """Give one test a booted bed of its own, without pvdify."""
    with Bed.create() as bed:
        yield bed.boot()
