"""A host in memory whose edge is a tunnel, and an account at Cloudflare: in memory too, or behind the real client."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pvdify.model.caller import Caller
from pvdify.model.cloudflare_requests import LoginToCloudflare, PointDomain
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.model.edge_requests import AddDomains, SetEdge
from pvdify.ops.cloudflare import login
from pvdify.ops.domains import add_domains
from pvdify.ops.domains_dns import point_domain
from pvdify.ops.edge_settings import set_edge
from pvdify.ops.perform import accepted, perform, performed
from tests.adapters.cloudflare_world import real_cloudflare
from tests.fakes.cloudflare import ACCOUNT, TOKEN, TUNNEL, FakeTunnel
from tests.ops.world import APP, Cut, Killed, Run, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pvdify.model.answers import Changed
    from pvdify.model.event import OperationRecord
    from tests.adapters.worlds import CloudflareWorld

NAME = "blog.example.org"
TARGET = f"{TUNNEL}.cfargotunnel.com"
REMOTE = EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel=TUNNEL, account=ACCOUNT, managed=Managed.REMOTE)
NO_RULES: dict[str, Any] = {"ingress": [{"service": "http_status:404"}]}


class CloudWorld(World):
    """The host, its operator, and what Cloudflare keeps."""

    cloud: CloudflareWorld

    async def start(self, cloud: CloudflareWorld, edge: EdgeSettings = REMOTE) -> None:
        """Have an app, a zone and a tunnel, and be logged in."""
        self.cloud = cloud
        self.fake.cloudflare = cloud.port
        cloud.account.add_zone("example.org")
        cloud.account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("home")
        await self.begin()
        await login(self.process(), LoginToCloudflare(token=TOKEN), Caller(name="ada"))
        if edge.kind is not EdgeKind.NONE:
            await self.put_edge(edge)
        cloud.account.asked.clear()

    @property
    def zone(self) -> str:
        """The id of the zone."""
        return next(iter(self.cloud.account.zones))

    @property
    def tunnel(self) -> FakeTunnel:
        """The tunnel."""
        return self.cloud.account.tunnels[ACCOUNT, TUNNEL]

    def found(self, name: str = NAME) -> list[tuple[str, str]]:
        """Type and content of the records that DNS has of *name*."""
        return self.cloud.account.found(name)

    def names(self) -> tuple[str, ...]:
        """The names that the app has, by what is in force and by what is declared."""
        host = self.process()
        row, slot = host.row(APP), host.slot(APP)
        assert row.domains == slot.domains
        return row.domains

    async def put_edge(self, edge: EdgeSettings, *, credentials: str | None = None) -> Changed:
        """Have another edge, as a whole."""
        request = SetEdge(edge=edge, credentials=credentials)
        return await perform(self.process(), "edge.set", app="", actor="ada", run=lambda h, r: set_edge(h, r, request))

    async def lead(self, *names: str, **fields: Any) -> Changed:
        """Give the app names, and have DNS lead them here."""
        request = AddDomains(app=APP, domains=names or (NAME,), dns=True, **fields)
        return await perform(
            self.process(), "domains.add", app=APP, actor="ada", run=lambda h, r: add_domains(h, r, request)
        )

    async def dies(self, name: str, run: Run, *, at: int, is_after: bool) -> bool:
        """An operation whose process is killed at a line of its journal; whether it got so far."""

        def killed() -> None:
            raise Killed

        host = self.process()
        with accepted(host, name, app=APP, actor="ada") as running:
            cut = Cut(running.journal, at, is_after, killed)
            running.journal = cut  # type: ignore[assignment]  # the same, but mortal
            try:
                await performed(host, running, run)
            except Killed:
                cut.journal.close()
                return True
        return False

    async def point(self, name: str = NAME, **fields: Any) -> Changed:
        """Have DNS lead a name here that the app has."""
        request = PointDomain(app=APP, domain=name, **fields)
        return await perform(
            self.process(), "domains.cloudflare", app=APP, actor="ada", run=lambda h, r: point_domain(h, r, request)
        )

    def last(self) -> OperationRecord:
        """The last operation."""
        return self.process().state.records()[0]

    def notes(self) -> str:
        """What the last operation noted."""
        return "\n".join(event.text for event in self.last().events)


@asynccontextmanager
async def by_the_real_client(directory: Path) -> AsyncIterator[CloudWorld]:
    """The real client asks a stand-in for Cloudflare, and soon gives up."""
    with real_cloudflare() as cloud:
        world = CloudWorld(directory)
        await world.start(cloud)
        cloud.patience = 1.5
        world.fake.cloudflare = cloud.port
        yield world
