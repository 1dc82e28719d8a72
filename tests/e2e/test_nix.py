"""What nix/ has is Nix."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bed import Bed

NIX = Path(__file__).parents[2] / "nix"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with Bed.create() as bed:
        yield bed.boot()


@pytest.mark.parametrize("file", sorted(NIX.glob("*.nix")), ids=lambda file: file.name)
def test_nix_accepts(file: Path, bed: Bed) -> None:
    bed.run("nix-instantiate", "--parse", "-", input=file.read_text())
