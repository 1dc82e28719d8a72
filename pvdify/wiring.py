"""This machine: every role filled. Only the roots import this, when they run."""

from __future__ import annotations

from pathlib import Path

from pvdify.model.edge import EdgeKind
from pvdify.model.place import Place
from pvdify.ops.host import Host
from pvdify.ports import Ports
from pvdify.store.paths import Settings
from pvdify.store.state import State


def local_host(settings: Settings | None = None) -> Host:
    """The host that this process runs on, its state where *settings* say, else where pvdify keeps it."""
    from pvdify.adapters.age import Age
    from pvdify.adapters.caddy import Caddy
    from pvdify.adapters.clock import SystemClock
    from pvdify.adapters.cloudflare import Cloudflare
    from pvdify.adapters.cloudflared import Cloudflared
    from pvdify.adapters.console import Terminal
    from pvdify.adapters.creds import SystemdCreds
    from pvdify.adapters.haproxy import HAProxy
    from pvdify.adapters.journald import Journald
    from pvdify.adapters.kernel import Kernel
    from pvdify.adapters.podman import Store
    from pvdify.adapters.quadlet import Generator
    from pvdify.adapters.resolver import SystemResolver
    from pvdify.adapters.sockets import Sockets
    from pvdify.adapters.sops import Sops
    from pvdify.adapters.systemctl import Systemctl

    settings = settings or Settings()
    run = settings.run
    return Host(
        ports=Ports(
            systemd=Systemctl(),
            quadlet=Generator(),
            router=HAProxy(
                worker=run / "router.sock",
                master=run / "router-master.sock",
                fronts=settings.state / "libexec" / "current" / "router-fronts",
            ),
            podman=Store(socket=run / "podman.sock", root=settings.state / "storage", runroot=run / "containers"),
            network=Sockets(),
            resolver=SystemResolver(),
            logs=Journald(),
            console=Terminal(),
            secrets=Sops(),
            seal=SystemdCreds(),
            memory=Kernel(),
            lockbox=Age(),
            edges={EdgeKind.CADDY: Caddy(Path(f"{run}-edge/admin.sock")), EdgeKind.CLOUDFLARED: Cloudflared()},
            cloudflare=Cloudflare(),
            clock=SystemClock(run),
        ),
        state=State(settings),
        place=Place(state=str(settings.state), run=str(settings.run)),
    )
