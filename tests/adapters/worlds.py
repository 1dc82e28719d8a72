"""What the contract of each role is tried on: how a test arranges things, whoever fills the role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pvdify.model.manifest import AppRow
    from pvdify.model.names import UnitName
    from pvdify.ports import Console, Logs, Network, Podman, Quadlet, Router, Systemd
    from pvdify.ports.edge import Cloudflare, Edge
    from pvdify.ports.secrets import Seal, Secrets
    from tests.fakes.cloudflare import FakeAccount


class SystemdWorld(Protocol):
    """Units that do as they are told."""

    @property
    def port(self) -> Systemd:
        """Who is tried."""

    def lasting(self, unit: UnitName) -> bytes:
        """A unit that stays up."""

    def failing(self, unit: UnitName) -> bytes:
        """A unit whose start fails."""

    def crashing(self, unit: UnitName) -> bytes:
        """A unit that starts, exits with 3, and is started again and again."""

    def target(self, *wanted: UnitName) -> bytes:
        """A target that wants others."""


class QuadletWorld(Protocol):
    """Quadlet files in a directory."""

    @property
    def port(self) -> Quadlet:
        """Who is tried."""

    @property
    def directory(self) -> Path:
        """Where the files are."""

    def write(self, name: str, text: str) -> None:
        """Put a file there."""

    def write_refused(self, name: str) -> None:
        """Put a file there that Quadlet refuses."""

    def refused_unit(self, unit: UnitName) -> bytes:
        """A unit that systemd does not take as it is."""


class RouterWorld(Protocol):
    """A router whose configuration is that of a generation."""

    @property
    def port(self) -> Router:
        """Who is tried."""

    def publish(self, *apps: AppRow) -> None:
        """Put in force a configuration with these apps."""

    def spoil(self) -> None:
        """Put in force a configuration that no router takes."""

    @property
    def config(self) -> Path:
        """The configuration in force."""

    def request(self, app: AppRow, server: str) -> AbstractAsyncContextManager[None]:
        """A request to *app* that *server*, the only one that takes new ones, is busy with for as long as the context lasts."""


class EdgeWorld(Protocol):
    """A Caddy whose file is that of a generation."""

    @property
    def port(self) -> Edge:
        """Who is tried."""

    def publish(self, *apps: AppRow) -> None:
        """Put in force a file with these apps."""

    def spoil(self) -> None:
        """Put in force a file that it does not take."""

    def has_no_certificate(self, name: str) -> None:
        """See to it that there is none for *name*."""

    @property
    def config(self) -> Path:
        """The file in force."""

    async def front_of(self, name: str) -> int | None:
        """The front that somebody who asks for *name* over HTTPS gets to; None if they get nowhere."""


class PodmanWorld(Protocol):
    """A store, and two registries: one for everybody, one with a login."""

    open: str
    private: str
    dead: str
    user: str
    password: str
    image: str
    """`repository:tag` of an image in both registries that exposes 8080."""

    @property
    def port(self) -> Podman:
        """Who is tried."""


class NetworkWorld(Protocol):
    """Ports of this machine."""

    @property
    def port(self) -> Network:
        """Who is tried."""

    def answers(self, status: int, headers: dict[str, str], body: str) -> AbstractAsyncContextManager[int]:
        """A port that answers so."""

    def is_closed(self) -> int:
        """A port that nobody listens on."""


class ConsoleWorld(Protocol):
    """Programs that write what they are told."""

    @property
    def port(self) -> Console:
        """Who is tried."""

    def program(self, out: str, err: str, status: int) -> tuple[str, ...]:
        """A program that writes *out* and *err* and ends with *status*."""

    def endless(self, out: str, mark: str) -> tuple[str, ...]:
        """A program that writes *out*, and goes on with another one that it started; *mark* is its own."""

    def is_over(self, argv: tuple[str, ...]) -> bool:
        """Whether the endless program does not run any more."""


class LogsWorld(Protocol):
    """A journal."""

    @property
    def port(self) -> Logs:
        """Who is tried."""

    def write(self, unit: UnitName, text: str, *, is_error: bool = False) -> None:
        """Let the container of *unit* write a line."""


class SecretsWorld(Protocol):
    """SOPS and age."""

    @property
    def port(self) -> Secrets:
        """Who is tried."""


class SealWorld(Protocol):
    """A host with a key of its own."""

    @property
    def port(self) -> Seal:
        """Who is tried."""


class CloudflareWorld(Protocol):
    """What Cloudflare keeps of one operator."""

    @property
    def port(self) -> Cloudflare:
        """Who is tried."""

    @property
    def account(self) -> FakeAccount:
        """What is kept, and what goes wrong."""
