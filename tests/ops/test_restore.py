"""A bare host becomes what the backup was made of, and what does not come up at once is gone on with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    HostError,
    RefusedError,
)
from pvdify.model.answers import CheckStatus
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, ForApp, Nothing, Rollback
from pvdify.model.token import digest
from pvdify.model.vault import SealWith, VaultSettings
from pvdify.ops.apply import apply, plan
from pvdify.ops.audit import verify_audit
from pvdify.ops.doctor import doctor
from pvdify.ops.perform import perform
from pvdify.ops.rollback import rollback
from pvdify.ops.stop import start_app
from pvdify.store.audit import ASIDE
from tests.fakes import FakeNetwork
from tests.ops.two_hosts import PRIVATE, SHOP, Hosts, seen
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pvdify.ports import Answer


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    """Backed up, and a bare host beside it."""
    hosts = Hosts(tmp_path)
    await hosts.begin()
    await hosts.take()
    return hosts


async def test_it_is_the_same_host(hosts: Hosts) -> None:
    changed = await hosts.bring()

    assert await seen(hosts.old) == await seen(hosts.new)
    assert (Outcome.DONE, "3 apps are restored, 1 of them stopped as they were") == (changed.outcome, changed.text)
    assert [] == hosts.new.problems()
    assert hosts.new.process().state.backups.restoring() is None
    assert () == (await plan(hosts.new.process(), Apply())).steps


async def test_its_token_opens_the_door_and_its_audit_goes_on(hosts: Hosts) -> None:
    before = hosts.old.settings.audit.read_bytes()

    await hosts.bring()

    state = hosts.new.process().state
    found = state.token_of(digest(hosts.token), hosts.new.fake.clock.now())
    assert found is not None
    assert "ci" == found.name
    assert hosts.new.settings.audit.read_bytes().startswith(before)
    verdict = await verify_audit(hosts.new.process(), Nothing())
    assert (True, None) == (verdict.is_intact, verdict.broken_at)
    assert ["restore"] == [line.action for line in state.audit_entries(limit=1, app="")]
    aside = [json.loads(line) for line in (hosts.new.settings.state / ASIDE).read_text().splitlines()]
    assert ["restore"] == [line["action"] for line in aside]


async def test_a_rollback_and_a_further_one_go_where_they_would_have_gone(hosts: Hosts) -> None:
    await hosts.bring()

    for world in (hosts.old, hosts.new):
        await perform(
            world.process(),
            "releases.rollback",
            app=APP,
            actor="ada",
            run=lambda h, r: rollback(h, r, Rollback(app=APP)),
        )

    assert hosts.old.seen()[0] == hosts.new.seen()[0] != 3
    assert [] == hosts.new.problems()


async def test_a_deploy_and_its_config_go_on_from_there(hosts: Hosts) -> None:
    await hosts.bring()

    await hosts.new.do("v3")

    release = hosts.new.process().state.release(APP, 4)
    assert (4, 1) == (hosts.new.process().row(APP).live, release.config.version if release.config else None)
    assert [] == hosts.new.problems()


@dataclass
class Looking(FakeNetwork):
    """Whenever an instance is asked, it is seen whether a file is there."""

    file: Path | None = None
    seen: list[bool] = field(default_factory=list)

    async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
        self.seen.append(self.file is not None and self.file.exists())
        return await super().get(port, path, headers=headers, timeout=timeout)


async def test_volumes_are_there_before_their_app_starts(hosts: Hosts) -> None:
    (hosts.volume(hosts.old, "data") / "note").write_text("kept")
    await hosts.take(volumes=True, force=True)
    note = hosts.volume(hosts.new, "data") / "note"
    fake = hosts.new.fake
    fake.network = looking = Looking(systemd=fake.systemd, router=fake.router, file=note)

    await hosts.bring()

    assert "kept" == note.read_text()
    assert {True} == set(looking.seen)


async def test_an_app_that_does_not_come_up_stops_no_other_and_comes_up_the_next_time(hosts: Hosts) -> None:
    hosts.new.fake.podman.unreachable = {"ghcr.io"}

    with pytest.raises(HostError, match=r"blog: cannot pull ghcr\.io/org/blog@sha256:.*the registry does not answer"):
        await hosts.bring()

    state = hosts.new.process().state
    assert (True, True) == (state.current().apps[APP].is_stopped, state.current().apps[SHOP].is_stopped)
    assert [f"{PRIVATE}/shop"] == [one.partition("@")[0] for one in hosts.new.fake.podman.pulls if PRIVATE in one]
    checks = {one.name: one for one in (await doctor(hosts.new.process(), Nothing())).checks}
    assert (CheckStatus.WARN, True) == (checks["restore"].status, "blog" in checks["restore"].detail)
    hosts.new.fake.podman.unreachable = set()

    await hosts.bring()

    assert await seen(hosts.old) == await seen(hosts.new)
    assert [] == hosts.new.problems()


async def test_apply_goes_on_as_well(hosts: Hosts) -> None:
    hosts.new.fake.systemd.crashing = {"pvdify-blog-*": 3}
    with pytest.raises(HostError, match=r"blog: .*exit"):
        await hosts.bring()
    hosts.new.fake.systemd.crashing = {}
    assert [(APP, "restore")] == [(one.app, one.action) for one in (await plan(hosts.new.process(), Apply())).steps]

    await perform(hosts.new.process(), "apply", app="", actor="ada", run=lambda h, r: apply(h, r, Apply()))

    assert await seen(hosts.old) == await seen(hosts.new)
    assert [] == hosts.new.problems()


async def test_an_app_that_waits_is_started_by_hand_too(hosts: Hosts) -> None:
    hosts.new.fake.podman.unreachable = {"ghcr.io"}
    with pytest.raises(HostError):
        await hosts.bring()
    hosts.new.fake.podman.unreachable = set()

    await perform(
        hosts.new.process(), "ps.start", app=APP, actor="ada", run=lambda h, r: start_app(h, r, ForApp(app=APP))
    )
    await hosts.bring()

    assert hosts.old.seen()[0] == hosts.new.seen()[0]
    assert [] == hosts.new.problems()


async def test_without_the_image_of_the_warm_release_the_live_one_comes_up_all_the_same(hosts: Hosts) -> None:
    del hosts.new.fake.podman.registry["ghcr.io/org/blog:v3"]
    warm = hosts.old.process().row(APP).warm

    await hosts.bring()

    assert (3, None) == (warm, hosts.new.process().row(APP).warm)
    assert [] == hosts.new.problems()


async def test_the_next_restore_of_a_whole_host_is_refused(hosts: Hosts) -> None:
    await hosts.bring()
    before = await seen(hosts.new)

    with pytest.raises(RefusedError, match="this host is not bare, it has the app blog and"):
        await hosts.bring()

    assert before == await seen(hosts.new)


async def test_without_the_tpm_that_it_was_sealed_with_it_is_sealed_without(hosts: Hosts) -> None:
    hosts.old.process().state.vault.write_settings(VaultSettings(seal=SealWith.BOTH))
    await hosts.take(force=True)
    hosts.new.fake.seal.lacks = frozenset({SealWith.BOTH, SealWith.TPM2})

    await hosts.bring()

    assert SealWith.HOST is hosts.new.process().state.vault.settings().seal
    assert [] == hosts.new.problems()
