"""Logins for private registries: proven, kept encrypted, opened for pulls without a key, and forgotten."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import anyio
import pytest

from pvdify.errors import (
    KeyMissingError,
    NotFoundError,
    NotSealedError,
    PvdifyError,
    RegistryLoginError,
    RegistryUnreachableError,
    SpecError,
)
from pvdify.model.caller import Caller
from pvdify.model.image import Image
from pvdify.model.parse import from_value
from pvdify.model.requests import Deploy, Login, Logout, Nothing
from pvdify.ops.deploy import deploy
from pvdify.ops.perform import perform
from pvdify.ops.registry import list_logins, login, logout
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed

PRIVATE = "private.example"
IMAGE = f"{PRIVATE}/org/blog:v1"
USER = "pat"
PASSWORD = "c4nary: with a colon"  # noqa: S105 -- of a registry in memory
ADA = Caller(name="ada")


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.begin()
    world.fake.podman.private[PRIVATE] = (USER, PASSWORD)
    world.fake.podman.registry[IMAGE] = Image(id="9" * 64, digest=f"sha256:{'9' * 64}", architecture="amd64")
    return world


async def logged_in(world: World, registry: str = PRIVATE, password: str = PASSWORD) -> tuple[str, ...]:
    request = Login(registry=registry, user=USER, password=password)
    return (await login(world.process(), request, ADA)).registries


async def known(world: World) -> tuple[str, ...]:
    return (await list_logins(world.process(), Nothing())).registries


async def deployed(world: World) -> Changed:
    request = Deploy(app=APP, image=IMAGE)
    return await perform(
        world.process(), "releases.create", app=APP, actor="ada", run=lambda host, one: deploy(host, one, request)
    )


def kept(world: World) -> list[str]:
    return sorted(path.name for path in (world.settings.state / "secrets/host").iterdir())


async def test_a_login_opens_a_private_registry_until_it_is_forgotten(world: World) -> None:
    with pytest.raises(RegistryLoginError):
        await deployed(world)

    assert (PRIVATE,) == await logged_in(world)

    assert 1 == (await deployed(world)).release
    await logout(world.process(), Logout(registry=PRIVATE), ADA)
    assert () == await known(world)
    with pytest.raises(RegistryLoginError):
        await deployed(world)


async def test_only_what_the_registry_takes_is_kept(world: World) -> None:
    world.fake.podman.unreachable.add("dead.example")

    with pytest.raises(RegistryLoginError, match=f"cannot log in to {PRIVATE}"):
        await logged_in(world, password="wrong")  # noqa: S106
    with pytest.raises(RegistryUnreachableError, match=r"cannot log in to dead\.example: the registry does not answer"):
        await logged_in(world, "dead.example")

    assert () == await known(world)


async def test_a_pull_needs_neither_sops_nor_the_age_key(world: World) -> None:
    await logged_in(world)
    world.fake.secrets.is_missing = True
    world.settings.age_key.unlink()

    assert 1 == (await deployed(world)).release
    assert (PRIVATE,) == await known(world)


async def test_a_login_replaces_the_one_before_and_leaves_others_alone(world: World) -> None:
    await logged_in(world, "quay.io", "1")
    await logged_in(world, password=PASSWORD)
    world.fake.podman.private["quay.io"] = (USER, "2")

    assert (PRIVATE, "quay.io") == await logged_in(world, "quay.io", "2")

    assert ["c3", "c3.sops.json", "c3.toml"] == kept(world)
    assert 1 == (await deployed(world)).release


async def test_an_older_password_goes_with_the_next_change_if_a_killed_process_left_it(world: World) -> None:
    await logged_in(world, "quay.io", "1")
    shutil.copytree(world.settings.state / "secrets/host", world.directory / "before")
    await logged_in(world, "quay.io", "2")
    shutil.copytree(world.directory / "before", world.settings.state / "secrets/host", dirs_exist_ok=True)

    await logged_in(world)

    assert ["c3", "c3.sops.json", "c3.toml"] == kept(world)


async def test_nothing_of_a_password_is_in_any_file_nor_where_a_request_is_named(world: World) -> None:
    await logged_in(world)
    await deployed(world)

    found = [path for path in world.directory.rglob("*") if path.is_file() and b"c4nary" in path.read_bytes()]
    assert [] == found
    assert f"Login({USER} at {PRIVATE})" == repr(Login(registry=PRIVATE, user=USER, password=PASSWORD))


async def test_all_who_log_in_at_once_are_logged_in_and_whoever_looks_meanwhile_sees_some_of_them(world: World) -> None:
    registries = tuple(f"r{number}.example" for number in range(8))
    seen: list[tuple[str, ...]] = []

    async def look() -> None:
        while len(seen) < 200 and (not seen or len(seen[-1]) < len(registries)):
            seen.append(await known(world))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(look)
        for one in registries:
            tasks.start_soon(logged_in, world, one)

    assert registries == await known(world)
    assert sorted(len(one) for one in seen) == [len(one) for one in seen]


async def test_whoever_looks_waits_for_whoever_changes_them(world: World) -> None:
    await logged_in(world)
    lock = world.process().state.vault.try_host()
    assert lock is not None

    with lock, anyio.move_on_after(0.05) as waiting:
        await known(world)

    assert waiting.cancelled_caught
    assert (PRIVATE,) == await known(world)


async def test_what_was_sealed_with_another_host_key_says_how_to_seal_it_again(world: World) -> None:
    await logged_in(world)
    world.fake.seal.key = "another"

    for attempt in (known, deployed, logged_in):
        with pytest.raises(PvdifyError, match="this host cannot open it") as caught:
            await attempt(world)
        assert isinstance(caught.value, NotSealedError)
        assert "pvdify secrets:reseal" in caught.value.hint


async def test_a_lost_age_key_keeps_no_new_login_and_leaves_those_that_there_are(world: World) -> None:
    await logged_in(world)
    world.settings.age_key.unlink()

    with pytest.raises(KeyMissingError):
        await logged_in(world, "quay.io")

    assert (PRIVATE,) == await known(world)


async def test_what_nobody_logged_in_to_cannot_be_logged_out_of(world: World) -> None:
    with pytest.raises(NotFoundError, match=PRIVATE):
        await logout(world.process(), Logout(registry=PRIVATE), ADA)


@pytest.mark.parametrize("user", ["", "pat:", ":pat", "p:at", "pat\n:"])
def test_a_user_with_a_colon_in_it_is_refused(user: str) -> None:
    with pytest.raises(SpecError) as caught:
        from_value({"registry": PRIVATE, "user": user, "password": PASSWORD}, Login, what="the request")

    assert "/user" == caught.value.pointer
