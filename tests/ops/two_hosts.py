"""Two hosts in memory: one that there was, and a bare one, with the file that goes from the one to the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pvdify.model.caller import Caller
from pvdify.model.requests import (
    Backup,
    CreateApp,
    CreateToken,
    Deploy,
    ForApp,
    Init,
    Login,
    Nothing,
    Restore,
    SetConfig,
    ShowConfig,
)
from pvdify.model.vault import AgeKey
from pvdify.ops.backup import backup
from pvdify.ops.config import list_versions, set_config, show_config
from pvdify.ops.create import create_app
from pvdify.ops.deploy import deploy
from pvdify.ops.init import init
from pvdify.ops.perform import perform
from pvdify.ops.registry import list_logins, login
from pvdify.ops.releases import list_releases
from pvdify.ops.restore import restore
from pvdify.ops.stop import stop_app
from pvdify.ops.tokens import create_token
from tests.ops.world import APP, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pvdify.model.answers import Changed
    from pvdify.model.backup_answers import BackedUp
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

    Run = Callable[[Host, Running], Awaitable[Changed]]

KEY = AgeKey(public="age1" + "q" * 58, secret="AGE-SECRET-KEY-1" + "Q" * 58)
ADA = Caller(name="ada")
SHOP, IDLE = "shop", "idle"
PRIVATE = "private.example:5001"
PASSWORD = "secret"  # noqa: S105 -- of a registry in memory


@dataclass
class Hosts:
    """The host that there was, and the bare one. *token* is the text of one of the old host, *key* what the file is opened with."""

    directory: Path
    old: World = field(init=False)
    new: World = field(init=False)
    token: str = ""
    key: str = KEY.secret

    def __post_init__(self) -> None:
        self.old, self.new = World(self.directory / "old"), World(self.directory / "new")
        self.new.fake.seal.key = "host-2"
        for world in (self.old, self.new):
            world.fake.podman.private[PRIVATE] = ("pat", PASSWORD)
            world.fake.podman.registry[f"{PRIVATE}/shop:v1"] = world.fake.podman.registry["ghcr.io/org/blog:v3"]

    @property
    def file(self) -> Path:
        """The backup."""
        return self.directory / "host.pvdify"

    async def begin(self) -> None:
        """`blog` is back at an earlier release, with the config of that; `shop` is stopped, its image private; `idle` has no release."""
        await self.old.begin("v1")
        for value in ("hello", "good day"):
            await self.configure(GREETING=value)
            await self.old.do("v2" if value == "hello" else "v3")
        await self.old.do("rollback")
        await self.old.do("scale")
        await login(self.old.process(), Login(registry=PRIVATE, user="pat", password=PASSWORD), ADA)
        for app in (SHOP, IDLE):
            await self.change(app, "apps.create", partial(_created, app))
        await self.change(SHOP, "releases.create", _deployed)
        await self.change(SHOP, "ps.stop", _stopped)
        made = await create_token(self.old.process(), CreateToken(name="ci"), ADA)
        self.token = made.token
        await init(self.new.process(), Init())

    async def change(self, app: str, name: str, run: Run) -> Changed:
        """Change something of the old host."""
        return await perform(self.old.process(), name, app=app, actor="ada", run=run)

    async def configure(self, **variables: str) -> None:
        """Set variables of `blog`, for its next release."""
        request = SetConfig(app=APP, vars=dict(variables), files={"cert": b"---"}, deploy=False)
        await self.change(APP, "config.set", lambda host, one: set_config(host, one, request))

    def volume(self, world: World, name: str) -> Path:
        """The data of a volume of `blog`."""
        path = world.settings.volumes / f"pvdify-{APP}-{name}" / "_data"
        if world is self.old:
            path.mkdir(parents=True)
        return path

    async def take(self, world: World | None = None, **options: Any) -> BackedUp:
        """Back the old host up."""
        host = (world or self.old).process()
        return await backup(host, Backup(file=str(self.file), **{"to": (KEY.public,), **options}), ADA)

    async def bring(self, world: World | None = None) -> Changed:
        """Restore it on the new one."""
        request = Restore(file=str(self.file), keys=(self.key,))
        host = (world or self.new).process()
        return await perform(host, "restore", app="", actor="ada", run=lambda host, one: restore(host, one, request))


async def seen(world: World) -> dict[str, object]:
    """All that must be the same on another machine."""
    host = world.process()
    rows = host.state.current().apps
    found: dict[str, object] = {
        "tokens": host.state.tokens(),
        "logins": await list_logins(host, Nothing()),
        "keys": (host.state.vault.keys(), host.state.vault.settings()),
    }
    for app, row in rows.items():
        found[app] = (
            *(row.front, row.ids, row.live, row.warm, row.is_stopped, row.formation, row.created_at, row.config),
            *(row.environment, row.declared, row.image, host.state.is_edited(row), host.state.slot_text(app)),
            await list_releases(host, ForApp(app=app)),
            await list_versions(host, ForApp(app=app)),
            await show_config(host, ShowConfig(app=app, reveal=True)),
            len(row.live_instances()),
            world.fake.network.router is not None and len(world.fake.router.serving(app)),
            sorted(one for one in world.fake.systemd.running() if one.startswith(f"pvdify-{app}-v")),
        )
    return found


async def _created(app: str, host: Host, running: Running) -> Changed:
    return await create_app(host, running, CreateApp(name=app))


async def _deployed(host: Host, running: Running) -> Changed:
    return await deploy(host, running, Deploy(app=SHOP, image=f"{PRIVATE}/shop:v1"))


async def _stopped(host: Host, running: Running) -> Changed:
    return await stop_app(host, running, ForApp(app=SHOP))
