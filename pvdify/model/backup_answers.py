"""What pvdify answers about backups."""

from __future__ import annotations

from pvdify.model.answers import Answer
from pvdify.model.slot import Environment


class BackupVolume(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One volume in a backup; *left_out* are sockets, pipes and devices."""

    name: str
    bytes: int
    files: int
    left_out: int = 0


class BackedUp(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """A backup that was written, the hash of its file, and who can read it; *left_out* are volumes that are not in it."""

    id: str
    file: str
    bytes: int
    sha256: str
    recipients: tuple[str, ...]
    apps: tuple[str, ...]
    volumes: tuple[BackupVolume, ...]
    left_out: tuple[str, ...] = ()


class BackupApp(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One app in a backup."""

    name: str
    environment: Environment
    release: int | None
    config: int | None
    bind_port: int
    is_stopped: bool


class BackupInfo(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """What a backup holds, all of which was looked at. *recipients* read its secrets as well; the audit is not whole from *audit_broken_at* on."""

    id: str
    file: str
    bytes: int
    sha256: str
    made_at: str
    made_by: str
    host: str
    version: str
    apps: tuple[BackupApp, ...]
    volumes: dict[str, int]
    has_volumes: bool
    recipients: tuple[str, ...]
    tokens: int
    audit_lines: int
    audit_broken_at: int | None = None
