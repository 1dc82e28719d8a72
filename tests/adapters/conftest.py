"""Who is tried: the fakes, or with PVDIFY_CONTRACT=real (in a testbed with pvdify installed) the adapters of that machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.adapters import fake_worlds
from tests.adapters.cloudflare_world import FakeCloudflareWorld, real_cloudflare
from tests.adapters.console_world import RealConsole
from tests.adapters.edge_world import MemoryEdge, RealEdge
from tests.adapters.network_world import RealNetwork
from tests.fakes.lockbox import FakeLockbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pvdify.ports.secrets import Lockbox
    from tests.adapters import worlds

IS_REAL = os.environ.get("PVDIFY_CONTRACT") == "real"


@pytest.fixture
def systemd() -> worlds.SystemdWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealSystemd

        return RealSystemd()
    return fake_worlds.Systemd()


@pytest.fixture
def quadlet(tmp_path: Path) -> worlds.QuadletWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealQuadlet

        return RealQuadlet(tmp_path)
    return fake_worlds.Quadlet(tmp_path)


@pytest.fixture
def router(tmp_path: Path) -> Iterator[worlds.RouterWorld]:
    if IS_REAL:
        from tests.adapters.real_worlds import RealRouter

        world = RealRouter()
        yield world
        world.close()
    else:
        yield fake_worlds.Router(tmp_path)


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[worlds.EdgeWorld]:
    if IS_REAL:
        world = RealEdge()
        yield world
        world.close()
    else:
        yield MemoryEdge(tmp_path)


@pytest.fixture
def podman() -> worlds.PodmanWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealPodman

        return RealPodman()
    return fake_worlds.Podman()


@pytest.fixture(params=["fake", "real"])
def network(request: pytest.FixtureRequest) -> worlds.NetworkWorld:
    """Both, anywhere: this machine has ports too."""
    return RealNetwork() if request.param == "real" else fake_worlds.Network()


@pytest.fixture(params=["fake", "real"])
def console(request: pytest.FixtureRequest) -> worlds.ConsoleWorld:
    """Both, anywhere: there is a shell here too."""
    return RealConsole() if request.param == "real" else fake_worlds.Console()


@pytest.fixture
def logs() -> worlds.LogsWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealLogs

        return RealLogs()
    return fake_worlds.Logs()


@pytest.fixture
def secrets() -> worlds.SecretsWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealSecrets

        return RealSecrets()
    return fake_worlds.Secrets()


@pytest.fixture
def seal() -> worlds.SealWorld:
    if IS_REAL:
        from tests.adapters.real_worlds import RealSeal

        return RealSeal()
    return fake_worlds.Seal()


@pytest.fixture
def lockbox() -> Lockbox:
    if IS_REAL:
        from pvdify.adapters.age import Age

        return Age()
    return FakeLockbox()


@pytest.fixture(params=["fake", "real"])
def cloudflare(request: pytest.FixtureRequest) -> Iterator[worlds.CloudflareWorld]:
    """Both, anywhere: the real client asks a stand-in for Cloudflare."""
    if request.param == "fake":
        yield FakeCloudflareWorld()
        return
    with real_cloudflare() as world:
        yield world
