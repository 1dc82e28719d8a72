"""A host that comes back elsewhere has its names, its pages and its edge again, and lets nobody in before its apps are up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.errors import BackupError, HostError, ProgramMissingError, RefusedError, RestoreUnfinishedError
from pvdify.model.cloudflare_requests import LoginToCloudflare
from pvdify.model.dns import MadeRecord, RecordType
from pvdify.model.edge import EdgeKind
from pvdify.model.edge_requests import AddDomains
from pvdify.model.requests import Apply, Nothing, Reseal
from pvdify.ops.apply import apply, plan
from pvdify.ops.cloudflare import login
from pvdify.ops.doctor import doctor
from pvdify.ops.domains import add_domains
from pvdify.ops.perform import perform
from pvdify.ops.recover import recover_all
from pvdify.ops.reseal import reseal
from tests.adapters.cloudflare_world import FakeCloudflareWorld
from tests.fakes import FakeEdge
from tests.fakes.cloudflare import ACCOUNT, TOKEN, FakeTunnel
from tests.ops.deaths import LINES
from tests.ops.test_edge import CREDENTIALS, TUNNEL, opened
from tests.ops.test_restore_deaths import died
from tests.ops.test_restore_refused import contents, is_bare
from tests.ops.two_hosts import ADA, Hosts
from tests.ops.world import APP, Killed, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "blog.example.org"
PAGE = "<h1>Gone fishing</h1>"
RECORD = MadeRecord(app=APP, zone="z" * 32, name=NAME, type=RecordType.CNAME, content="t.cfargotunnel.com", id="7")


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    """Backed up behind a tunnel, with a name and a page of its own, and a bare host beside it."""
    hosts = Hosts(tmp_path)
    await hosts.begin()
    await hosts.old.set_edge(EdgeKind.CLOUDFLARED, credentials=CREDENTIALS, tunnel=TUNNEL, domain="apps.example.org")
    await hosts.old.add(NAME)
    pages = hosts.old.settings.pages(APP)
    pages.mkdir()
    (pages / "down.html").write_text(PAGE)
    elsewhere = hosts.old.process().state.elsewhere
    elsewhere.write_records(APP, [RECORD])
    elsewhere.write_rules("a" * 32, TUNNEL, [(NAME, "http://127.0.0.1:3000")])
    await applied(hosts.old)
    await hosts.take()
    return hosts


async def applied(world: World, app: str | None = None) -> None:
    request = Apply(app=app)
    await perform(world.process(), "apply", app="", actor="ada", run=lambda host, one: apply(host, one, request))


def tunnel(world: World) -> FakeEdge:
    return world.fake.edges[EdgeKind.CLOUDFLARED]


def connected(hosts: Hosts) -> FakeCloudflareWorld:
    """Cloudflare, which both hosts reach."""
    cloud = FakeCloudflareWorld()
    cloud.account.add_zone("example.org")
    hosts.old.fake.cloudflare = hosts.new.fake.cloudflare = cloud.port
    return cloud


def notes(world: World) -> str:
    """What was noted of the restore."""
    (record,) = (one for one in world.process().state.records("") if one.name == "restore")
    return "\n".join(event.text for event in record.events)


async def test_names_pages_and_the_tunnel_are_there_again(hosts: Hosts) -> None:
    await hosts.bring()

    before, after = (world.process().state.current() for world in (hosts.old, hosts.new))
    assert before.edge == after.edge
    assert {NAME, "blog.apps.example.org", "shop.apps.example.org", "idle.apps.example.org"} == set(
        tunnel(hosts.new).names
    )
    assert tunnel(hosts.old).names == tunnel(hosts.new).names
    assert CREDENTIALS.encode() == await opened(hosts.new)
    assert before.apps[APP].pages == after.apps[APP].pages
    assert PAGE in (hosts.new.settings.current / "haproxy/pages/blog/down.page").read_text()
    assert () == (await plan(hosts.new.process(), Apply())).steps
    assert [] == hosts.new.problems()


async def test_what_was_made_elsewhere_can_still_be_taken_back(hosts: Hosts) -> None:
    await hosts.bring()

    elsewhere = hosts.new.process().state.elsewhere
    assert (RECORD,) == elsewhere.records(APP)
    assert {(NAME, "http://127.0.0.1:3000")} == elsewhere.rules("a" * 32, TUNNEL)


async def test_records_of_another_app_are_refused(hosts: Hosts) -> None:
    hosts.old.process().state.elsewhere.write_records("shop", [RECORD])
    await hosts.take(force=True)

    with pytest.raises(BackupError, match="it has a record of another app"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_nobody_is_let_in_before_the_apps_are_up(hosts: Hosts) -> None:
    serving: list[tuple[str, ...]] = []

    class Watched(FakeEdge):
        async def follow(self, config: Path) -> None:
            serving.append(tuple(hosts.new.fake.router.serving(APP)))
            await super().follow(config)

    hosts.new.fake.edges[EdgeKind.CLOUDFLARED] = Watched(EdgeKind.CLOUDFLARED, hosts.new.settings.current)

    await hosts.bring()

    assert [tuple(hosts.old.fake.router.serving(APP))] == serving


async def test_killed_while_the_edge_comes_up_the_restore_goes_on_with_it_when_typed_again(hosts: Hosts) -> None:
    class Deadly(FakeEdge):
        async def follow(self, config: Path) -> None:
            raise Killed

    edges, kind = hosts.new.fake.edges, EdgeKind.CLOUDFLARED
    good = edges[kind]
    edges[kind] = Deadly(kind, hosts.new.settings.current)
    with pytest.raises(Killed):
        await hosts.bring()
    edges[kind] = good

    await hosts.bring()

    assert NAME in tunnel(hosts.new).names
    assert () == (await plan(hosts.new.process(), Apply())).steps


async def test_killed_at_any_line_nobody_is_let_in_before_the_restore_is_through(hosts: Hosts, tmp_path: Path) -> None:
    lines = 0
    for number in range(1, LINES, 2):
        world = hosts.new.fork(tmp_path / f"new{number}")
        if not await died(hosts, world, at=number, is_after=bool(number % 4 == 1)):
            break
        lines = number

        with suppress(RestoreUnfinishedError):
            world.process().state.check()
            await recover_all(world.process(), lambda _text: None)
        restoring = world.process().state.backups.restoring()
        is_there = bool(world.process().state.current().apps)
        is_through = is_there and (restoring is None or (restoring.is_unpacked and not restoring.waiting))
        assert is_through or not tunnel(world).is_up, f"line {number}"
        if restoring or not is_there:
            await hosts.bring(world)

        assert tunnel(hosts.old).names == tunnel(world).names, f"line {number}"
        assert CREDENTIALS.encode() == await opened(world), f"line {number}"
        assert {"unfinished restore"} >= set(world.problems()), f"line {number}"
    assert lines > 12, "the operation has more lines than that"


async def test_a_recovery_meanwhile_lets_nobody_in_either(hosts: Hosts) -> None:
    await _half_way(hosts)

    await recover_all(hosts.new.process(), lambda _text: None)

    assert not tunnel(hosts.new).is_up


async def test_one_app_that_is_applied_meanwhile_lets_nobody_in_and_all_of_them_do(hosts: Hosts) -> None:
    await _half_way(hosts)
    hosts.new.fake.podman.registry = dict(hosts.old.fake.podman.registry)

    await applied(hosts.new, APP)
    assert not tunnel(hosts.new).is_up
    await applied(hosts.new)

    assert tunnel(hosts.new).is_up


async def _half_way(hosts: Hosts) -> None:
    """As it is where a restore was killed before its apps came up."""
    hosts.new.fake.podman.registry.clear()
    with pytest.raises(HostError):
        await hosts.bring()
    state = hosts.new.process().state
    restoring = state.backups.restoring()
    assert restoring is not None
    state.backups.note(msgspec.structs.replace(restoring, is_edge_waiting=True))
    await tunnel(hosts.new).stop()
    state.followed.note(None)


async def test_an_app_that_does_not_come_up_keeps_nobody_else_out(hosts: Hosts) -> None:
    hosts.new.fake.podman.registry.clear()

    with pytest.raises(HostError):
        await hosts.bring()

    assert tunnel(hosts.new).is_up
    assert NAME in tunnel(hosts.new).names


async def test_an_edge_that_does_not_come_up_is_told_and_apply_brings_it_up(hosts: Hosts) -> None:
    tunnel(hosts.new).refusal = "it cannot connect"

    await hosts.bring()
    assert "it cannot connect" in notes(hosts.new)
    assert {"edge"} == {step.action for step in (await plan(hosts.new.process(), Apply())).steps}
    tunnel(hosts.new).refusal = ""
    await applied(hosts.new)

    assert NAME in tunnel(hosts.new).names


async def test_without_the_program_of_the_edge_nothing_is_restored(hosts: Hosts) -> None:
    tunnel(hosts.new).is_installed = False
    before = contents(hosts.new)

    with pytest.raises(ProgramMissingError):
        await hosts.bring()

    assert is_bare(hosts.new)
    assert before == contents(hosts.new)


async def test_a_tunnel_that_somebody_else_runs_takes_no_program_and_gets_its_names(hosts: Hosts) -> None:
    cloud = connected(hosts)
    other = TUNNEL.replace("f70f", "0000")
    cloud.account.tunnels[ACCOUNT, other] = FakeTunnel("shared")
    await login(hosts.old.process(), LoginToCloudflare(token=TOKEN), ADA)
    await hosts.old.set_edge(EdgeKind.CLOUDFLARED, managed="remote", account=ACCOUNT, tunnel=other)
    before = cloud.account.tunnels[ACCOUNT, other].hostnames
    await hosts.take(force=True)
    cloud.account.tunnels[ACCOUNT, other] = FakeTunnel("shared")
    tunnel(hosts.new).is_installed = False

    await hosts.bring()

    assert NAME in before
    assert before == cloud.account.tunnels[ACCOUNT, other].hostnames
    assert not tunnel(hosts.new).is_up
    assert () == (await plan(hosts.new.process(), Apply())).steps


async def test_a_host_with_an_edge_of_its_own_is_not_bare(hosts: Hosts) -> None:
    await hosts.new.set_edge(internal_ca=True)

    with pytest.raises(RefusedError, match="it has the edge caddy"):
        await hosts.bring()


def _renamed(names: tuple[str, ...]) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        path = world.settings.current / "manifest.json"
        path.write_text(path.read_text().replace(f'"{NAME}"', ",".join(f'"{name}"' for name in names)))

    return spoil


@pytest.mark.parametrize(
    "names", [("Blog.Example.org",), ("example.org:80",), ("shop.apps.example.org",), ("x\\ny.org",)]
)
async def test_names_that_no_app_could_have_been_given_are_refused(hosts: Hosts, names: tuple[str, ...]) -> None:
    _renamed(names)(hosts.old)
    await hosts.take(force=True)

    with pytest.raises(BackupError, match="manifest"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_a_page_that_was_edited_after_the_backup_s_manifest_waits_for_apply(hosts: Hosts) -> None:
    (hosts.old.settings.pages(APP) / "down.html").write_text("<h1>Edited</h1>")
    await hosts.take(force=True)

    await hosts.bring()

    assert {} == hosts.new.process().state.current().apps[APP].pages
    assert ["pages"] == [step.action for step in (await plan(hosts.new.process(), Apply())).steps]


async def test_records_that_pvdify_made_in_dns_are_still_its_own_to_remove(hosts: Hosts) -> None:
    cloud = connected(hosts)
    await login(hosts.old.process(), LoginToCloudflare(token=TOKEN), ADA)
    wanted = AddDomains(app=APP, domains=(NAME,), dns=True)
    await hosts.change(APP, "domains.add", lambda host, one: add_domains(host, one, wanted))
    await hosts.take(force=True)

    await hosts.bring()
    await hosts.new.remove(NAME)

    assert [] == cloud.account.found(NAME)
    assert [] == hosts.new.problems()


async def test_what_the_tunnel_is_run_with_is_sealed_again_too(hosts: Hosts) -> None:
    world = hosts.old
    world.fake.seal.key = "host-3"

    await perform(
        world.process(), "secrets.reseal", app="", actor="ada", run=lambda host, one: reseal(host, one, Reseal())
    )

    assert CREDENTIALS.encode() == await opened(world)
    assert not [
        one for one in (await doctor(world.process(), Nothing())).checks if one.name == "sealed config" and one.hint
    ]
