"""What an operator writes arrives in the process as it is, whatever it contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import pytest

from pvdify.model.manifest import IDS_FIRST, INSTANCE_FIRST, AppRow, InstanceRow
from pvdify.model.names import WEB
from pvdify.model.place import Place
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Environment
from pvdify.render.tree import environment_of, instance_artefact
from tests.e2e import sample
from tests.e2e.awkward import FRAGMENTS, drawn
from tests.e2e.bed import Bed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

K = TypeVar("K")

VALUES = 2000
UNITS = 20
PLACE = Place()
PODMAN = ("podman", "--root", f"{PLACE.state}/storage", "--runroot", f"{PLACE.run}/containers", "--transient-store")
COMMAND = ("/app", "web")


@pytest.fixture(scope="module")
def host() -> Iterator[Bed]:
    """A booted bed that reads Quadlet files from the place where pvdify's are."""
    with Bed.create() as bed:
        bed.boot()
        bed.path(f"{PLACE.state}/quadlet").mkdir()
        bed.path("/etc/containers/systemd").mkdir(exist_ok=True)
        bed.path("/etc/containers/systemd/pvdify").symlink_to(f"{PLACE.state}/quadlet")
        yield bed


def test_values_reach_argv_and_environment_unchanged(host: Bed) -> None:
    values = [*FRAGMENTS, *drawn(VALUES - len(FRAGMENTS))]
    image = sample.push(host, "127.0.0.1:5000/sample:v1")
    host.run(*PODMAN, "pull", "--quiet", image)
    releases = [_release(number, image, values[number - 1 :: UNITS]) for number in range(1, UNITS + 1)]

    for release in releases:
        _write_unit(host, release)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", *(_row(release).instance(release.app).unit for release in releases))

    assert len(values) == VALUES == sum(_values_in(release) for release in releases)
    for release in releases:
        row = _row(release)
        assert [] == _differences(dict(enumerate(release.processes[WEB].command)), _argv(host, row.port))
        assert [] == _differences(environment_of(release, row.instance(release.app)), _env(host, row.port))


def _differences(expected: Mapping[K, str], found: Mapping[K, str]) -> list[str]:
    """Say which values are not what they should be, and show the places where they begin to differ."""
    said = []
    for key, value in expected.items():
        other = found.get(key, "")
        if value != other:
            same = next((at for at, (one, two) in enumerate(zip(value, other, strict=False)) if one != two), len(other))
            part = slice(max(0, same - 10), same + 20)
            said.append(f"{key}, around character {same}: {value[part]!r} arrived as {other[part]!r}")
    return said


def _release(version: int, image: str, values: list[str]) -> Release:
    half = len(values) // 2
    return Release(
        app="values",
        version=version,
        image=image,
        source=image,
        processes={WEB: ReleaseProcess(command=(*COMMAND, *values[:half]))},
        env={f"VALUE_{number}": value for number, value in enumerate(values[half:])},
    )


def _values_in(release: Release) -> int:
    return len(release.processes[WEB].command) - len(COMMAND) + len(release.env)


def _row(release: Release) -> InstanceRow:
    return InstanceRow(release=release.version, process=WEB, ordinal=1, port=INSTANCE_FIRST + release.version)


def _write_unit(host: Bed, release: Release) -> None:
    app = AppRow(name=release.app, environment=Environment.PRODUCTION, front=3000, ids=IDS_FIRST, created_at="")
    artefact = instance_artefact(release, app, _row(release), PLACE)
    host.path(f"{PLACE.state}/{artefact.path}").write_text(artefact.text, newline="")


def _argv(host: Bed, port: int) -> dict[int, str]:
    return dict(enumerate(msgspec.json.decode(_asked(host, port, "argv"), type=list[str])))


def _env(host: Bed, port: int) -> dict[str, str]:
    return msgspec.json.decode(_asked(host, port, "env"), type=dict[str, str])


def _asked(host: Bed, port: int, what: str) -> str:
    """Ask an instance what it was started with; conmon takes connections a moment before the program does."""
    patience = ("--retry", "20", "--retry-delay", "1", "--retry-all-errors")
    return host.run("curl", "-sS", "--fail", *patience, f"http://127.0.0.1:{port}/{what}").stdout
