"""What pvdify answers: one struct per answer, the same for tables, `--json` and the wire."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pvdify.errors import Failure
from pvdify.model.audit import AuditLine
from pvdify.model.event import Event, Outcome
from pvdify.model.release import AppStatus, ReleaseStatus
from pvdify.model.scope import Scope
from pvdify.model.slot import Environment, Healthcheck, Process, Resources


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is answered."""


class AppSummary(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One line of `pvdify apps`."""

    name: str
    environment: Environment
    status: AppStatus
    image: str
    created_at: str
    release: int | None = None
    bind_port: int = 0
    in_maintenance: bool = False
    is_edited: bool = False


class Apps(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Every app of the host, by name."""

    apps: tuple[AppSummary, ...]


class AppInfo(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """All of one app: what is declared, and what runs."""

    name: str
    environment: Environment
    status: AppStatus
    image: str
    release: int | None
    warm: int | None
    config_version: int | None = None
    bind_port: int
    port: int | None
    processes: dict[str, Process]
    domains: tuple[str, ...]
    resources: Resources | None
    healthcheck: Healthcheck | None
    env: dict[str, str]
    drain: str
    stop: str
    release_command: tuple[str, ...]
    created_at: str
    updated_at: str
    in_maintenance: bool = False
    pending_changes: tuple[str, ...] = ()


class Maintenance(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Whether visitors of an app get a page instead of an answer."""

    app: str
    is_on: bool


class ReleaseSummary(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One line of `pvdify releases`."""

    version: int
    image: str
    source: str
    status: ReleaseStatus
    config_version: int | None
    created_at: str
    created_by: str


class Releases(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The releases of an app, newest first."""

    releases: tuple[ReleaseSummary, ...]


class ReleaseInfo(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """All of one release."""

    version: int
    app: str
    image: str
    source: str
    digest: str
    status: ReleaseStatus
    config_version: int | None
    processes: dict[str, tuple[str, ...]]
    port: int
    env: dict[str, str]
    release_command: tuple[str, ...]
    created_at: str
    created_by: str
    operation: str
    failure: Failure | None = None
    deploy_log: str = ""


class ProcessDefinition(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One process of the formation."""

    name: str
    command: tuple[str, ...]
    count: int


class InstanceState(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One instance as it is now; memory and cpu are null where the kernel does not count them."""

    name: str
    instance: str
    process: str
    release: int
    state: str
    since: str
    restarts: int
    memory: int | None
    cpu: float | None
    port: int | None
    is_live: bool


class Processes(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The formation of an app and its instances."""

    definitions: tuple[ProcessDefinition, ...]
    instances: tuple[InstanceState, ...]


class Changed(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The end of a change."""

    operation: str
    outcome: Outcome
    text: str
    app: str = ""
    release: int | None = None
    config: int | None = None
    generation: int | None = None
    serving_ms: float | None = None
    url: str = ""


class RunResult(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """How a one-off command ended."""

    status: int


class LogEntry(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One line of an app's output; *cursor* resumes after it."""

    at: str
    instance: str
    release: int | None
    text: str
    is_error: bool
    cursor: str


class PlanStep(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One thing that `apply` would do."""

    app: str
    action: str
    detail: str


class PlanAnswer(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Everything that `apply` would do, in order; empty if the host is as declared."""

    steps: tuple[PlanStep, ...]
    drift: tuple[str, ...] = ()


class GenerationSummary(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One line of `pvdify generations`."""

    number: int
    parent: int | None
    created_at: str
    actor: str
    reason: str
    apps: int
    is_current: bool


class Generations(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The generations that are kept, newest first."""

    generations: tuple[GenerationSummary, ...]


class FileDiff(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One file that differs; *diff* is unified text."""

    path: str
    change: str
    diff: str


class GenerationDiff(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """What changed from one generation to another."""

    number: int
    other: int
    files: tuple[FileDiff, ...]


class CheckStatus(StrEnum):
    """A check's verdict."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One thing that `doctor` looked at."""

    name: str
    status: CheckStatus
    detail: str
    hint: str = ""


class Doctor(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """All that `doctor` saw."""

    checks: tuple[Check, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return all(check.status is not CheckStatus.FAIL for check in self.checks)


class Collected(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """What `gc` removed."""

    generations: tuple[int, ...]
    images: tuple[str, ...]
    operations: int
    bytes: int


class Registries(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The registries that the host has a login for."""

    registries: tuple[str, ...]


class Initialised(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The state directory is there, and the host's age key, which whoever wants to read its secrets elsewhere needs a copy of."""

    state: str
    was_there: bool
    recipient: str
    key_file: str


class OperationSummary(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """An operation, without its events."""

    id: str
    name: str
    app: str
    actor: str
    status: str
    step: str
    started_at: str
    ended_at: str
    release: int | None = None
    failure: Failure | None = None
    result: Changed | None = None


class Operations(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Operations, newest first."""

    operations: tuple[OperationSummary, ...]


class Pending(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """A change that was accepted and goes on by itself.

    *version* is the release that a deploy will make, unless it finds that nothing has changed.
    """

    operation: str
    name: str
    app: str
    status: str
    created_at: str
    created_by: str
    version: int | None = None
    image: str | None = None


class Health(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The API is there."""

    status: str
    version: str


class WhoAmI(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Who asks, and what they may do; no *apps* means all of them."""

    name: str
    via: str
    token: str
    scopes: tuple[Scope, ...]
    apps: tuple[str, ...]
    expires_at: str
    version: str


class TokenInfo(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """A token, without its text; *last_used_at* is true to the hour."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    apps: tuple[str, ...]
    created_at: str
    created_by: str
    expires_at: str
    last_used_at: str
    is_expired: bool


class TokenMade(TokenInfo, frozen=True, kw_only=True, omit_defaults=False):
    """A token with its text, which is told this once."""

    token: str


class Tokens(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The tokens of the host, by name."""

    tokens: tuple[TokenInfo, ...]


class Audit(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Entries of the audit, newest first."""

    entries: tuple[AuditLine, ...]


class RunStream(StrEnum):
    """Where a command wrote."""

    STDOUT = "stdout"
    STDERR = "stderr"


class RunOutput(Answer, frozen=True, kw_only=True):
    """A piece of what a one-off command writes, wherever it ends; at last its exit status, and nothing else."""

    stream: RunStream | None = None
    text: str = ""
    status: int | None = None


class HostEvent(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """An event of any operation of the host; *cursor* resumes after it."""

    cursor: str
    operation: str
    name: str
    app: str
    actor: str
    event: Event
