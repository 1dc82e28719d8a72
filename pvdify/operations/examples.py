"""An example of every request, answer and problem: the description of the API shows them, and a test holds them to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import (
    AppBusyError,
    AppNotFoundError,
    CommandError,
    Exit,
    Failure,
    ForbiddenError,
    PreconditionError,
    Probe,
    SpecError,
    TokenInvalidError,
    TooLargeError,
)
from pvdify.model import answers as a
from pvdify.model import requests as q
from pvdify.model.audit import AuditLine, AuditVerdict
from pvdify.model.event import Event, EventKind, Outcome
from pvdify.model.patch import ProcessPatch, ResourcesPatch
from pvdify.model.release import AppStatus, ReleaseStatus
from pvdify.model.scope import Scope
from pvdify.model.slot import Environment, Healthcheck, Process, Resources, Slot
from pvdify.operations import examples_cloudflare, examples_config, examples_edge, examples_maintenance
from pvdify.operations.example import Example
from pvdify.operations.problem import PROTOCOL, Problem, problem_of, protocol_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_ID: Final = "Xk3vQ0ZpT1mWb8Na"
ETAG: Final = '"5f70bf18a0860070"'
ID: Final = "20260131-090000-123k7qz"
_CURSOR: Final = f"20260131-085950-123~{ID}.7"
_AT: Final = "2026-01-31T09:00:00.123Z"
_LATER: Final = "2026-01-31T09:00:02.840Z"
_EXPIRY: Final = "2026-05-01T09:00:00.123Z"
_DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"
_IMAGE: Final = f"ghcr.io/org/blog@{_DIGEST}"
_SOURCE: Final = "ghcr.io/org/blog:v1.2.3"

_APP: Final = a.AppSummary(
    name="blog",
    environment=Environment.PRODUCTION,
    status=AppStatus.RUNNING,
    image=_IMAGE,
    created_at=_AT,
    release=42,
    bind_port=3001,
)
_RELEASE: Final = a.ReleaseSummary(
    version=42,
    image=_IMAGE,
    source=_SOURCE,
    status=ReleaseStatus.ACTIVE,
    config_version=7,
    created_at=_AT,
    created_by="ci",
)
_FAILURE: Final = Failure(
    phase="probe",
    message="cannot give the traffic to v43 of blog: it never answered well",
    code="unhealthy",
    hint="read more with `pvdify logs blog --release v43`",
    probe=Probe(target="http://127.0.0.1:20001/health", status=503, body="no database", latency_ms=12.3, attempts=87),
    exit=Exit(unit="pvdify-blog-v43-web-1.service", status=1),
    log_tail=("starting", "cannot reach the database"),
    unchanged="v42 serves blog as before",
)
_OPERATION: Final = a.OperationSummary(
    id=ID,
    name="releases.create",
    app="blog",
    actor="ci",
    status="done",
    step="stop",
    started_at=_AT,
    ended_at=_LATER,
    release=42,
    result=a.Changed(
        operation=ID,
        outcome=Outcome.DONE,
        text="v42 of blog is live",
        app="blog",
        release=42,
        generation=117,
        serving_ms=351.2,
        url="http://127.0.0.1:3001/",
    ),
)
_TOKEN: Final = a.TokenInfo(
    id="tk3v5q7mz",
    name="ci",
    scopes=(Scope.DEPLOY, Scope.LOGS, Scope.READ),
    apps=("blog", "blog-*"),
    created_at=_AT,
    created_by="ada",
    expires_at=_EXPIRY,
    last_used_at="",
    is_expired=False,
)
_TOKEN_MADE: Final = a.TokenMade(
    id=_TOKEN.id,
    name=_TOKEN.name,
    scopes=_TOKEN.scopes,
    apps=_TOKEN.apps,
    created_at=_AT,
    created_by="ada",
    expires_at=_EXPIRY,
    last_used_at="",
    is_expired=False,
    token=f"pvd_{'0' * 49}",
)
_SLOT: Final = Slot(name="blog", image=_SOURCE, processes={"web": Process(count=2)}, resources=Resources(memory="512M"))

EXAMPLES: Final[Mapping[str, Example]] = {
    "apps.list": Example(q.Nothing(), a.Apps(apps=(_APP,))),
    "apps.info": Example(
        q.ForApp(app="blog"),
        a.AppInfo(
            name="blog",
            environment=Environment.PRODUCTION,
            status=AppStatus.RUNNING,
            image=_IMAGE,
            release=42,
            warm=41,
            config_version=7,
            bind_port=3001,
            port=8080,
            processes={"web": Process(command="npm start", count=2), "worker": Process(command="npm run worker")},
            domains=("blog.example.org", "www.blog.example.org"),
            resources=Resources(memory="512M", cpu=0.5),
            healthcheck=Healthcheck(path="/health"),
            env={"LANG": "C.UTF-8"},
            drain="30s",
            stop="10s",
            release_command=("npm", "run", "migrate"),
            created_at=_AT,
            updated_at=_LATER,
        ),
    ),
    "apps.create": Example(
        q.CreateApp(name="blog", image=_SOURCE),
        a.AppSummary(
            name="blog",
            environment=Environment.PRODUCTION,
            status=AppStatus.PENDING,
            image="",
            created_at=_AT,
            bind_port=3001,
        ),
    ),
    "apps.change": Example(
        q.ChangeApp(
            app="blog",
            processes={"web": ProcessPatch(count=3), "clock": None},
            resources=ResourcesPatch(memory="1G"),
            env={"LANG": "C.UTF-8", "DEBUG": None},
            release_command=None,
        )
    ),
    "apps.destroy": Example(q.DestroyApp(app="blog", volumes=True)),
    "releases.list": Example(q.ForApp(app="blog"), a.Releases(releases=(_RELEASE,))),
    "releases.info": Example(
        q.ForRelease(app="blog", version=42),
        a.ReleaseInfo(
            version=42,
            app="blog",
            image=_IMAGE,
            source=_SOURCE,
            digest=_DIGEST,
            status=ReleaseStatus.ACTIVE,
            config_version=None,
            processes={"web": ("npm", "start"), "worker": ("npm", "run", "worker")},
            port=8080,
            env={"LANG": "C.UTF-8"},
            release_command=("npm", "run", "migrate"),
            created_at=_AT,
            created_by="ci",
            operation=ID,
            deploy_log="/api/v1/apps/blog/releases/42/log",
        ),
    ),
    "releases.log": Example(
        q.ForRelease(app="blog", version=42),
        f"{_AT}  accept           releases.create of blog by ci, operation {ID}\n{_LATER}  end              done: v42 of blog is live\n",
    ),
    "releases.create": Example(q.Deploy(app="blog", image=_SOURCE)),
    "releases.rollback": Example(q.Rollback(app="blog", version=41)),
    "ps.list": Example(
        q.ForApp(app="blog"),
        a.Processes(
            definitions=(a.ProcessDefinition(name="web", command=("npm", "start"), count=1),),
            instances=(
                a.InstanceState(
                    name="pvdify-blog-v42-web-1",
                    instance="web-1",
                    process="web",
                    release=42,
                    state="active",
                    since=_LATER,
                    restarts=0,
                    memory=35 * 1024 * 1024,
                    cpu=1.25,
                    port=20_000,
                    is_live=True,
                ),
            ),
        ),
    ),
    "ps.scale": Example(q.Scale(app="blog", processes={"web": 3})),
    "ps.restart": Example(q.Restart(app="blog", process="web")),
    "ps.stop": Example(q.ForApp(app="blog")),
    "ps.start": Example(q.ForApp(app="blog")),
    "ps.run": Example(
        q.RunOnce(app="blog", command=("npm", "run", "migrate"), timeout=600),
        a.RunOutput(stream=a.RunStream.STDOUT, text="3 migrations\n"),
    ),
    "logs.read": Example(
        q.ReadLogs(app="blog", lines=500, process="web"),
        a.LogEntry(
            at=_LATER,
            instance="web-1",
            release=42,
            text="listening on 8080",
            is_error=False,
            cursor="s=0639;i=4f;b=7c1e;m=1d2f;t=6492;x=a1b2",
        ),
    ),
    "registry.login": Example(
        q.Login(registry="ghcr.io", user="ada", password="…"),  # noqa: S106 - an example
        a.Registries(registries=("ghcr.io",)),
    ),
    "registry.list": Example(q.Nothing(), a.Registries(registries=("ghcr.io", "registry.example.org:5000"))),
    "registry.logout": Example(q.Logout(registry="ghcr.io"), a.Registries(registries=("registry.example.org:5000",))),
    "plan": Example(
        q.Apply(slots=(_SLOT,)),
        a.PlanAnswer(
            steps=(a.PlanStep(app="blog", action="scale", detail="web=2"),),
            drift=("quadlet/pvdify-blog-v42-web-1.container",),
        ),
    ),
    "apply": Example(q.Apply(slots=(_SLOT,))),
    "generations.list": Example(
        q.Nothing(),
        a.Generations(
            generations=(
                a.GenerationSummary(
                    number=117, parent=116, created_at=_LATER, actor="ci", reason="blog: v42", apps=3, is_current=True
                ),
            )
        ),
    ),
    "generations.diff": Example(
        q.DiffGenerations(number=116, other=117),
        a.GenerationDiff(
            number=116,
            other=117,
            files=(
                a.FileDiff(
                    path="systemd/pvdify-blog.target",
                    change="changed",
                    diff="--- 116\n+++ 117\n@@ -3 +3 @@\n"
                    "-Wants=pvdify-blog-v41-web-1.service\n+Wants=pvdify-blog-v42-web-1.service\n",
                ),
            ),
        ),
    ),
    "generations.switch": Example(q.SwitchGeneration(number=116)),
    "doctor": Example(
        q.Nothing(),
        a.Doctor(
            checks=(
                a.Check(name="systemd", status=a.CheckStatus.OK, detail="version 257"),
                a.Check(name="operations", status=a.CheckStatus.WARN, detail="one died", hint="`pvdify apply -a blog`"),
            )
        ),
    ),
    "metrics": Example(
        q.Nothing(),
        '# HELP pvdify_apps Apps, by how they are.\n# TYPE pvdify_apps gauge\npvdify_apps{status="running"} 3\n',
    ),
    "gc": Example(
        q.Nothing(), a.Collected(generations=(101, 102), images=(_DIGEST,), operations=5, bytes=7 * 1024 * 1024)
    ),
    "operations.list": Example(q.ListOperations(app="blog", limit=5), a.Operations(operations=(_OPERATION,))),
    "operations.all": Example(q.ListAllOperations(limit=5), a.Operations(operations=(_OPERATION,))),
    "operations.info": Example(q.ForOperation(id=ID), _OPERATION),
    "operations.events": Example(
        q.Follow(id=ID, after=6), Event(seq=7, at=_LATER, kind=EventKind.DONE, step="probe", ms=214.5)
    ),
    "events.follow": Example(
        q.FollowEvents(after=_CURSOR),
        a.HostEvent(
            cursor=f"20260131-085950-123~{ID}.8",
            operation=ID,
            name="releases.create",
            app="blog",
            actor="ci",
            event=Event(seq=7, at=_LATER, kind=EventKind.DONE, step="probe", ms=214.5),
        ),
    ),
    "operations.cancel": Example(
        q.ForOperation(id=ID),
        a.OperationSummary(
            id=ID,
            name="releases.create",
            app="blog",
            actor="ci",
            status="cancelled",
            step="probe",
            started_at=_AT,
            ended_at=_LATER,
        ),
    ),
    "tokens.list": Example(q.Nothing(), a.Tokens(tokens=(_TOKEN,))),
    "tokens.create": Example(q.CreateToken(name="ci", scopes=_TOKEN.scopes, apps=_TOKEN.apps), _TOKEN_MADE),
    "tokens.rotate": Example(q.RotateToken(id=_TOKEN.id, overlap=3600), _TOKEN_MADE),
    "tokens.revoke": Example(q.ForToken(id=_TOKEN.id), _TOKEN),
    "whoami": Example(
        q.Nothing(),
        a.WhoAmI(
            name="ci",
            via="api",
            token=_TOKEN.id,
            scopes=_TOKEN.scopes,
            apps=_TOKEN.apps,
            expires_at=_EXPIRY,
            version="0.1.0",
        ),
    ),
    "audit.list": Example(
        q.ReadAudit(limit=10, app="blog"),
        a.Audit(
            entries=(
                AuditLine(
                    seq=2041,
                    previous=_DIGEST.removeprefix("sha256:"),
                    at=_AT,
                    actor="ci",
                    via="api",
                    token=_TOKEN.id,
                    request_id=REQUEST_ID,
                    action="releases.create",
                    app="blog",
                    operation=ID,
                    detail={"app": "blog", "image": _SOURCE},
                    outcome="accepted",
                    code="",
                ),
            )
        ),
    ),
    "audit.verify": Example(q.Nothing(), AuditVerdict(lines=2041, is_intact=True)),
    **examples_config.EXAMPLES,
    **examples_edge.EXAMPLES,
    **examples_cloudflare.EXAMPLES,
    **examples_maintenance.EXAMPLES,
}


def pending(name: str, request: q.Request) -> a.Pending:
    """What the change *name* is answered with as soon as it is accepted."""
    return a.Pending(
        operation=ID,
        name=name,
        app=str(getattr(request, "app", None) or getattr(request, "name", "")),
        status="pending",
        created_at=_AT,
        created_by="ci",
        version=42 if name == "releases.create" else None,
        image=_SOURCE if name == "releases.create" else None,
    )


def problems() -> Mapping[int, Problem]:
    """A problem of each status."""
    raised = (
        SpecError("cannot read the request at /image: expected `str | null`, got `int`", pointer="/image"),
        TooLargeError("cannot read the body: it is larger than 65536 bytes"),
        AppNotFoundError("blog"),
        AppBusyError("blog", f"releases.create {ID} by ci (pid 4711)"),
        PreconditionError("cannot change blog: it is not any more what you have seen", hint="read it again"),
        TokenInvalidError(),
        ForbiddenError("cannot do apps.destroy of blog: the token lacks the scope admin", scope="admin"),
        CommandError(("podman", "pull"), 125, "no space left on device", hint="check the host with `pvdify doctor`"),
        RuntimeError(),
    )
    found = {
        status: protocol_problem(
            status, f"cannot serve this request: {title[:1].lower()}{title[1:]}", request_id=REQUEST_ID
        )
        for status, (_, title) in PROTOCOL.items()
    }
    return found | {one.status: one for one in (problem_of(error, request_id=REQUEST_ID) for error in raised)}
