"""Whatever is kept of a host stands in the table of `state/README.md`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pvdify.model.caller import Caller
from pvdify.model.requests import Login
from pvdify.ops.registry import login
from tests.adapters.cloudflare_world import FakeCloudflareWorld
from tests.fakes.cloudflare import ACCOUNT, TUNNEL
from tests.ops.cloud_world import REMOTE, CloudWorld
from tests.ops.named import applied
from tests.ops.world import APP
from tests.store.readme import unexplained

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS = json.dumps({"AccountTag": ACCOUNT, "TunnelSecret": "c2VjcmV0", "TunnelID": TUNNEL})


async def test_every_file_of_a_host_with_all_that_there_is_stands_in_the_readme(tmp_path: Path) -> None:
    world = CloudWorld(tmp_path)
    world.fake.podman.private["private.example"] = ("pat", "secret")
    await world.start(FakeCloudflareWorld())
    await login(world.process(), Login(registry="private.example", user="pat", password="secret"), Caller(name="ada"))  # noqa: S106 - of a registry in memory
    await world.put_edge(REMOTE, credentials=CREDENTIALS)
    await world.set({"A": "1"}, {"cert": b"---"})
    await world.lead()
    world.settings.pages(APP).mkdir()
    (world.settings.pages(APP) / "down.html").write_text("<h1>Gone fishing</h1>")
    await applied(world)
    state = world.settings.state

    files = {str(path.relative_to(state)) for path in state.rglob("*") if path.is_file() or path.is_symlink()}

    assert {"tunnels.json", f"apps/{APP}/dns.json", "secrets/edge/pvdify-tunnel.cred"} <= files
    assert [] == unexplained(files)
