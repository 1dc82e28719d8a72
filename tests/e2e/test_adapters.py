"""The contract of every role, kept by the real parts: the tests that the fakes pass, and what only a machine can show, in a bed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e import sample
from tests.e2e.installed import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

TESTS = Path(__file__).parents[1]
TRIED = "/opt/contract"
PYTHON = f"{TRIED}/venv/bin/python"
PROGRAMS = "/usr/lib/pvdify/venv/lib/python3.13/site-packages"
TRIALS = sorted(
    path.name for path in (TESTS / "adapters").iterdir() if path.name.startswith(("test_contract_", "machine_"))
)


@pytest.fixture(scope="module")
def host(bed_base: object) -> Iterator[Bed]:
    """A booted bed with pvdify, what its tests need, and the sample app in both registries."""
    with installed() as bed:
        bed.boot()
        for part in ("__init__.py", "adapters", "fakes"):
            target = bed.path(f"{TRIED}/tests/{part}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if (TESTS / part).is_dir():
                shutil.copytree(TESTS / part, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(TESTS / part, target)
        bed.path(f"{TRIED}/pytest.ini").write_text(
            "[pytest]\ntrio_mode = true\naddopts = --import-mode=importlib\nfilterwarnings = error\n"
        )
        bed.run("python3", "-m", "venv", f"{TRIED}/venv")
        wheels = ("--no-index", "--find-links", "/opt/wheelhouse")
        bed.run(PYTHON, "-m", "pip", "install", "--quiet", *wheels, "pytest", "pytest-trio", timeout=120)
        for registry in ("127.0.0.1:5000", "127.0.0.1:5001"):
            sample.push(bed, f"{registry}/sample:v1")
        yield bed


@pytest.mark.parametrize("module", TRIALS)
def test_the_real_parts_keep_the_contract(host: Bed, module: str) -> None:
    tried = host.run(
        *("sh", "-c", f'cd {TRIED} && exec {PYTHON} -m pytest -q -p no:cacheprovider "$0"', f"tests/adapters/{module}"),
        env={"PVDIFY_CONTRACT": "real", "PYTHONPATH": f"{PROGRAMS}:{TRIED}", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        timeout=180,
    )

    assert 0 == tried.returncode, tried.stdout + tried.stderr
