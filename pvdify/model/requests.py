"""What can be asked of pvdify: one struct per operation, the same in process and over the wire."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, field

from pvdify.model.bookmark import EventCursor
from pvdify.model.config import ConfigNumber, FileName
from pvdify.model.domain import DomainText
from pvdify.model.image import image_ref
from pvdify.model.names import AppName, ProcessName
from pvdify.model.patch import HealthcheckPatch, Maybe, ProcessPatch, ResourcesPatch
from pvdify.model.patterns import closed
from pvdify.model.quantity import Duration
from pvdify.model.scope import Scope
from pvdify.model.slot import (
    Capability,
    Command,
    ContainerPort,
    Environment,
    FrontPort,
    ImageText,
    Slot,
)
from pvdify.model.token import AppPattern, TokenId, TokenName
from pvdify.model.variables import EnvKey, EnvValue
from pvdify.model.vault import Identity, Recipient, SealWith

Count = Annotated[int, Meta(ge=0, le=100)]
Version = Annotated[int, Meta(ge=1, le=999_999_999)]
GenerationNumber = Annotated[int, Meta(ge=1, le=999_999_999)]
OperationId = Annotated[
    str, Meta(pattern=closed(r"[0-9a-z-]{8,64}"), description="an operation: 20260131-090000-123k7qz")
]
RegistryHost = Annotated[
    str,
    Meta(
        pattern=closed(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?(?::[0-9]{1,5})?"),
        description="a registry: ghcr.io, or registry.example.org:5000",
    ),
]


FilePath = Annotated[str, Meta(min_length=1, max_length=4096)]
TokenDays = Annotated[int, Meta(ge=1, le=3650)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Something that is asked for."""


class Nothing(Request, frozen=True, kw_only=True):
    """A request without parameters."""


class Init(Request, frozen=True, kw_only=True):
    """Make the state directory. What opens a sealed config (*seal*) is the host's key, if nothing is said, or what was said before."""

    seal: SealWith | None = None


class ForApp(Request, frozen=True, kw_only=True):
    """A request about one app."""

    app: AppName


class CreateApp(Request, frozen=True, kw_only=True):
    """Make an app slot: a name, a front port and an id block, without a release yet."""

    name: AppName
    environment: Environment = Environment.PRODUCTION
    bind_port: FrontPort | None = None
    image: ImageText | None = None

    def __post_init__(self) -> None:
        """Refuse what names no image, before anything begins."""
        if self.image is not None:
            image_ref(self.image)


class DestroyApp(Request, frozen=True, kw_only=True):
    """Stop an app and forget it; its volumes are kept unless *volumes* says otherwise."""

    app: AppName
    volumes: bool = False


class Deploy(Request, frozen=True, kw_only=True):
    """Make a release of *image* (or of what the slot declares) and give it the traffic."""

    app: AppName
    image: ImageText | None = None

    def __post_init__(self) -> None:
        """Refuse what names no image, before anything begins."""
        if self.image is not None:
            image_ref(self.image)


class Rollback(Request, frozen=True, kw_only=True):
    """Go back to *version*, or to the newest earlier release that was live and good."""

    app: AppName
    version: Version | None = None
    keep_config: bool = False


class ForRelease(Request, frozen=True, kw_only=True):
    """A request about one release."""

    app: AppName
    version: Version


class Scale(Request, frozen=True, kw_only=True):
    """How many instances of which process."""

    app: AppName
    processes: dict[ProcessName, Count]


class Restart(Request, frozen=True, kw_only=True):
    """Replace the instances of one process, or of all, by fresh ones of the same release."""

    app: AppName
    process: ProcessName | None = None


class RunOnce(Request, frozen=True, kw_only=True):
    """A one-off command in the live release's image and environment.

    One that is asked for from afar is ended after *timeout* seconds, and cannot be *interactive*.
    """

    app: AppName
    command: Annotated[tuple[str, ...], Meta(min_length=1, max_length=1000)]
    interactive: bool = False
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 3600


class ReadLogs(Request, frozen=True, kw_only=True):
    """Lines that an app wrote."""

    app: AppName
    lines: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    follow: bool = False
    process: ProcessName | None = None
    release: Version | None = None
    since: Annotated[str, Meta(max_length=64)] | None = None
    grep: Annotated[str, Meta(max_length=1000)] | None = None
    after: Annotated[str, Meta(max_length=512)] | None = None


class Apply(Request, frozen=True, kw_only=True):
    """Bring the host to what is declared: to *slots*, or to every `slot.toml` in the state directory."""

    slots: tuple[Slot, ...] | None = None
    deploy: bool = False
    app: AppName | None = None


class DiffGenerations(Request, frozen=True, kw_only=True):
    """What changed between two generations."""

    number: GenerationNumber
    other: GenerationNumber


class SwitchGeneration(Request, frozen=True, kw_only=True):
    """Bring every app back to its release in generation *number*; *exact* stops the younger apps too."""

    number: GenerationNumber
    exact: bool = False


class Login(Request, frozen=True, kw_only=True):
    """Credentials for a registry."""

    registry: RegistryHost
    user: Annotated[
        str, Meta(min_length=1, max_length=256, pattern=closed(r"[^:]+"), description="a user, without a colon")
    ]
    password: Annotated[str, Meta(min_length=1, max_length=16_384)]

    def __repr__(self) -> str:
        """Name who logs in where."""
        return f"Login({self.user} at {self.registry})"


class Logout(Request, frozen=True, kw_only=True):
    """Forget the credentials for a registry."""

    registry: RegistryHost


class ForOperation(Request, frozen=True, kw_only=True):
    """A request about one operation."""

    id: OperationId


class Follow(Request, frozen=True, kw_only=True):
    """The events of one operation, from the one after *after* on."""

    id: OperationId
    after: int = -1


class ListAllOperations(Request, frozen=True, kw_only=True):
    """The operations of the whole host, newest first."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 20


class ListOperations(Request, frozen=True, kw_only=True):
    """An app's operations, newest first."""

    app: AppName
    limit: Annotated[int, Meta(ge=1, le=1000)] = 20


class CreateToken(Request, frozen=True, kw_only=True):
    """Make a token. Without *apps* it is for all; a last `*` stands for any ending. Without *days* it never expires only if that is said: `null`."""

    name: TokenName
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=6)] = (Scope.READ,)
    apps: Annotated[tuple[AppPattern, ...], Meta(max_length=100)] = ()
    days: TokenDays | None = 90


class RotateToken(Request, frozen=True, kw_only=True):
    """Give a token a new text; the old one works for *overlap* seconds more."""

    id: TokenId
    overlap: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400
    days: TokenDays | None = 90


class ForToken(Request, frozen=True, kw_only=True):
    """A request about one token."""

    id: TokenId


class ReadAudit(Request, frozen=True, kw_only=True):
    """The newest entries of the audit, of one app or of all, from the one before *before* on."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    before: Annotated[int, Meta(ge=0)] | None = None
    app: AppName | None = None


class ChangeApp(Request, frozen=True, kw_only=True):
    """Declare an app otherwise, and bring what runs to it.

    What is left out stays as it is, null puts the default back. Objects are merged (RFC 7396): of `processes`, `env` and their like
    only what is named changes, and null removes it.
    """

    app: AppName
    environment: Maybe[Environment] = UNSET
    image: Maybe[ImageText] = UNSET
    processes: Maybe[dict[ProcessName, ProcessPatch | None]] = UNSET
    port: Maybe[ContainerPort] = UNSET
    domains: Maybe[Annotated[tuple[DomainText, ...], Meta(max_length=1000)]] = UNSET
    resources: Maybe[ResourcesPatch] = UNSET
    healthcheck: Maybe[HealthcheckPatch] = UNSET
    env: Maybe[dict[EnvKey, EnvValue | None]] = UNSET
    release_command: Maybe[Command] = UNSET
    release_timeout: Maybe[Duration] = UNSET
    drain: Maybe[Duration] = UNSET
    stop: Maybe[Duration] = UNSET
    settle: Maybe[Duration] = UNSET
    watch: Maybe[Duration] = UNSET
    capabilities: Maybe[tuple[Capability, ...]] = UNSET


class ShowConfig(Request, frozen=True, kw_only=True):
    """The config that the next release gets, or an older *version*. Without *reveal* only names are told."""

    app: AppName
    version: ConfigNumber | None = None
    reveal: bool = False


class DiffConfig(Request, frozen=True, kw_only=True):
    """What is other in config version *other* than in *version*."""

    app: AppName
    version: ConfigNumber
    other: ConfigNumber


class SetConfig(Request, frozen=True, kw_only=True):
    """Set variables and secret files (base64), or forget those that are null. With *base* only if that is the config's version now (0: none)."""

    app: AppName
    vars: dict[EnvKey, str | None] = field(default_factory=dict)
    files: dict[FileName, bytes | None] = field(default_factory=dict)
    deploy: bool = True
    base: Annotated[int, Meta(ge=0)] | None = None

    def __repr__(self) -> str:
        """Name what is set, and not to what."""
        return f"SetConfig({self.app}: {', '.join([*self.vars, *self.files])})"


class UnsetConfig(Request, frozen=True, kw_only=True):
    """Forget one variable, or the file of that name where no variable has it."""

    app: AppName
    key: EnvKey
    deploy: bool = True


class Backup(Request, frozen=True, kw_only=True):
    """Write all of the host into *file* (`-`: standard output), for the recipients *to*; without those, for whoever else reads its secrets."""

    file: FilePath
    to: Annotated[tuple[Recipient, ...], Meta(max_length=100)] = ()
    volumes: bool = False
    force: bool = False


class Restore(Request, frozen=True, kw_only=True):
    """Make a bare host what *file* is a backup of, which one of *keys* opens; without those, the host's own."""

    file: FilePath
    keys: Annotated[tuple[Identity, ...], Meta(max_length=100)] = ()

    def __repr__(self) -> str:
        """Name the file, and no key."""
        return f"Restore({self.file})"


class ForRecipient(Request, frozen=True, kw_only=True):
    """A request about one of those who read what is kept encrypted."""

    recipient: Recipient


class Reseal(Request, frozen=True, kw_only=True):
    """Seal every config again for this host; with *seal*, so that this opens them from now on."""

    seal: SealWith | None = None


class FollowEvents(Request, frozen=True, kw_only=True):
    """What happens on the host: from the event behind *after* on, whose cursor it is, or from now on."""

    after: EventCursor | None = None
