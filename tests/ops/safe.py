"""A host in memory whose apps have secrets, and what an operator does about who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import PvdifyError
from pvdify.model.requests import CreateApp, ForRecipient, Nothing, Reseal, SetConfig
from pvdify.ops.config import set_config
from pvdify.ops.create import create_app
from pvdify.ops.every_config import every_version
from pvdify.ops.host_secrets import keep_logins
from pvdify.ops.perform import perform
from pvdify.ops.reseal import reseal
from pvdify.ops.secrets import add_recipient, remove_recipient, rotate
from pvdify.ops.vault import HOST, decrypted_config
from tests.ops.world import APP, Run, World

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.model.answers import Changed
    from pvdify.model.vault import AgeKey, SealWith

OTHER = "shop"
VERSIONS = ((APP, 2), (APP, 1), (HOST, 1), (OTHER, 1))


@dataclass(frozen=True, slots=True)
class Safe:
    """`blog` runs with c2 and has c1 warm, `shop` has c1 for its first release, and the host a login for a registry."""

    world: World

    async def fill(self) -> None:
        """Make it so."""
        await self.world.begin("v1")
        await self.set(APP, LEVEL="info")
        await self.set(APP, LEVEL="debug")
        request = CreateApp(name=OTHER)
        await self._perform("apps.create", OTHER, lambda host, one: create_app(host, one, request))
        await self.set(OTHER, COLOUR="red")
        await keep_logins(self.world.process(), {"ghcr.io": "ada:s3cret"}, actor="ada")

    def fork(self, directory: Path) -> Safe:
        """The same once more, in *directory*."""
        return Safe(self.world.fork(directory))

    async def set(self, app: str, **variables: str) -> Changed:
        """Set variables of an app."""
        request = SetConfig(app=app, vars=dict(variables))
        return await self._perform("config.set", app, lambda host, one: set_config(host, one, request))

    async def rotate(self) -> Changed:
        """Give the host another key."""
        return await self._perform("secrets.rotate", "", lambda host, one: rotate(host, one, Nothing()))

    async def add(self, key: AgeKey) -> Changed:
        """Let somebody read, too."""
        request = ForRecipient(recipient=key.public)
        return await self._perform("secrets.add", "", lambda host, one: add_recipient(host, one, request))

    async def remove(self, key: AgeKey) -> Changed:
        """Let somebody read no more."""
        request = ForRecipient(recipient=key.public)
        return await self._perform("secrets.remove", "", lambda host, one: remove_recipient(host, one, request))

    async def reseal(self, seal: SealWith | None = None) -> Changed:
        """Seal everything again."""
        return await self._perform("secrets.reseal", "", lambda host, one: reseal(host, one, Reseal(seal=seal)))

    async def read(self) -> dict[str, str]:
        """What all configs hold, as the host reads them; the name of an error for one that it cannot read."""
        host, found = self.world.process(), {}
        for app, version in every_version(host):
            name = f"{app} c{version}"
            try:
                document = await decrypted_config(host, app, host.state.configs.meta(app, version))
                found[name] = msgspec.json.encode([document.vars, document.files], order="sorted").decode()
            except PvdifyError as error:
                found[name] = error.code
        return found

    async def opened_by(self, key: AgeKey) -> frozenset[tuple[str, int]]:
        """Which versions somebody opens who has that key, and a copy of the files."""
        host, file = self.world.process(), self.world.directory / "somebody.key"
        file.write_text(key.text())
        found = set()
        for app, version in every_version(host):
            text = host.state.configs.text(app, host.state.configs.meta(app, version))
            try:
                await self.world.fake.secrets.decrypt(text, what="", keys=file)
                found.add((app, version))
            except PvdifyError:
                continue
        return frozenset(found)

    def unsealed(self) -> list[str]:
        """The versions that are not sealed as they should be."""
        host, found = self.world.process(), []
        for app, version in every_version(host):
            try:
                host.state.configs.check_sealed(app, host.state.configs.meta(app, version))
            except PvdifyError:
                found.append(f"{app} c{version}")
        return found

    def text(self, app: str, version: int) -> Path:
        """Where a SOPS file is."""
        return self.world.settings.configs(app) / f"c{version}.sops.json"

    @property
    def keys(self) -> tuple[AgeKey, ...]:
        """The keys that the host has."""
        return self.world.process().state.vault.keys()

    @property
    def is_unfinished(self) -> bool:
        """Whether something of it is not done yet."""
        return self.world.process().state.vault.readers().is_unfinished

    async def _perform(self, name: str, app: str, run: Run) -> Changed:
        return await perform(self.world.process(), name, app=app, actor="ada", run=run)
