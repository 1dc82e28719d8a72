"""What is shipped: wheel, source distribution, lock files, and the reason for each dependency."""

import importlib.metadata
import re
import stat
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import pvdify

PROJECT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "install/host.lock", "install/build.lock")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the source distribution of this checkout."""
    return built(PROJECT, into=tmp_path_factory.mktemp("dist"))


def built(checkout: Path, *, into: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(into)],
        cwd=checkout,
        check=True,
        capture_output=True,
    )
    return into


def wheel_names(dist: Path) -> set[str]:
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def shipped_data() -> set[str]:
    return {
        f"pvdify/{folder}/{file.relative_to(PROJECT / folder)}"
        for folder in ("templates", "units")
        for file in (PROJECT / folder).rglob("*")
        if file.is_file()
    }


def test_the_wheel_carries_templates_and_units(dist: Path) -> None:
    data = shipped_data()

    assert "pvdify/units/system/pvdify-router.service" in data
    assert data - wheel_names(dist) == set()


def test_a_wheel_from_the_source_distribution_is_the_wheel(dist: Path, tmp_path: Path) -> None:
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()

    assert wheel_names(dist) == wheel_names(built(unpacked, into=tmp_path / "again"))


def test_an_unpacked_source_distribution_can_install(dist: Path) -> None:
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        modes = {name.partition("/")[2]: archive.getmember(name).mode for name in archive.getnames()}

    assert {"Makefile", "LICENSE", "requirements.lock", "install/host.lock"} <= set(modes)
    assert modes["install/host"] & stat.S_IXUSR


def test_the_version_is_the_same_everywhere(dist: Path) -> None:
    assert pvdify.__version__ == importlib.metadata.version("pvdify")
    assert f"pvdify-{pvdify.__version__}.dist-info/METADATA" in wheel_names(dist)
    assert f"## [{pvdify.__version__}]" in changelog() or "## [Unreleased]" in changelog()


def changelog() -> str:
    return (PROJECT / "CHANGELOG.md").read_text()


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes of each package in the lock file *name*."""
    blocks = re.split(r"^(?=[a-z0-9])", (PROJECT / name).read_text(), flags=re.MULTILINE)
    found = {}
    for block in filter(None, blocks):
        package, version = re.match(r"([a-z0-9.-]+)==([^ ;\\]+)", block).groups()  # type: ignore[union-attr] # a lock line has no other form
        found[package] = (version, frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})\b", block)))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_address(name: str) -> None:
    assert all(hashes for _, hashes in locked(name).values())
    assert re.findall(r"://|@ |--(?:extra-)?index-url|--find-links", (PROJECT / name).read_text()) == []


@pytest.mark.parametrize("name", LOCKS[1:])
def test_all_locks_agree(name: str) -> None:
    assert locked(name).items() <= locked("requirements.lock").items()


def declared() -> dict[str, list[Requirement]]:
    with (PROJECT / "pyproject.toml").open("rb") as file:
        whole = tomllib.load(file)
    groups = {
        "": whole["project"]["dependencies"],
        **whole["project"]["optional-dependencies"],
        **whole["dependency-groups"],
    }
    return {name: [Requirement(line) for line in lines] for name, lines in groups.items()}


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("requirements.lock", ("", "host", "keyring", "dev", "build")),
        ("install/host.lock", ("", "host")),
        ("install/build.lock", ("build",)),
    ],
)
def test_a_lock_has_what_pyproject_asks_for(name: str, groups: tuple[str, ...]) -> None:
    versions = {package: version for package, (version, _) in locked(name).items()}

    for requirement in (each for group in groups for each in declared()[group]):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_why_md_gives_the_reason_for_each_dependency_and_for_nothing_else() -> None:
    asked = {requirement.name for each in declared().values() for requirement in each}

    table = (PROJECT / "docs/why.md").read_text().partition("## Dependencies")[2]

    assert asked == set(re.findall(r"^\| `([a-z0-9-]+)` \|", table, flags=re.MULTILINE))
