"""What the ops need of a host, each as a role. Adapters fill them; the promise of each method stands here and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from pvdify.model.edge import EdgeKind
    from pvdify.model.image import Image
    from pvdify.model.names import UnitName
    from pvdify.ports.edge import Cloudflare, Edge
    from pvdify.ports.secrets import Lockbox, Memory, Seal, Secrets

Progress = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStatus:
    """A unit as systemd sees it. Numbers are None where systemd has none (no controller, never started)."""

    unit: UnitName
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    source: str = ""
    fragment: str = ""
    result: str = "success"
    exit_code: str = ""
    exit_status: int | None = None
    restarts: int = 0
    main_pid: int = 0
    since: str = ""
    memory: int | None = None
    cpu_seconds: float | None = None
    needs_reload: bool = False

    @property
    def is_active(self) -> bool:
        """Whether systemd calls it up, or on its way up or down."""
        return self.active in {"active", "activating", "reloading", "deactivating"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a slice takes, with all that runs in it. None where the kernel does not count, or nothing has run."""

    memory: int | None = None
    cpu_seconds: float | None = None


class Systemd(Protocol):
    """The service manager."""

    async def version(self) -> int:
        """Systemd's own version, for example 257."""

    async def reload(self) -> None:
        """Make systemd run its generators and read all units again; running units are not touched."""

    async def start(self, *units: UnitName, timeout: float) -> None:
        """Forget earlier failures of *units*, start them together and return once all are active.

        Raise `UnitFailedError` naming the first that is not; the others stay as they are. After *timeout* seconds the same, with result `timeout`.
        """

    async def stop(self, *units: UnitName) -> None:
        """Stop *units* and return once they are; stopping what is stopped or unknown is fine."""

    async def reset_failed(self, *units: UnitName) -> None:
        """Forget failures of *units*; unknown ones are fine."""

    async def show(self, *units: UnitName) -> tuple[UnitStatus, ...]:
        """The state of each of *units*, in that order; an unknown unit has load `not-found`."""

    async def active(self, pattern: str) -> frozenset[UnitName]:
        """The units whose name fits the glob *pattern* and that are up: one cheap question, however many they are."""

    async def usage(self, *slices: UnitName) -> tuple[Usage, ...]:
        """What each of *slices* takes, in that order, counted since it was first up; cheap, however many they are."""

    async def matching(self, pattern: str) -> tuple[UnitStatus, ...]:
        """Every unit that systemd has in memory (all that run or failed are) whose name fits the glob *pattern*."""

    async def lend(self, units: Mapping[UnitName, bytes]) -> None:
        """Make *units* known without a reload (until `take_back`, or a reboot), in /run/systemd/system."""

    async def take_back(self, *units: UnitName) -> None:
        """Remove lent units' files; without arguments, all that were ever lent. Running units go on; a reload must follow."""

    async def lent(self) -> tuple[UnitName, ...]:
        """The names of what is lent now."""


class Quadlet(Protocol):
    """The validators: Podman's generator, `systemd-analyze` and the programs' own checks of their configuration."""

    async def generate(self, directory: Path, names: tuple[str, ...]) -> Mapping[UnitName, bytes]:
        """What Podman's generator makes of the files *names* in *directory*, by unit.

        Raise `RenderError` if it refuses one, drops one, or says `unsupported` of one.
        """

    async def verify(self, units: Mapping[UnitName, bytes]) -> None:
        """Let systemd read *units*; raise `RenderError` with its words if it does not take a line."""

    async def version(self) -> tuple[int, int, int]:
        """Podman's version."""


class Workers(StrEnum):
    """What a drain saw."""

    BUSY = "busy"
    DRAINED = "drained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One instance as the router's server; if it is checked, every *interval*."""

    name: str
    port: int
    is_checked: bool = False
    interval: str = "2s"


class Router(Protocol):
    """The local proxy that owns every front."""

    async def check(self, config: Path) -> None:
        """Raise `RenderError` with the router's own words if it would not take *config*."""

    async def is_running(self) -> bool:
        """Whether the router's service is up."""

    async def reload(self) -> None:
        """Make the router read the configuration in force again, losing no request; raise `RouterError` if it refuses."""

    async def mark(self) -> str:
        """The mark of the configuration that the worker has read; empty where it has none. Raise `RouterError` if it does not answer."""

    async def reconcile(self, app: str, servers: tuple[Server, ...]) -> None:
        """Make exactly *servers* take new requests of *app*, and let all others finish what they have.

        Read back and repeated until it holds, also while somebody reloads the router. Raise `RouterError` if it cannot be made to hold.
        """

    async def hold(self, app: str) -> None:
        """Keep new requests of *app* waiting (at most 10 s each) until `reconcile` gives it a usable server."""

    async def drained(self, app: str, names: tuple[str, ...]) -> Workers:
        """Whether no worker, old ones included, has a connection to the servers *names*; silence means busy."""

    async def forget(self, app: str, names: tuple[str, ...]) -> None:
        """Drop the servers *names*, which must be drained or dead; unknown ones are fine."""

    async def servers(self, app: str) -> tuple[Server, ...]:
        """The servers of *app* that take new requests now."""

    async def known(self, app: str) -> tuple[str, ...]:
        """The names of all servers of *app*, also of those that only finish what they have, or are dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """How to fetch an image. *logins* are `user:password` by registry, or by the start of a path in one."""

    reference: str
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container in pvdify's store."""

    name: str
    image_id: str = ""
    state: str = ""
    address: str = ""


class Podman(Protocol):
    """pvdify's own image and container store."""

    async def image(self, reference: str) -> Image | None:
        """What the store knows of *reference* (a name, `name@digest` or an id); None if it is not there."""

    async def pull(self, pull: Pull, progress: Progress) -> Image:
        """Fetch an image, or find it unchanged; *progress* gets short lines.

        Raise `ImageNotFoundError`, `RegistryLoginError`, `RegistryUnreachableError`, `DiskLowError` or `HostError`.
        """

    async def login(self, registry: str, user: str, password: str) -> None:
        """Prove the login at *registry*, and keep it nowhere; raise `RegistryLoginError` or `RegistryUnreachableError`."""

    async def architecture(self) -> str:
        """This machine's architecture in OCI's words, for example `amd64`."""

    async def images(self) -> tuple[Image, ...]:
        """Every image in the store."""

    async def remove_image(self, image_id: str) -> None:
        """Remove an image with all its names; one that is not there is fine, one in use raises `HostError`."""

    async def containers(self, prefix: str) -> tuple[Container, ...]:
        """Containers, running or not, whose name starts with *prefix*."""

    async def remove_container(self, name: str) -> None:
        """Remove a container, killing it first if need be; one that is not there is fine."""

    async def volumes(self, prefix: str) -> tuple[str, ...]:
        """Names of volumes that start with *prefix*, also those that the store forgot in a reboot."""

    async def remove_volume(self, name: str) -> None:
        """Remove a volume and its data; one that is not there is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request got: a status, or an error in words. Names of headers are in lower case."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: str = ""
    latency_ms: float = 0.0
    error: str = ""


class Network(Protocol):
    """The host's side of ports: requests to instances and fronts, and who holds a port."""

    async def get(self, port: int, path: str, *, headers: Mapping[str, str], timeout: float) -> Answer:
        """GET `http://127.0.0.1:port/path` over a new connection: no redirects, no proxy, at most 64 KiB of body. Never raises."""

    async def connects(self, address: str, port: int, *, timeout: float) -> bool:
        """Whether a TCP connection to *address* opens."""

    async def holder(self, port: int) -> str | None:
        """Who listens on 127.0.0.1:*port* (or on all addresses), in words such as `nginx (pid 12, nginx.service)`; None if nobody does."""

    async def reserve(self, candidates: tuple[int, ...], count: int) -> tuple[int, ...]:
        """The first *count* of *candidates* that could be bound now; fewer if there are not so many."""


class Resolver(Protocol):
    """Where names lead, as this machine sees it."""

    async def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of *name*, IPv4 first; none if it leads nowhere. Raise `HostError` where nobody answers that."""

    async def addresses(self) -> tuple[str, ...]:
        """The addresses that this machine sends from, IPv4 first, public or not; none where it has no network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines of the journal are wanted; times as systemd reads them, or ISO 8601, or how long ago (`10m`).

    *grep* is text that a line has, not an expression; in small letters it fits capitals too. Behind *after_cursor* all lines are wanted.
    """

    app: str
    process: str | None = None
    release: int | None = None
    unit: UnitName | None = None
    since: str | None = None
    lines: int | None = 100
    grep: str | None = None
    follow: bool = False
    after_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line that an app wrote."""

    at: str
    instance: str
    release: int | None
    text: str
    is_error: bool
    cursor: str


class Logs(Protocol):
    """The journal."""

    def read(self, query: LogQuery) -> AsyncGenerator[LogLine, None]:
        """The lines that fit *query*, oldest first; then, if it follows, new ones until the reader stops."""

    async def tail(self, unit: UnitName, *, since: datetime | None, lines: int) -> tuple[str, ...]:
        """The last *lines* that the container of *unit* wrote since then."""

    async def was_oom_killed(self, unit: UnitName, *, since: datetime | None) -> bool:
        """Whether the kernel's or systemd's out-of-memory killer ended a process of *unit* since then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A piece of what a program writes; at last its exit status."""

    data: bytes = b""
    is_error: bool = False
    status: int | None = None


class Console(Protocol):
    """One-off commands in an app's image."""

    async def run(self, argv: tuple[str, ...], *, interactive: bool) -> int:
        """Run *argv* with this process's terminal or pipes, and return its exit status."""

    def stream(self, argv: tuple[str, ...]) -> AsyncGenerator[Output, None]:
        """Run *argv* with nothing to read, and answer what it writes as it does, then how it ended (128 + N for signal N).

        Closed early, it kills the program.
        """


class Clock(Protocol):
    """The time of day; waiting is anyio's."""

    def now(self) -> datetime:
        """Now, with UTC as its zone."""

    def boot_id(self) -> str:
        """The kernel's id of this boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All roles of one machine."""

    systemd: Systemd
    quadlet: Quadlet
    router: Router
    podman: Podman
    network: Network
    resolver: Resolver
    logs: Logs
    console: Console
    secrets: Secrets
    seal: Seal
    memory: Memory
    lockbox: Lockbox
    edges: Mapping[EdgeKind, Edge]
    cloudflare: Cloudflare
    clock: Clock
