"""What every `Podman` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import ImageNotFoundError, RegistryLoginError, RegistryUnreachableError
from pvdify.model.image import image_ref
from pvdify.ports import Pull

if TYPE_CHECKING:
    from pvdify.model.image import Image
    from tests.adapters.worlds import PodmanWorld


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    async def __call__(self, line: str) -> None:
        self.lines.append(line)


async def pulled(podman: PodmanWorld) -> Image:
    return await podman.port.pull(Pull(reference=f"{podman.open}/{podman.image}"), Told())


def right(podman: PodmanWorld) -> dict[str, str]:
    return {podman.private: f"{podman.user}:{podman.password}"}


async def test_a_pulled_image_is_there_by_tag_digest_and_id(podman: PodmanWorld) -> None:
    told = Told()
    reference = f"{podman.open}/{podman.image}"

    image = await podman.port.pull(Pull(reference=reference), told)

    pinned = image_ref(reference).pinned(image.digest)
    for name in (reference, pinned, image.id):
        found = await podman.port.image(name)
        assert found is not None
        assert image.id == found.id
    assert (8080,) == image.ports
    assert await podman.port.architecture() == image.architecture
    assert {reference, pinned} <= set(image.names)
    assert image.id in {one.id for one in await podman.port.images()}
    assert told.lines
    assert all(line == line.strip() for line in told.lines)


async def test_the_same_image_again_is_the_same_image(podman: PodmanWorld) -> None:
    first = await pulled(podman)
    again = await podman.port.pull(
        Pull(reference=image_ref(f"{podman.open}/x").pinned(first.digest).replace("/x@", "/sample@")), Told()
    )

    assert (first.id, first.digest) == (again.id, again.digest)


async def test_what_is_not_there_is_none(podman: PodmanWorld) -> None:
    assert await podman.port.image(f"{podman.open}/nothing:v1") is None
    assert await podman.port.image(f"{podman.open}/sample@sha256:{'0' * 64}") is None


@pytest.mark.parametrize("name", ["sample:nothing", "nothing:v1", f"sample@sha256:{'0' * 64}"])
async def test_what_the_registry_does_not_have_is_not_found(podman: PodmanWorld, name: str) -> None:
    with pytest.raises(ImageNotFoundError, match=name):
        await podman.port.pull(Pull(reference=f"{podman.open}/{name}"), Told())


async def test_a_registry_that_is_not_there_is_unreachable(podman: PodmanWorld) -> None:
    with pytest.raises(RegistryUnreachableError, match="connection refused"):
        await podman.port.pull(Pull(reference=f"{podman.dead}/{podman.image}"), Told())
    with pytest.raises(RegistryUnreachableError, match="connection refused"):
        await podman.port.login(podman.dead, podman.user, podman.password)


async def test_a_private_registry_wants_the_right_login(podman: PodmanWorld) -> None:
    reference = f"{podman.private}/{podman.image}"
    wrong = {podman.private: f"{podman.user}:wrong", podman.open: f"{podman.user}:{podman.password}"}

    for logins in ({}, wrong):
        with pytest.raises(RegistryLoginError, match=f"{podman.private} asks for a login"):
            await podman.port.pull(Pull(reference=reference, logins=logins), Told())
    with pytest.raises(RegistryLoginError, match="cannot log in"):
        await podman.port.login(podman.private, podman.user, "wrong")
    await podman.port.login(podman.private, podman.user, podman.password)

    assert (await podman.port.pull(Pull(reference=reference, logins=right(podman)), Told())).id


async def test_a_proven_login_is_kept_nowhere(podman: PodmanWorld) -> None:
    await podman.port.login(podman.private, podman.user, podman.password)

    with pytest.raises(RegistryLoginError, match=f"{podman.private} asks for a login"):
        await podman.port.pull(Pull(reference=f"{podman.private}/{podman.image}"), Told())


async def test_a_removed_image_is_gone_with_all_its_names(podman: PodmanWorld) -> None:
    image = await pulled(podman)
    private = f"{podman.private}/{podman.image}"
    await podman.port.pull(Pull(reference=private, logins=right(podman)), Told())
    pinned = image_ref(private).pinned(image.digest)
    await podman.port.pull(Pull(reference=pinned, logins=right(podman)), Told())

    await podman.port.remove_image(image.id)
    await podman.port.remove_image(image.id)

    for name in (image.id, private, pinned):
        assert await podman.port.image(name) is None


async def test_what_is_not_there_can_be_removed(podman: PodmanWorld) -> None:
    await podman.port.remove_container("pvdify-nothing-v1-web-1")
    await podman.port.remove_volume("pvdify-nothing-data")

    assert () == await podman.port.containers("pvdify-nothing-")
    assert () == await podman.port.volumes("pvdify-nothing-")
