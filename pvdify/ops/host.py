"""The host, as the ops see it: its roles, its state directory, and where things are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvdify.errors import AppNotFoundError, StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.edge import EdgeKind
    from pvdify.model.manifest import AppRow
    from pvdify.model.place import Place
    from pvdify.model.slot import Slot
    from pvdify.ports import (
        Clock,
        Console,
        Logs,
        Network,
        Podman,
        Ports,
        Quadlet,
        Resolver,
        Router,
        Systemd,
    )
    from pvdify.ports.edge import Cloudflare, Edge
    from pvdify.ports.secrets import Lockbox, Memory, Seal, Secrets
    from pvdify.store.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One machine."""

    ports: Ports
    state: State
    place: Place

    @property
    def systemd(self) -> Systemd:
        """The service manager."""
        return self.ports.systemd

    @property
    def quadlet(self) -> Quadlet:
        """The validators."""
        return self.ports.quadlet

    @property
    def router(self) -> Router:
        """The local proxy."""
        return self.ports.router

    @property
    def podman(self) -> Podman:
        """Pvdify's own store of images and containers."""
        return self.ports.podman

    @property
    def network(self) -> Network:
        """The host's side of ports."""
        return self.ports.network

    @property
    def resolver(self) -> Resolver:
        """Where names lead."""
        return self.ports.resolver

    @property
    def logs(self) -> Logs:
        """The journal."""
        return self.ports.logs

    @property
    def console(self) -> Console:
        """One-off commands."""
        return self.ports.console

    @property
    def secrets(self) -> Secrets:
        """What is kept encrypted."""
        return self.ports.secrets

    @property
    def seal(self) -> Seal:
        """What is sealed for this host."""
        return self.ports.seal

    @property
    def memory(self) -> Memory:
        """The host's memory."""
        return self.ports.memory

    @property
    def lockbox(self) -> Lockbox:
        """Long streams that only the holders of a key read."""
        return self.ports.lockbox

    @property
    def edges(self) -> Mapping[EdgeKind, Edge]:
        """The programs that can bring the public here, by kind."""
        return self.ports.edges

    @property
    def cloudflare(self) -> Cloudflare:
        """Cloudflare's API."""
        return self.ports.cloudflare

    @property
    def clock(self) -> Clock:
        """The time of day."""
        return self.ports.clock

    def now(self) -> str:
        """Now, as it is written everywhere: ISO 8601, UTC, milliseconds."""
        return self.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def row(self, app: str) -> AppRow:
        """The row of *app* in the generation in force; raise `AppNotFoundError` if there is none."""
        row = self.state.current().apps.get(app)
        if row is None:
            raise AppNotFoundError(app)
        return row

    def slot(self, app: str) -> Slot:
        """What is declared of *app*, which is there; raise `StateError` where somebody took its `slot.toml` away."""
        if not self.state.has_slot(app):
            raise StateError(
                f"cannot read what is declared of {app}: {self.state.settings.slot(app)} is gone",
                hint=f'write at least `name = "{app}"` into it, or type `pvdify apps:destroy {app}`',
            )
        return self.state.slot(app)
