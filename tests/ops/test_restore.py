"""A bare host becomes what the backup was made of; anything that goes wrong leaves it bare, or is gone on with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import (
    BackupError,
    HostError,
    KeyMissingError,
    PortTakenError,
    PvdifyError,
    RefusedError,
    RestoreUnfinishedError,
    SecretsError,
)
from pvdify.model.answers import CheckStatus
from pvdify.model.backup import Restoring
from pvdify.model.event import Outcome
from pvdify.model.requests import Apply, CreateToken, ForApp, Login, Nothing, Rollback
from pvdify.model.token import digest
from pvdify.model.vault import SealWith, VaultSettings
from pvdify.ops.apply import apply, plan
from pvdify.ops.audit import verify_audit
from pvdify.ops.doctor import doctor
from pvdify.ops.perform import perform
from pvdify.ops.registry import login
from pvdify.ops.rollback import rollback
from pvdify.ops.stop import start_app
from pvdify.ops.tokens import create_token
from pvdify.store.audit import ASIDE
from tests.fakes import FakeNetwork
from tests.fakes.secrets import FakeSecrets
from tests.ops.two_hosts import ADA, PASSWORD, PRIVATE, SHOP, Hosts, seen
from tests.ops.world import APP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from pvdify.ports import Answer
    from tests.ops.world import World


@pytest.fixture
async def hosts(tmp_path: Path) -> Hosts:
    """Backed up, and a bare host beside it."""
    hosts = Hosts(tmp_path)
    await hosts.begin()
    await hosts.take()
    return hosts


def is_bare(world: World) -> bool:
    """Whether nothing is there but what `init` makes, and the journals of attempts."""
    settings, state = world.settings, world.process().state
    is_empty = not any(settings.apps.iterdir()) and not settings.configs("host").exists()
    return is_empty and not state.tokens() and not state.current().apps and state.backups.restoring() is None


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


async def _an_app(world: World) -> None:
    await world.do("create")


async def _a_slot(world: World) -> None:
    world.settings.slot("new").parent.mkdir()
    world.settings.slot("new").write_text('name = "new"\n')


async def _a_token(world: World) -> None:
    await create_token(world.process(), CreateToken(name="mine"), ADA)


async def _a_login(world: World) -> None:
    await login(world.process(), Login(registry=PRIVATE, user="pat", password=PASSWORD), ADA)


async def _a_volume(world: World) -> None:
    (world.settings.volumes / "pvdify-old-data" / "_data").mkdir(parents=True)


@pytest.mark.parametrize("have", [_an_app, _a_slot, _a_token, _a_login, _a_volume])
async def test_nothing_that_is_there_is_taken_away(hosts: Hosts, have: Callable[[World], Awaitable[None]]) -> None:
    await have(hosts.new)
    before = contents(hosts.new)

    with pytest.raises(RefusedError, match="this host is not bare"):
        await hosts.bring()

    assert before == contents(hosts.new)


def contents(world: World) -> dict[str, bytes]:
    """All that is kept, but for the attempts themselves, and a list of no tokens."""
    state = world.settings.state
    attempts, nothing = ("audit", "reserve/", "lock"), b'"tokens": []'
    found = {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    return {
        name: data
        for name, data in found.items()
        if not (name.startswith(attempts) or b'"name":"restore"' in data or nothing in data)
    }


def _another_key(hosts: Hosts) -> None:
    hosts.key = "AGE-SECRET-KEY-1" + "P" * 58


def _half_of_it(hosts: Hosts) -> None:
    data = hosts.file.read_bytes()
    hosts.file.write_bytes(data[: len(data) // 2])


def _a_stranger_on_a_front(hosts: Hosts) -> None:
    hosts.new.fake.network.holders[3000] = "nginx (pid 7)"


def _no_seal(hosts: Hosts) -> None:
    hosts.new.fake.seal.lacks = frozenset(SealWith)


def _no_validator(hosts: Hosts) -> None:
    hosts.new.fake.quadlet.refused = {"pvdify-blog.target": "no"}


class Closed(FakeSecrets):
    """SOPS, with a key that opens nothing."""

    async def decrypt(self, text: bytes, *, what: str, keys: Path) -> bytes:
        raise KeyMissingError(f"cannot read {what}: no age key in {keys} opens it")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_another_key, KeyMissingError),
        (_half_of_it, BackupError),
        (_a_stranger_on_a_front, PortTakenError),
        (_no_seal, SecretsError),
        (_no_validator, PvdifyError),
    ],
)
async def test_whatever_is_wrong_leaves_a_bare_host(
    hosts: Hosts, spoil: Callable[[Hosts], None], error: type[PvdifyError]
) -> None:
    before = contents(hosts.new)
    spoil(hosts)

    with pytest.raises(error):
        await hosts.bring()

    assert is_bare(hosts.new)
    assert before == contents(hosts.new)


async def test_what_failed_half_way_can_be_done_again_or_with_another_backup(hosts: Hosts) -> None:
    hosts.new.fake.quadlet.refused = {"pvdify-blog.target": "no"}
    with pytest.raises(PvdifyError):
        await hosts.bring()
    hosts.new.fake.quadlet.refused = {}
    await hosts.take(force=True)

    await hosts.bring()

    assert await seen(hosts.old) == await seen(hosts.new)


async def test_without_the_tpm_that_it_was_sealed_with_it_is_sealed_without(hosts: Hosts) -> None:
    hosts.old.process().state.vault.write_settings(VaultSettings(seal=SealWith.BOTH))
    await hosts.take(force=True)
    hosts.new.fake.seal.lacks = frozenset({SealWith.BOTH, SealWith.TPM2})

    await hosts.bring()

    assert SealWith.HOST is hosts.new.process().state.vault.settings().seal
    assert [] == hosts.new.problems()


async def test_a_config_that_the_keys_in_it_do_not_open_is_refused(hosts: Hosts) -> None:
    hosts.new.fake.secrets = Closed()

    with pytest.raises(BackupError, match=r"c\d of (blog|host)"):
        await hosts.bring()

    assert is_bare(hosts.new)


async def test_half_a_host_is_used_by_nobody_but_the_next_restore(hosts: Hosts) -> None:
    state = hosts.new.process().state
    state.backups.note(Restoring(id="ab" * 16, volumes=("pvdify-blog-data",)))
    for path in (hosts.new.settings.releases(APP), hosts.volume(hosts.new, "data")):
        path.mkdir(parents=True)

    with pytest.raises(RestoreUnfinishedError, match="a restore was begun and is not through"):
        state.check()
    await hosts.bring()

    state.check()
    assert await seen(hosts.old) == await seen(hosts.new)
    assert not hosts.volume(hosts.new, "data").exists()


async def test_two_at_a_time_are_one_too_many(hosts: Hosts) -> None:
    lock = hosts.new.process().state.backups.try_alone()
    assert lock is not None

    with lock, pytest.raises(RefusedError, match="somebody else does"):
        await hosts.bring()


async def test_another_backup_waits_until_all_apps_of_the_first_are_up(hosts: Hosts) -> None:
    hosts.new.fake.podman.unreachable = {"ghcr.io"}
    with pytest.raises(HostError):
        await hosts.bring()
    await hosts.take(force=True)

    with pytest.raises(RefusedError, match="another backup is restored here"):
        await hosts.bring()
