"""The slot: what an operator declares of an app."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pvdify.errors import SpecError
from pvdify.model.domain import DomainText, domain_name
from pvdify.model.names import WEB, AppName, ProcessName
from pvdify.model.patterns import closed
from pvdify.model.quantity import Cpu, Duration, Size, seconds
from pvdify.model.variables import EnvKey, EnvValue, is_denied, unwritable

ImageText = Annotated[str, Meta(max_length=512, description="registry/path:tag or registry/path@sha256:…")]
FrontPort = Annotated[int, Meta(ge=3000, le=9999)]
ContainerPort = Annotated[int, Meta(ge=1, le=65_535)]
Command = str | tuple[str, ...]
HealthPath = Annotated[
    str,
    Meta(
        pattern=closed(r"(?!.*/\.\.(?:/|$))/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,255}"),
        description="a path on the instance itself, for example /health",
    ),
]
Capability = Annotated[str, Meta(pattern=closed(r"[A-Z][A-Z_]{2,30}"))]

WATCH_FLOOR: Final = 10
RESERVED_FRONTS: Final = frozenset({9443})
DEFAULT_CAPABILITIES: Final = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Declared values: unknown keys are typos."""


class Environment(StrEnum):
    """What an app is for."""

    PRODUCTION = "production"
    STAGING = "staging"
    PREVIEW = "preview"


class HealthType(StrEnum):
    """How an instance is asked whether it is up."""

    HTTP = "http"
    TCP = "tcp"
    NONE = "none"


class Healthcheck(_Spec, frozen=True, kw_only=True):
    """How, and for how long, a new instance is asked before it gets traffic."""

    type: HealthType = HealthType.HTTP
    path: HealthPath | None = None
    interval: Duration = "2s"
    timeout: Duration = "30s"


class Resources(_Spec, frozen=True, kw_only=True):
    """Limits of one instance."""

    memory: Size | None = None
    cpu: Cpu | None = None
    tasks: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class Volume(_Spec, frozen=True, kw_only=True):
    """A named volume: its data outlive releases, restarts and, unless told otherwise, the app."""

    name: Annotated[str, Meta(pattern=closed(r"[a-z][a-z0-9-]{0,30}"))]
    path: Annotated[str, Meta(pattern=closed(r"/(?:[A-Za-z0-9._-]+/?){1,16}"), max_length=255)]
    read_only: bool = False


class Process(_Spec, frozen=True, kw_only=True):
    """One long-running command of a slot; each instance becomes one Quadlet container."""

    command: Command | None = None
    count: Annotated[int, Meta(ge=0, le=100)] = 1
    resources: Resources | None = None
    volumes: tuple[Volume, ...] = ()
    overlap: bool | None = None


class Slot(_Spec, frozen=True, kw_only=True):
    """The declaration of one app; `slot.toml` on disk."""

    name: AppName
    environment: Environment = Environment.PRODUCTION
    image: ImageText | None = None
    processes: dict[ProcessName, Process] = msgspec.field(default_factory=lambda: {WEB: Process()})
    bind_port: FrontPort | None = None
    port: ContainerPort | None = None
    domains: tuple[DomainText, ...] = ()
    resources: Resources | None = None
    healthcheck: Healthcheck | None = None
    env: dict[EnvKey, EnvValue] = msgspec.field(default_factory=dict)
    release_command: Command | None = None
    release_timeout: Duration = "10m"
    drain: Duration = "30s"
    stop: Duration = "10s"
    settle: Duration = "1s"
    watch: Duration = "120s"
    capabilities: tuple[Capability, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what no single field can show."""
        if not self.processes:
            raise ValueError("a slot needs at least one process")
        if "release" in self.processes:
            raise ValueError("`release` is not a process: say release_command")
        if self.bind_port in RESERVED_FRONTS:
            message = f"bind_port {self.bind_port} is pvdify's own"
            raise ValueError(message)
        if seconds(self.watch) < WATCH_FLOOR:
            message = f"watch is at least {WATCH_FLOOR} s: a crash loop takes that long to show"
            raise ValueError(message)
        for key in self.env:
            if is_denied(key):
                message = f"env {key} is set or forbidden by pvdify"
                raise ValueError(message)
        if self.capabilities is not None and (unknown := set(self.capabilities) - set(DEFAULT_CAPABILITIES)):
            message = f"capabilities {', '.join(sorted(unknown))} cannot be added, only {', '.join(DEFAULT_CAPABILITIES)} kept"
            raise ValueError(message)
        _check_domains(self)
        _check_volumes(self)
        _check_characters(self)


def _check_domains(slot: Slot) -> None:
    for text in slot.domains:
        try:
            domain_name(text)
        except SpecError as error:
            raise ValueError(error.message) from error


def _check_volumes(slot: Slot) -> None:
    for process in slot.processes.values():
        paths = [volume.path.rstrip("/") for volume in process.volumes]
        if len(set(paths)) != len(paths):
            raise ValueError("two volumes have one path")
        if any(".." in path.split("/") for path in paths):
            raise ValueError("a volume's path has no `..`")


def _check_characters(slot: Slot) -> None:
    commands = (*(process.command for process in slot.processes.values()), slot.release_command)
    for text in (*slot.env.values(), *(word for command in commands for word in words(command))):
        if found := unwritable(text):
            message = f"the character {found} cannot be passed to a process"
            raise ValueError(message)


def words(command: Command | None) -> tuple[str, ...]:
    """*command* as an argument vector; a string is split like a shell splits words, and no shell runs.

    >>> words("npm run 'my worker'")
    ('npm', 'run', 'my worker')
    """
    if command is None:
        return ()
    if not isinstance(command, str):
        return command
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise SpecError(f"cannot split the command {command!r} into words: {error}", pointer="/processes") from error


def overlaps(process: Process | None) -> bool:
    """Whether old and new instances of a process may run side by side; not by default when they would write one volume."""
    if process is None:
        return True
    if process.overlap is not None:
        return process.overlap
    return all(volume.read_only for volume in process.volumes)
