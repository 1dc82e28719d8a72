"""What a host would answer: an app that runs, one that waits for its first release, and a release that failed."""

from __future__ import annotations

from typing import Final

import msgspec

from pvdify.errors import Exit, Failure, Probe
from pvdify.model.answers import (
    AppInfo,
    Apps,
    AppSummary,
    Audit,
    Changed,
    Check,
    CheckStatus,
    Collected,
    Doctor,
    FileDiff,
    GenerationDiff,
    Generations,
    GenerationSummary,
    Initialised,
    InstanceState,
    LogEntry,
    Maintenance,
    Operations,
    OperationSummary,
    PlanAnswer,
    PlanStep,
    ProcessDefinition,
    Processes,
    Registries,
    ReleaseInfo,
    Releases,
    ReleaseSummary,
    RunResult,
    TokenInfo,
    TokenMade,
    Tokens,
    WhoAmI,
)
from pvdify.model.audit import AuditLine, AuditVerdict
from pvdify.model.backup_answers import BackedUp, BackupApp, BackupInfo, BackupVolume
from pvdify.model.event import Outcome
from pvdify.model.release import AppStatus, ReleaseStatus
from pvdify.model.scope import Scope
from pvdify.model.slot import Environment, Healthcheck, Process, Resources
from tests.cli.answers_of_config_and_edge import AT, CONFIG_AND_EDGE, RECIPIENT
from tests.cli.fake import ID

DIGEST = "sha256:" + "0123456789abcdef" * 4
FAILURE = Failure(
    phase="probe",
    message="cannot give the traffic to v3 of blog: it never answered well",
    code="unhealthy",
    hint="read more with `pvdify logs blog --release v3`",
    probe=Probe(target="http://127.0.0.1:20001/health", status=503, body="no\ndatabase", latency_ms=12.3, attempts=87),
    exit=Exit(unit="pvdify-blog-v3-web-1.service", status=1),
    log_tail=("starting", "cannot reach the database", "\x1b[31mgiving up\x1b[0m\x07"),
    unchanged="v2 serves blog as before",
)
TEXT = "pvd_" + 49 * "x"
MADE = TokenMade(
    id="t4f1c9abc",
    name="ci",
    scopes=(Scope.READ, Scope.DEPLOY),
    apps=("blog-*",),
    created_at=AT,
    created_by="ada",
    expires_at="2026-05-01T09:00:00.123Z",
    last_used_at="",
    is_expired=False,
    token=TEXT,
)
TOKEN = TokenInfo(
    id="t0000000a",
    name="ada's laptop",
    scopes=(Scope.ADMIN,),
    apps=(),
    created_at=AT,
    created_by="root",
    expires_at="",
    last_used_at=AT,
    is_expired=False,
)
WHO = WhoAmI(
    name="ci",
    via="api",
    token=MADE.id,
    scopes=(Scope.READ, Scope.DEPLOY),
    apps=("blog-*",),
    expires_at="2026-05-01T09:00:00.123Z",
    version="0.0.0",
)
OPERATION = OperationSummary(
    id=ID,
    name="releases.create",
    app="blog",
    actor="ada",
    status="failed",
    step="probe",
    started_at=AT,
    ended_at=AT,
    release=3,
    failure=FAILURE,
)
OPERATIONS: Final = Operations(
    operations=(
        OperationSummary(
            id=ID,
            name="releases.create",
            app="blog",
            actor="ada",
            status="failed",
            step="probe",
            started_at=AT,
            ended_at=AT,
            release=3,
        ),
    )
)
ANSWERS: dict[str, object] = {
    **CONFIG_AND_EDGE,
    "apps.list": Apps(
        apps=(
            AppSummary(
                name="blog",
                environment=Environment.PRODUCTION,
                status=AppStatus.RUNNING,
                image=f"ghcr.io/org/blog@{DIGEST}",
                created_at=AT,
                release=2,
                bind_port=3000,
                in_maintenance=True,
                is_edited=True,
            ),
            AppSummary(
                name="shop-staging",
                environment=Environment.STAGING,
                status=AppStatus.PENDING,
                image="",
                created_at=AT,
                bind_port=3001,
            ),
        )
    ),
    "apps.info": AppInfo(
        name="blog",
        environment=Environment.PRODUCTION,
        status=AppStatus.RUNNING,
        image=f"ghcr.io/org/blog@{DIGEST}",
        release=2,
        warm=1,
        config_version=7,
        bind_port=3000,
        port=8080,
        processes={"web": Process(command="npm start", count=2), "worker": Process()},
        domains=("blog.example.org", "www.blog.example.org"),
        resources=Resources(memory="512M", cpu=0.5),
        healthcheck=Healthcheck(path="/health"),
        env={"LANG": "C.UTF-8"},
        drain="30s",
        stop="10s",
        release_command=("npm", "run", "migrate"),
        created_at=AT,
        updated_at=AT,
        in_maintenance=True,
        pending_changes=("slot.toml was edited since the last apply",),
    ),
    "maintenance.show": Maintenance(app="blog", is_on=True),
    "releases.list": Releases(
        releases=tuple(
            ReleaseSummary(
                version=version,
                image=f"ghcr.io/org/blog@{DIGEST}",
                source=f"ghcr.io/org/blog:v{version}",
                status=status,
                config_version=config,
                created_at=AT,
                created_by="ada",
            )
            for version, status, config in ((3, ReleaseStatus.FAILED, 7), (2, ReleaseStatus.ACTIVE, None))
        )
    ),
    "releases.info": ReleaseInfo(
        version=3,
        app="blog",
        image=f"ghcr.io/org/blog@{DIGEST}",
        source="ghcr.io/org/blog:v3",
        digest=DIGEST,
        status=ReleaseStatus.FAILED,
        config_version=7,
        processes={"web": ("npm", "start"), "worker": ()},
        port=8080,
        env={},
        release_command=(),
        created_at=AT,
        created_by="ada",
        operation=ID,
        failure=FAILURE,
    ),
    "ps.list": Processes(
        definitions=(
            ProcessDefinition(name="web", command=("npm", "start"), count=1),
            ProcessDefinition(name="worker", command=(), count=0),
        ),
        instances=(
            InstanceState(
                name="pvdify-blog-v2-web-1",
                instance="web-1",
                process="web",
                release=2,
                state="active",
                since=AT,
                restarts=0,
                memory=35 * 1024 * 1024,
                cpu=1.25,
                port=20000,
                is_live=True,
            ),
            InstanceState(
                name="pvdify-blog-v1-web-1",
                instance="web-1",
                process="web",
                release=1,
                state="deactivating (stop-sigterm)",
                since="",
                restarts=3,
                memory=None,
                cpu=None,
                port=20001,
                is_live=False,
            ),
        ),
    ),
    "run": RunResult(status=0),
    "logs.read": (
        LogEntry(at=AT, instance="web-1", release=2, text="hello", is_error=False, cursor="s=1"),
        LogEntry(at=AT, instance="web-1", release=2, text="\x1b[31mred\x1b]0;title\x07", is_error=True, cursor="s=2"),
    ),
    "registry.login": Registries(registries=("ghcr.io",)),
    "registry.list": Registries(registries=("ghcr.io", "registry.example.org:5000")),
    "registry.logout": Registries(registries=()),
    "plan": PlanAnswer(
        steps=(
            PlanStep(app="blog", action="scale", detail="web=2"),
            PlanStep(app="shop", action="deploy", detail="ghcr.io/org/shop:v1"),
        ),
        drift=("quadlet/pvdify-blog-v2-web-1.container",),
    ),
    "generations.list": Generations(
        generations=(
            GenerationSummary(
                number=2, parent=1, created_at=AT, actor="ada", reason="blog: create", apps=1, is_current=True
            ),
            GenerationSummary(
                number=1, parent=None, created_at=AT, actor="init", reason="the empty host", apps=0, is_current=False
            ),
        )
    ),
    "generations.diff": GenerationDiff(
        number=1,
        other=2,
        files=(FileDiff(path="systemd/pvdify.target", change="changed", diff="--- 1\n+++ 2\n@@ -1 +1 @@\n-a\n+b"),),
    ),
    "doctor": Doctor(
        checks=(
            Check(name="systemd", status=CheckStatus.OK, detail="version 257"),
            Check(name="operations", status=CheckStatus.WARN, detail="one died", hint="pvdify apply -a blog"),
        )
    ),
    "gc": Collected(generations=(3, 4), images=("sha256:aa",), operations=5, bytes=7 * 1024 * 1024),
    "init": Initialised(
        state="/var/lib/pvdify",
        was_there=False,
        recipient=RECIPIENT,
        key_file="/var/lib/pvdify/secrets/age.key",
    ),
    "backup": BackedUp(
        id="ab" * 16,
        file="/srv/host.pvdify",
        bytes=7 * 1024 * 1024,
        sha256="0123456789abcdef" * 4,
        recipients=(RECIPIENT,),
        apps=("blog", "shop-staging"),
        volumes=(BackupVolume(name="pvdify-blog-data", bytes=3 * 1024 * 1024, files=70, left_out=1),),
    ),
    "restore.check": BackupInfo(
        id="ab" * 16,
        file="/host.pvdify",
        bytes=7 * 1024 * 1024,
        sha256="0123456789abcdef" * 4,
        made_at=AT,
        made_by="ada",
        host="one.example.org",
        version="0.1.0",
        apps=(
            BackupApp(
                name="blog",
                environment=Environment.PRODUCTION,
                release=2,
                config=1,
                bind_port=3000,
                is_stopped=False,
            ),
            BackupApp(
                name="shop-staging",
                environment=Environment.STAGING,
                release=None,
                config=None,
                bind_port=3001,
                is_stopped=False,
            ),
        ),
        volumes={"pvdify-blog-data": 3 * 1024 * 1024},
        has_volumes=True,
        recipients=(RECIPIENT,),
        tokens=2,
        audit_lines=123,
        audit_broken_at=120,
    ),
    "operations.list": OPERATIONS,
    "operations.all": OPERATIONS,
    "operations.info": OPERATION,
    "whoami": WHO,
    "tokens.list": Tokens(tokens=(TOKEN, msgspec.structs.replace(TOKEN, name="old", expires_at=AT, is_expired=True))),
    "tokens.create": MADE,
    "tokens.rotate": MADE,
    "tokens.revoke": TOKEN,
    "audit.list": Audit(
        entries=(
            AuditLine(
                seq=2,
                previous="",
                at=AT,
                actor="ci",
                via="api",
                token=MADE.id,
                action="releases.create",
                app="blog",
                operation=ID,
                detail={"app": "blog", "image": "ghcr.io/org/blog:v2"},
                outcome="failed",
                code="unhealthy",
            ),
            AuditLine(seq=1, previous="", at=AT, actor="ada", via="local", action="gc", outcome="done"),
        )
    ),
    "audit.verify": AuditVerdict(lines=2, is_intact=True),
}
LIVE = Changed(
    operation=ID,
    outcome=Outcome.DONE,
    text="v2 of blog is live",
    app="blog",
    release=2,
    generation=7,
    serving_ms=351.2,
    url="http://127.0.0.1:3000/",
)
