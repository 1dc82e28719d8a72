"""An image store and registries in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.errors import DiskLowError, HostError, ImageNotFoundError, RegistryLoginError, RegistryUnreachableError
from pvdify.model.image import Image, image_ref
from pvdify.model.names import UnitName, instance_of
from pvdify.ports import Container, Progress, Pull

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.systemd import FakeSystemd


@dataclass
class FakePodman:
    """An image store, and the registries that it pulls from."""

    registry: dict[str, Image] = field(default_factory=dict)
    """What can be pulled, by reference."""
    store: dict[str, Image] = field(default_factory=dict)
    """What is there, by id."""
    private: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Registries that want a login, with user and password."""
    unreachable: set[str] = field(default_factory=set)
    is_full: bool = False
    machine: str = "amd64"
    stray: dict[str, Container] = field(default_factory=dict)
    """Containers that no active unit runs, by name."""
    volume_names: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    """Ids of images that a container uses."""
    pulls: list[str] = field(default_factory=list)
    systemd: FakeSystemd | None = None

    async def image(self, reference: str) -> Image | None:
        await anyio.lowlevel.checkpoint()
        found = (one for one in self.store.values() if reference == one.id or reference in one.names)
        return next(found, None)

    async def pull(self, pull: Pull, progress: Progress) -> Image:
        await anyio.lowlevel.checkpoint()
        self.pulls.append(pull.reference)
        wanted = image_ref(pull.reference)
        self._reach(pull.reference, wanted.host)
        if wanted.host in self.private and self.private[wanted.host] != _login(pull.logins, wanted.repository):
            raise RegistryLoginError(pull.reference, wanted.host)
        found = self.registry.get(pull.reference) or next(
            (
                image
                for name, image in self.registry.items()
                if wanted.digest == image.digest and image_ref(name).repository == wanted.repository
            ),
            None,
        )
        if found is None:
            raise ImageNotFoundError(pull.reference)
        if self.is_full:
            raise DiskLowError(f"cannot pull {pull.reference}: no space left on device", hint="pvdify gc")
        await progress(f"pulled {found.digest[:19]}")
        before = self.store.get(found.id, found)
        names = {*before.names, pull.reference, wanted.pinned(found.digest)}
        self.store[found.id] = image = _named(found, names)
        return image

    async def login(self, registry: str, user: str, password: str) -> None:
        await anyio.lowlevel.checkpoint()
        self._reach(registry, registry)
        if registry in self.private and self.private[registry] != (user, password):
            raise RegistryLoginError(registry, registry)

    async def architecture(self) -> str:
        await anyio.lowlevel.checkpoint()
        return self.machine

    async def images(self) -> tuple[Image, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(self.store.values())

    async def remove_image(self, image_id: str) -> None:
        await anyio.lowlevel.checkpoint()
        if image_id in self.used:
            raise HostError(f"cannot remove image {image_id[:12]}: a container uses it")
        self.store.pop(image_id, None)

    async def containers(self, prefix: str) -> tuple[Container, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(one for name, one in sorted(self._containers().items()) if name.startswith(prefix))

    async def remove_container(self, name: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.stray.pop(name, None)
        if self.systemd is not None:
            self.systemd.orphans.discard(UnitName(f"{name}.service"))

    async def volumes(self, prefix: str) -> tuple[str, ...]:
        await anyio.lowlevel.checkpoint()
        return tuple(sorted(name for name in self.volume_names if name.startswith(prefix)))

    async def remove_volume(self, name: str) -> None:
        await anyio.lowlevel.checkpoint()
        self.volume_names.discard(name)

    def _reach(self, image: str, registry: str) -> None:
        if registry in self.unreachable:
            raise RegistryUnreachableError(image, registry, "connection refused")

    def _containers(self) -> dict[str, Container]:
        found = dict(self.stray)
        if self.systemd is not None:
            for unit in self.systemd.running() | self.systemd.orphans:
                if instance_of(unit) is not None:
                    name = unit.removesuffix(".service")
                    found[name] = Container(name=name, state="running", address="10.88.0.2")
        return found


def _login(logins: Mapping[str, str], repository: str) -> tuple[str, str] | None:
    fitting = [name for name in logins if f"{repository}/".startswith(f"{name}/")]
    if not fitting:
        return None
    user, _, password = logins[max(fitting, key=len)].partition(":")
    return user, password


def _named(image: Image, names: set[str]) -> Image:
    return msgspec.structs.replace(image, names=tuple(sorted(names)))
