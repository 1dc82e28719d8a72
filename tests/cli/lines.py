"""What is typed, and what is asked for then: the commands that show something, and those that change something."""

from __future__ import annotations

from typing import Final

from pvdify.model.edge_requests import AddDomains, CheckDomains, RemoveDomain
from pvdify.model.requests import (
    Apply,
    Backup,
    CreateApp,
    CreateToken,
    Deploy,
    DestroyApp,
    DiffConfig,
    DiffGenerations,
    ForApp,
    ForOperation,
    ForRecipient,
    ForRelease,
    ForToken,
    Init,
    ListAllOperations,
    ListOperations,
    Logout,
    Nothing,
    ReadAudit,
    Request,
    Reseal,
    Restart,
    Restore,
    Rollback,
    RotateToken,
    RunOnce,
    Scale,
    ShowConfig,
    SwitchGeneration,
)
from pvdify.model.scope import Scope
from pvdify.model.slot import Environment
from pvdify.model.vault import SealWith
from tests.cli.fake import ID

TEAM: Final = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
Line = tuple[tuple[str, ...], str, Request]

COMMANDS: Final[dict[str, Line]] = {
    "apps": (("apps",), "apps.list", Nothing()),
    "apps-info": (("apps:info", "blog"), "apps.info", ForApp(app="blog")),
    "releases": (("releases", "blog"), "releases.list", ForApp(app="blog")),
    "releases-info": (("releases:info", "blog", "v3"), "releases.info", ForRelease(app="blog", version=3)),
    "config": (("config", "blog"), "config.show", ShowConfig(app="blog")),
    "config-reveal": (("config", "blog", "--reveal"), "config.show", ShowConfig(app="blog", reveal=True)),
    "config-versions": (("config:versions", "blog"), "config.versions", ForApp(app="blog")),
    "config-diff": (("config:diff", "blog", "c6", "7"), "config.diff", DiffConfig(app="blog", version=6, other=7)),
    "secrets": (("secrets",), "secrets.show", Nothing()),
    "maintenance": (("maintenance", "blog"), "maintenance.show", ForApp(app="blog")),
    "domains": (("domains", "blog"), "domains.list", ForApp(app="blog")),
    "domains-dns": (("domains", "blog", "--dns"), "domains.list", ForApp(app="blog")),
    "domains-check": (
        ("domains:check", "blog", "blog.example.org"),
        "domains.check",
        CheckDomains(app="blog", domain="blog.example.org"),
    ),
    "edge": (("edge",), "edge.show", Nothing()),
    "ps": (("ps", "blog"), "ps.list", ForApp(app="blog")),
    "run": (("run", "blog", "--", "ls", "-la"), "run", RunOnce(app="blog", command=("ls", "-la"))),
    "registry-list": (("registry:list",), "registry.list", Nothing()),
    "registry-logout": (("registry:logout", "ghcr.io"), "registry.logout", Logout(registry="ghcr.io")),
    "plan": (("plan",), "plan", Apply()),
    "generations": (("generations",), "generations.list", Nothing()),
    "generations-diff": (("generations:diff", "1", "2"), "generations.diff", DiffGenerations(number=1, other=2)),
    "doctor": (("doctor",), "doctor", Nothing()),
    "gc": (("gc",), "gc", Nothing()),
    "init": (("init",), "init", Init()),
    "backup": (
        ("backup", "/srv/host.pvdify", "--to", TEAM, "--volumes"),
        "backup",
        Backup(file="/srv/host.pvdify", to=(TEAM,), volumes=True),
    ),
    "restore-check": (("restore", "host.pvdify", "--to-check"), "restore.check", Restore(file="/host.pvdify")),
    "operations": (("operations", "blog"), "operations.list", ListOperations(app="blog")),
    "operations-all": (("operations:all",), "operations.all", ListAllOperations()),
    "operations-info": (("operations:info", ID), "operations.info", ForOperation(id=ID)),
    "whoami": (("whoami",), "whoami", Nothing()),
    "tokens": (("tokens",), "tokens.list", Nothing()),
    "tokens-create": (
        ("tokens:create", "ci", "--scope", "read", "--scope", "deploy", "--app", "blog-*"),
        "tokens.create",
        CreateToken(name="ci", scopes=(Scope.READ, Scope.DEPLOY), apps=("blog-*",)),
    ),
    "tokens-rotate": (
        ("tokens:rotate", "t4f1c9abc", "--overlap", "30m", "--days", "7"),
        "tokens.rotate",
        RotateToken(id="t4f1c9abc", overlap=1800, days=7),
    ),
    "tokens-revoke": (("tokens:revoke", "t0000000a"), "tokens.revoke", ForToken(id="t0000000a")),
    "audit": (("audit", "blog", "-n", "20", "--before", "9"), "audit.list", ReadAudit(app="blog", limit=20, before=9)),
    "audit-verify": (("audit:verify",), "audit.verify", Nothing()),
}
CHANGES: Final[dict[str, Line]] = {
    "create": (
        ("apps:create", "blog-staging", "--environment", "staging", "--bind-port", "3010", "--image", "nginx"),
        "apps.create",
        CreateApp(name="blog-staging", environment=Environment.STAGING, bind_port=3010, image="nginx"),
    ),
    "destroy": (
        ("apps:destroy", "blog", "--confirm", "blog"),
        "apps.destroy",
        DestroyApp(app="blog"),
    ),
    "destroy by its alias": (
        ("apps:delete", "blog", "--force", "--volumes"),
        "apps.destroy",
        DestroyApp(app="blog", volumes=True),
    ),
    "deploy": (("deploy", "blog"), "releases.create", Deploy(app="blog")),
    "deploy an image": (
        ("deploy", "blog", "--image", "ghcr.io/org/blog:v2"),
        "releases.create",
        Deploy(app="blog", image="ghcr.io/org/blog:v2"),
    ),
    "deploy a word": (
        ("deploy", "blog", "ghcr.io/org/blog:v2"),
        "releases.create",
        Deploy(app="blog", image="ghcr.io/org/blog:v2"),
    ),
    "deploy a bare name": (
        ("deploy", "-a", "blog", "nginx"),
        "releases.create",
        Deploy(app="blog", image="nginx"),
    ),
    "rollback": (("rollback", "blog"), "releases.rollback", Rollback(app="blog")),
    "rollback to a release": (
        ("rollback", "blog", "v41", "--keep-config"),
        "releases.rollback",
        Rollback(app="blog", version=41, keep_config=True),
    ),
    "secrets add": (("secrets:add", TEAM), "secrets.add", ForRecipient(recipient=TEAM)),
    "secrets remove": (("secrets:remove", TEAM), "secrets.remove", ForRecipient(recipient=TEAM)),
    "secrets rotate": (("secrets:rotate",), "secrets.rotate", Nothing()),
    "secrets reseal": (("secrets:reseal",), "secrets.reseal", Reseal()),
    "secrets reseal otherwise": (
        ("secrets:reseal", "--with", "host+tpm2"),
        "secrets.reseal",
        Reseal(seal=SealWith.BOTH),
    ),
    "scale": (
        ("ps:scale", "blog", "web=2", "worker=0"),
        "ps.scale",
        Scale(app="blog", processes={"web": 2, "worker": 0}),
    ),
    "restart": (("ps:restart", "blog"), "ps.restart", Restart(app="blog")),
    "restart one": (("ps:restart", "blog", "worker"), "ps.restart", Restart(app="blog", process="worker")),
    "stop": (("ps:stop", "blog"), "ps.stop", ForApp(app="blog")),
    "start": (("ps:start", "blog"), "ps.start", ForApp(app="blog")),
    "restore": (("restore", "/srv/host.pvdify"), "restore", Restore(file="/srv/host.pvdify")),
    "names": (
        ("domains:add", "blog", "blog.example.org", "*.blog.example.org"),
        "domains.add",
        AddDomains(app="blog", domains=("blog.example.org", "*.blog.example.org")),
    ),
    "no name": (
        ("domains:remove", "blog", "blog.example.org"),
        "domains.remove",
        RemoveDomain(app="blog", domain="blog.example.org"),
    ),
    "maintenance on": (("maintenance:on", "blog"), "maintenance.on", ForApp(app="blog")),
    "maintenance off": (("maintenance:off", "blog"), "maintenance.off", ForApp(app="blog")),
    "apply": (("apply",), "apply", Apply()),
    "apply one": (("apply", "-a", "blog", "--deploy"), "apply", Apply(app="blog", deploy=True)),
    "switch": (
        ("generations:switch", "41", "--exact"),
        "generations.switch",
        SwitchGeneration(number=41, exact=True),
    ),
}
