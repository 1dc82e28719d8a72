"""Names that DNS leads here while Cloudflare fails in the middle, or pvdify dies: each ends as it should, and can be done again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import CloudflareBusyError, CloudflareLoginError, CloudflareUnreachableError
from pvdify.model.edge_requests import AddDomains, RemoveDomain
from pvdify.model.event import Outcome
from pvdify.ops.domains import add_domains, remove_domain
from tests.adapters.cloudflare_world import FakeCloudflareWorld
from tests.fakes.cloudflare import Fault
from tests.ops.cloud_world import NAME, TARGET, CloudWorld, by_the_real_client
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OURS = [("CNAME", TARGET)]
UNSURE = [Fault.BROKEN, Fault.BROKEN_AFTER, Fault.CUT, Fault.CUT_AFTER, Fault.HANGS_AFTER]


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[CloudWorld]:
    async with by_the_real_client(tmp_path) as world:
        yield world


@pytest.mark.parametrize("fault", UNSURE, ids=lambda one: one.name.lower())
async def test_a_change_without_an_answer_is_looked_at_and_made_once(real: CloudWorld, fault: Fault) -> None:
    real.cloud.account.faults["change_records"] = [fault]

    added = await real.lead()

    assert (Outcome.DONE, (NAME,), OURS) == (added.outcome, real.names(), real.found())
    assert 1 == len(real.process().state.elsewhere.records(APP))


@pytest.mark.parametrize("fault", UNSURE, ids=lambda one: one.name.lower())
async def test_a_removal_without_an_answer_is_looked_at_and_done(real: CloudWorld, fault: Fault) -> None:
    await real.lead()
    real.cloud.account.faults["change_records"] = [fault]

    await real.remove(NAME)

    assert ((), [], ()) == (real.names(), real.found(), real.process().state.elsewhere.records(APP))


async def test_cloudflare_that_is_broken_undoes_all_of_it_and_it_can_be_done_again(real: CloudWorld) -> None:
    real.cloud.account.faults["change_records"] = [Fault.BROKEN] * 100
    with pytest.raises(CloudflareUnreachableError):
        await real.lead()
    assert ((), []) == (real.names(), real.found())

    real.cloud.account.faults.clear()
    await real.lead()

    assert ((NAME,), OURS) == (real.names(), real.found())


async def test_what_was_made_before_cloudflare_was_gone_is_known_and_can_be_made_again_or_removed(
    real: CloudWorld,
) -> None:
    def gone() -> None:
        real.cloud.account.faults["records"] = [Fault.BROKEN] * 100

    real.cloud.account.faults["change_records"] = [Fault.CUT_AFTER]
    real.cloud.account.meanwhile["change_records"] = gone
    with pytest.raises(CloudflareUnreachableError):
        await real.lead()
    assert ((), OURS) == (real.names(), real.found())
    assert f"the records of {NAME} may not be as they were" in real.notes()

    real.cloud.account.faults.clear()
    removed = await real.remove(NAME)

    assert (Outcome.DONE, []) == (removed.outcome, real.found())
    assert () == real.process().state.elsewhere.records(APP)


async def test_a_token_that_may_only_look_changes_nothing(real: CloudWorld) -> None:
    real.cloud.account.faults["change_records"] = [Fault.FORBIDDEN]

    with pytest.raises(CloudflareLoginError):
        await real.lead()

    assert ((), [], ()) == (real.names(), real.found(), real.process().state.elsewhere.records(APP))


async def test_a_rate_limit_is_waited_out(real: CloudWorld) -> None:
    real.cloud.account.faults.update(zones=[Fault.BUSY], change_records=[Fault.BUSY])

    await real.lead()

    assert ((NAME,), OURS) == (real.names(), real.found())


async def test_a_rate_limit_that_lasts_undoes_all_of_it(real: CloudWorld) -> None:
    real.cloud.server.after = "300"  # type: ignore[attr-defined] # of the stand-in
    real.cloud.account.faults["change_records"] = [Fault.BUSY]

    with pytest.raises(CloudflareBusyError):
        await real.lead()

    assert ((), []) == (real.names(), real.found())


async def test_a_removal_that_cloudflare_refuses_leaves_the_domain_as_it_was(real: CloudWorld) -> None:
    await real.lead()
    real.cloud.account.faults["change_records"] = [Fault.FORBIDDEN]

    with pytest.raises(CloudflareLoginError):
        await real.remove(NAME)

    assert ((NAME,), OURS) == (real.names(), real.found())


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_killed_at_any_line_a_name_can_be_led_here_again_and_removed(tmp_path: Path, *, is_after: bool) -> None:
    request = AddDomains(app=APP, domains=(NAME,), dns=True)
    for at in range(1, 60):
        world = CloudWorld(tmp_path / str(at))
        await world.start(FakeCloudflareWorld())
        died = await world.dies("domains.add", lambda h, r: add_domains(h, r, request), at=at, is_after=is_after)

        await world.lead()
        assert ((NAME,), OURS, {NAME, ""}) == (world.names(), world.found(), set(world.tunnel.hostnames))
        await world.remove(NAME)

        assert ((), [], {""}) == (world.names(), world.found(), set(world.tunnel.hostnames))
        assert () == world.process().state.elsewhere.records(APP)
        if not died:
            break
    assert 8 < at < 59


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
async def test_killed_at_any_line_a_name_can_be_removed_again(tmp_path: Path, *, is_after: bool) -> None:
    request = RemoveDomain(app=APP, domain=NAME)
    for at in range(1, 60):
        world = CloudWorld(tmp_path / str(at))
        await world.start(FakeCloudflareWorld())
        await world.lead()
        died = await world.dies("domains.remove", lambda h, r: remove_domain(h, r, request), at=at, is_after=is_after)

        await world.add("www.example.org")
        if NAME in world.names():
            await world.remove(NAME)

        assert (("www.example.org",), []) == (world.names(), world.found())
        assert {"www.example.org", ""} == set(world.tunnel.hostnames)
        if not died:
            break
    assert 8 < at < 59
