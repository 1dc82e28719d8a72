"""Whatever somebody does to the files of a config, nothing starts with another one than was set, and what serves goes on serving."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

from pvdify.errors import ConfigNotFoundError, ConfigTamperedError, NotSealedError, PvdifyError, StateError
from pvdify.model.config import ConfigDocument
from pvdify.model.requests import CreateApp, SetConfig, ShowConfig
from pvdify.ops.config import set_config, show_config
from pvdify.ops.create import create_app
from pvdify.ops.perform import perform
from tests.ops.configured import CANARY, given, shown
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pvdify.model.answers import Changed
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

    Tamper = Callable[[World], Awaitable[None]]

OLD, NEW = {"KEY": "one", "EMPTY": ""}, {"KEY": "two", "EMPTY": ""}
REFUSED = (ConfigTamperedError, NotSealedError, ConfigNotFoundError, StateError)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """v3 with c2 is live, v2 with c1 is warm."""
    world = World(tmp_path / "world")
    await world.begin("v1")
    await world.set(OLD)
    await world.set(NEW)
    return world


def text(world: World, version: int = 2) -> Path:
    return world.settings.configs(APP) / f"c{version}.sops.json"


def about(world: World, version: int = 2) -> Path:
    return world.settings.configs(APP) / f"c{version}.toml"


def sealed(world: World, version: int = 2) -> Path:
    return world.settings.sealed(APP, version, "env")


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    before = path.read_bytes()
    assert old in before
    path.write_bytes(before.replace(old, new))


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def say(world: World, **fields: object) -> None:
    """Let what is known of c2 be something else."""
    meta = world.process().state.configs.meta(APP, 2)
    about(world).write_bytes(msgspec.toml.encode(msgspec.structs.replace(meta, **fields)))


def hashed(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


async def edit_the_text(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    rewrite(text(world), b"data:", b"data:A")


async def edit_the_text_and_its_hash(world: World) -> None:
    await edit_the_text(world)
    say(world, texts=(hashed(text(world)),))


async def take_the_text_away(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    text(world).unlink()


async def put_the_old_text_there(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    swap(text(world, 1), text(world, 2))


async def put_the_old_text_there_and_its_hash(world: World) -> None:
    await put_the_old_text_there(world)
    say(world, texts=(hashed(text(world)),))


async def forge_the_text(world: World) -> None:
    """Everybody can encrypt for the host, and so also whoever cannot read."""
    forged = ConfigDocument(app=APP, version=2, salt="mine", vars={"KEY": "mine"})
    recipients = world.process().state.vault.recipients()
    text(world).write_bytes(await world.fake.secrets.encrypt(msgspec.json.encode(forged), recipients=recipients))
    say(world, texts=(hashed(text(world)),))


async def forge_the_text_and_all_that_is_known(world: World) -> None:
    forged = ConfigDocument(app=APP, version=2, salt="mine", vars={"KEY": "mine"})
    await forge_the_text(world)
    say(world, texts=(hashed(text(world)),), sha256=forged.digest(), keys=("KEY",))


async def add_an_empty_variable(world: World) -> None:
    """SOPS does not prove what is empty."""
    await anyio.lowlevel.checkpoint()
    rewrite(text(world), b'"EMPTY": ""', b'"EMPTY": "", "LD_PRELOAD": ""')
    say(world, texts=(hashed(text(world)),))


async def add_a_reader(world: World) -> None:
    reader = await world.fake.secrets.new_key()
    plain = await world.fake.secrets.decrypt(text(world).read_bytes(), what="c2", keys=world.settings.age_key)
    recipients = (*world.process().state.vault.recipients(), reader.public)
    text(world).write_bytes(await world.fake.secrets.encrypt(plain, recipients=recipients))
    say(world, texts=(hashed(text(world)),))


async def edit_what_is_sealed(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    rewrite(sealed(world), b":", b":A")


async def edit_what_is_sealed_and_its_hash(world: World) -> None:
    await edit_what_is_sealed(world)
    say(world, sealed={"env": hashed(sealed(world))})


async def put_the_old_seal_there(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    swap(sealed(world, 1), sealed(world, 2))


async def put_the_old_seal_there_and_its_hash(world: World) -> None:
    await put_the_old_seal_there(world)
    say(world, sealed={"env": hashed(sealed(world))})


async def take_the_seal_away(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    sealed(world).unlink()


async def take_the_seal_away_and_its_hash(world: World) -> None:
    await take_the_seal_away(world)
    say(world, sealed={})


async def take_what_is_known_away(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    about(world).unlink()


async def say_it_is_the_old_one(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    about(world).write_bytes(about(world, 1).read_bytes().replace(b"version = 1", b"version = 2"))


async def say_it_has_a_file(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    say(world, files={"tls.key": 1})


async def write_nonsense(world: World) -> None:
    await anyio.lowlevel.checkpoint()
    about(world).write_bytes(b"\0")


TAMPERING = (
    edit_the_text,
    edit_the_text_and_its_hash,
    take_the_text_away,
    put_the_old_text_there,
    put_the_old_text_there_and_its_hash,
    forge_the_text,
    forge_the_text_and_all_that_is_known,
    add_an_empty_variable,
    add_a_reader,
    edit_what_is_sealed,
    edit_what_is_sealed_and_its_hash,
    put_the_old_seal_there,
    put_the_old_seal_there_and_its_hash,
    take_the_seal_away,
    take_the_seal_away_and_its_hash,
    take_what_is_known_away,
    say_it_is_the_old_one,
    say_it_has_a_file,
    write_nonsense,
)


BESIDE_THE_TEXT = {
    edit_what_is_sealed,
    edit_what_is_sealed_and_its_hash,
    put_the_old_seal_there,
    put_the_old_seal_there_and_its_hash,
    take_the_seal_away,
    take_the_seal_away_and_its_hash,
}
NOT_READ = {edit_the_text_and_its_hash, put_the_old_text_there_and_its_hash, forge_the_text, add_an_empty_variable}
"""What looks like a file of SOPS is not decrypted as long as there is what was sealed."""


@pytest.mark.parametrize("tamper", TAMPERING)
async def test_nothing_starts_with_what_was_not_set_and_what_serves_goes_on(world: World, tamper: Tamper) -> None:
    await tamper(world)
    refused = []
    for what in ("restart", "v2", "rollback-keep-config", "set"):
        before = world.seen()
        try:
            await world.do(what)
        except PvdifyError as error:
            refused.append(error)
            assert before == world.seen(), what

        live = world.process().state.current().apps[APP].live or 0
        added = {"KEY": "new", "/run/secrets/tls.key": "new"} if what == "set" and before != world.seen() else {}
        assert NEW | added == given(world, live), what
        assert [live] == [int(name[1:].partition("-")[0]) for name in world.fake.router.serving(APP)]

    assert bool(refused) == (tamper not in NOT_READ)
    assert all(error.hint for error in refused)


@pytest.mark.parametrize("with_seal", [True, False])
@pytest.mark.parametrize("tamper", TAMPERING)
async def test_only_what_was_set_is_shown(world: World, tamper: Tamper, *, with_seal: bool) -> None:
    await tamper(world)
    if not with_seal:
        sealed(world).unlink(missing_ok=True)
    is_refused = False

    try:
        found = await shown(world)
    except REFUSED:
        is_refused = True
    else:
        assert NEW == found.vars

    assert is_refused or with_seal or tamper in BESIDE_THE_TEXT


@pytest.mark.parametrize("tamper", TAMPERING)
async def test_what_was_live_before_is_still_gone_back_to(world: World, tamper: Tamper) -> None:
    await tamper(world)

    if tamper in {put_the_old_seal_there, put_the_old_seal_there_and_its_hash}:  # they change c1 as well
        with pytest.raises(NotSealedError):
            await world.do("rollback")
        return
    changed = await world.do("rollback")

    assert 2 == changed.release
    assert OLD == given(world, 2)
    assert ("v2-web-1",) == world.fake.router.serving(APP)


async def test_another_apps_config_is_taken_by_nobody(world: World) -> None:
    create = CreateApp(name="shop")
    await perform(
        world.process(), "apps.create", app="shop", actor="ada", run=lambda host, one: create_app(host, one, create)
    )
    for number in range(2):
        request = SetConfig(app="shop", vars={"KEY": f"{number} {CANARY}"})
        await perform(world.process(), "config.set", app="shop", actor="ada", run=partial(_set, request))
    for path in (text(world), about(world), sealed(world)):
        path.write_bytes((world.settings.configs("shop") / path.relative_to(world.settings.configs(APP))).read_bytes())

    for ask in (
        shown(world),
        show_config(world.process(), ShowConfig(app=APP)),
        world.do("v2"),
        world.set({"MORE": "x"}),
    ):
        with pytest.raises(
            ConfigTamperedError, match="cannot use c2 of blog: it is not the one that the release was made with"
        ):
            await ask

    assert NEW == given(world, 3)


async def _set(request: SetConfig, host: Host, running: Running) -> Changed:
    return await set_config(host, running, request)


async def test_a_boot_starts_nothing_with_what_was_not_set(world: World) -> None:
    await put_the_old_seal_there(world)

    world.fake.boot()

    assert "pvdify-blog-v3-web-1.service" not in world.fake.systemd.running()
    await put_the_old_seal_there(world)
    world.fake.boot()
    assert NEW == given(world, 3)


async def test_what_another_host_sealed_starts_nothing(world: World) -> None:
    world.fake.seal.key = "host-2"

    with pytest.raises(PvdifyError):
        await world.do("v2")

    assert ("v3-web-1",) == world.fake.router.serving(APP)
