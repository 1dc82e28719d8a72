"""The release: everything that an app's units are made of, fixed once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from pvdify.model.config import ConfigPin
from pvdify.model.slot import Environment, Healthcheck, Resources, Volume


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Recorded values: written by pvdify, read by pvdify and people."""


class ReleaseProcess(_Record, frozen=True, kw_only=True):
    """One process of a release, with nothing left to default."""

    command: tuple[str, ...] = ()
    resources: Resources = Resources()
    volumes: tuple[Volume, ...] = ()
    overlap: bool = True


class Release(_Record, frozen=True, kw_only=True):
    """One immutable release of an app; `releases/v42.toml` on disk.

    No status and no counts: the status is computed from the generation in force, the counts belong to the slot.
    *hidden_env* are names of *env* that the config sets as well, and so wins.
    """

    app: str
    version: int
    image: str
    source: str
    environment: Environment = Environment.PRODUCTION
    processes: dict[str, ReleaseProcess]
    port: int = 8080
    healthcheck: Healthcheck = Healthcheck()
    env: dict[str, str] = msgspec.field(default_factory=dict)
    config: ConfigPin | None = None
    hidden_env: tuple[str, ...] = ()
    capabilities: tuple[str, ...] | None = None
    release_command: tuple[str, ...] = ()
    release_timeout: str = "10m"
    drain: str = "30s"
    stop: str = "10s"
    settle: str = "1s"
    watch: str = "120s"
    created_at: str = ""
    created_by: str = ""
    operation: str = ""

    @property
    def visible_env(self) -> dict[str, str]:
        """What of *env* reaches a process, and may be seen by everybody who sees the process."""
        return {name: value for name, value in self.env.items() if name not in self.hidden_env}


ABOUT: Final = ("version", "source", "created_at", "created_by", "operation")
"""Fields that tell of a release and do not make another one of it."""


def same_release(one: Release, other: Release) -> bool:
    """Whether both would run the very same thing."""
    blank: dict[str, str | int] = dict.fromkeys(ABOUT, "") | {"version": 0}
    return msgspec.structs.replace(one, **blank) == msgspec.structs.replace(other, **blank)


class ReleaseStatus(StrEnum):
    """What became of a release; computed, never stored."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"


class AppStatus(StrEnum):
    """How an app is; computed, never stored."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    DELETING = "deleting"
