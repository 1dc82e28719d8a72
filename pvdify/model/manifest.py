"""The manifest of a generation: every file's hash, and one row per app. It is also the index that listings read."""

from __future__ import annotations

from typing import Final

import msgspec

from pvdify.model.config import ConfigPin
from pvdify.model.edge import EdgeSettings
from pvdify.model.names import WEB, Instance
from pvdify.model.page import Page
from pvdify.model.slot import Environment

IDS_FIRST: Final = 2_200_000_000
IDS_COUNT: Final = 65_536
IDS_BLOCKS: Final = 31_900
FRONT_FIRST: Final = 3000
FRONT_LAST: Final = 9999
INSTANCE_FIRST: Final = 20_000
INSTANCE_LAST: Final = 29_999


class _Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Part of a manifest."""


class InstanceRow(_Row, frozen=True, kw_only=True):
    """One instance that has a unit in the generation; *is_live* ones are in the target and in the router."""

    release: int
    process: str
    ordinal: int
    port: int = 0
    is_live: bool = False

    def instance(self, app: str) -> Instance:
        """The names of this instance of *app*."""
        return Instance(app, self.release, self.process, self.ordinal)

    @property
    def order(self) -> tuple[str, int, int]:
        """Where it stands in a file, whatever order the instances came about in."""
        return self.process, self.release, self.ordinal


class RouterRow(_Row, frozen=True, kw_only=True):
    """What the router must know of an app's live release."""

    path: str = "/"
    status: str = "200-499"
    interval: str = "2s"
    is_checked: bool = False
    holds: bool = False


class SlotStamp(_Row, frozen=True, kw_only=True):
    """Size and modification time of the `slot.toml` that was last applied: tells a listing whether it was edited since."""

    size: int
    mtime_ns: int
    sha256: str


class AppRow(_Row, frozen=True, kw_only=True):
    """One app in one generation. *pages* are those of its own: the SHA-256 of what the operator wrote."""

    name: str
    environment: Environment
    front: int
    ids: int
    created_at: str
    updated_at: str = ""
    image: str = ""
    declared: str = ""
    live: int | None = None
    warm: int | None = None
    is_stopped: bool = False
    formation: dict[str, int] = msgspec.field(default_factory=dict)
    instances: tuple[InstanceRow, ...] = ()
    router: RouterRow = RouterRow()
    slot: SlotStamp | None = None
    config: ConfigPin | None = None
    domains: tuple[str, ...] = ()
    in_maintenance: bool = False
    pages: dict[Page, str] = msgspec.field(default_factory=dict)

    def live_instances(self) -> tuple[InstanceRow, ...]:
        """The instances that the target wants, in a stable order."""
        return tuple(row for row in self.instances if row.is_live)

    def servers(self) -> tuple[InstanceRow, ...]:
        """The live instances that the router sends requests to."""
        return tuple(row for row in self.instances if row.is_live and row.process == WEB)

    def of(self, release: int | None) -> tuple[InstanceRow, ...]:
        """The instances of *release*."""
        return tuple(row for row in self.instances if row.release == release)


class Retained(_Row, frozen=True, kw_only=True):
    """A destroyed app whose volumes were kept: its id block stays its own."""

    app: str
    ids: int


class Manifest(_Row, frozen=True, kw_only=True):
    """`manifest.json` of one generation."""

    number: int
    parent: int | None
    created_at: str
    actor: str
    operation: str
    reason: str
    files: dict[str, str]
    apps: dict[str, AppRow]
    retained: tuple[Retained, ...] = ()
    programs: dict[str, str] = msgspec.field(default_factory=dict)
    edge: EdgeSettings = EdgeSettings()

    def ports(self) -> frozenset[int]:
        """Every instance port that is spoken for."""
        return frozenset(row.port for app in self.apps.values() for row in app.instances if row.port)


def router_row(*, path: str | None, interval: str, is_checked: bool, holds: bool) -> RouterRow:
    """How the router checks an app whose healthcheck declares *path* (or none)."""
    status = "200-399" if path else "200-499"
    return RouterRow(path=path or "/", status=status, interval=interval, is_checked=is_checked, holds=holds)
