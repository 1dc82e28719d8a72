"""The real store, with containers and volumes in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pvdify.adapters.podman import Store
from pvdify.adapters.process import run
from pvdify.errors import HostError
from pvdify.ports import Pull
from tests.adapters.real_worlds import SETTINGS, RealPodman
from tests.adapters.test_contract_podman import Told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NAME = "pvdify-machine-v1-web-1"
VOLUME = "pvdify-machine-data"
PODMAN = (
    "podman",
    "--root",
    f"{SETTINGS.state}/storage",
    "--runroot",
    f"{SETTINGS.run}/containers",
    "--transient-store",
)
DATA = Path(f"{SETTINGS.state}/storage/volumes/{VOLUME}")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """The store, with one container and its volume."""
    world = RealPodman()
    reference = f"{world.open}/{world.image}"
    await world.port.pull(Pull(reference=reference), Told())
    argv = (*PODMAN, "run", "--detach", "--name", NAME, "--volume", f"{VOLUME}:/data", "--pull=never", reference)
    (await run(*argv)).checked()
    yield world.port
    await world.port.remove_container(NAME)
    await world.port.remove_volume(VOLUME)


async def test_a_container_is_listed_with_its_address_and_removed_with_force(store: Store) -> None:
    (found,) = await store.containers("pvdify-machine-")

    image = await store.image(found.image_id)
    assert image is not None
    assert (NAME, "running") == (found.name, found.state)
    assert found.address.startswith("10.")
    assert () == await store.containers("pvdify-machine-v2-")

    await store.remove_container(NAME)

    assert () == await store.containers("pvdify-machine-")


async def test_an_image_in_use_keeps_all_its_names(store: Store) -> None:
    (container,) = await store.containers(NAME)
    before = await store.image(container.image_id)

    with pytest.raises(HostError, match=f"container {NAME} uses it"):
        await store.remove_image(container.image_id)

    assert before == await store.image(container.image_id)


async def test_a_volume_in_use_stays(store: Store) -> None:
    with pytest.raises(HostError, match="being used"):
        await store.remove_volume(VOLUME)

    assert (VOLUME,) == await store.volumes("pvdify-machine-")


async def test_a_volume_that_the_store_forgot_is_known_and_removed(store: Store) -> None:
    await store.remove_container(NAME)
    await run("mv", str(DATA), f"{DATA}.kept")
    await store.remove_volume(VOLUME)  # now the store knows nothing of it, as after a boot
    await run("mv", f"{DATA}.kept", str(DATA))

    assert (VOLUME,) == await store.volumes("pvdify-machine-")
    await store.remove_volume(VOLUME)

    assert () == await store.volumes("pvdify-machine-")


async def test_no_name_leads_out_of_the_store(store: Store) -> None:
    (await run("mkdir", f"{SETTINGS.state}/storage/precious")).checked()

    for name in ("../precious", ".", "..", ""):
        with suppress(HostError):
            await store.remove_volume(name)

    (await run("rmdir", f"{SETTINGS.state}/storage/precious")).checked()
    assert (VOLUME,) == await store.volumes("pvdify-machine-")


async def test_a_store_that_does_not_answer_is_named() -> None:
    gone = Store(socket=Path("/run/pvdify/nothing.sock"), root=SETTINGS.state, runroot=SETTINGS.run)

    with pytest.raises(HostError, match="cannot ask Podman") as caught:
        await gone.image("sample:v1")

    assert "pvdify-podman.socket" in caught.value.hint
