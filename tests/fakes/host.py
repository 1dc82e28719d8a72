"""All roles of one host in memory, wired to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.model.edge import EdgeKind
from pvdify.ports import Ports
from tests.fakes.cloudflare import FakeAccount, FakeCloudflare
from tests.fakes.edge import FakeEdge
from tests.fakes.journal import FakeClock, FakeConsole, FakeLogs
from tests.fakes.lockbox import FakeLockbox
from tests.fakes.memory import FakeMemory
from tests.fakes.network import FakeNetwork, FakeResolver
from tests.fakes.podman import FakePodman
from tests.fakes.router import FakeRouter
from tests.fakes.secrets import FakeSeal, FakeSecrets
from tests.fakes.systemd import FakeQuadlet, FakeSystemd

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.ports.edge import Cloudflare


class FakeHost:
    """All roles of one host, wired to each other and to the tree at *current* (a generation's files, or a link to them)."""

    def __init__(self, current: Path | None = None) -> None:
        self.seal = FakeSeal()
        self.systemd = FakeSystemd(current=current, seal=self.seal)
        self.quadlet = FakeQuadlet()
        self.router = FakeRouter(current=current)
        self.podman = FakePodman(systemd=self.systemd)
        self.network = FakeNetwork(systemd=self.systemd, router=self.router)
        self.resolver = FakeResolver()
        self.logs = FakeLogs()
        self.console = FakeConsole()
        self.secrets = FakeSecrets()
        self.memory = FakeMemory()
        self.lockbox = FakeLockbox()
        self.edges = {kind: FakeEdge(kind, current) for kind in (EdgeKind.CADDY, EdgeKind.CLOUDFLARED)}
        self.account = FakeAccount()
        self.cloudflare: Cloudflare = FakeCloudflare(self.account)
        self.clock = FakeClock()

    @property
    def ports(self) -> Ports:
        """The roles, as the ops get them."""
        return Ports(
            systemd=self.systemd,
            quadlet=self.quadlet,
            router=self.router,
            podman=self.podman,
            network=self.network,
            resolver=self.resolver,
            logs=self.logs,
            console=self.console,
            secrets=self.secrets,
            seal=self.seal,
            memory=self.memory,
            lockbox=self.lockbox,
            edges=self.edges,
            cloudflare=self.cloudflare,
            clock=self.clock,
        )

    def boot(self) -> None:
        """Cut the power and boot again: what is on the disk stays."""
        self.systemd.boot()
        self.router.boot()
        for edge in self.edges.values():
            edge.boot()
        self.podman.stray.clear()
        self.clock.boot = self.clock.boot[:-1] + format((int(self.clock.boot[-1], 16) + 1) % 16, "x")
