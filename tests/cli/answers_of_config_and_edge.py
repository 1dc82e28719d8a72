"""What a host would answer of its secrets, an app's config, and its names."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Check, CheckStatus
from pvdify.model.config_answers import Config, ConfigDiff, ConfigVersion, ConfigVersions, SecretsInfo
from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.edge_answers import Domain, DomainCheck, DomainChecks, Domains, DomainState, Edge
from pvdify.model.vault import SealWith

AT: Final = "2026-01-31T09:00:00.123Z"
RECIPIENT = "age1fysufttz59xt40edm80aw9zkrf2jqus03tq0s6ddmpp77k337ews5qxtzy"
WAY = DomainCheck(
    app="blog",
    name="blog.example.org",
    state=DomainState.ACTIVE,
    reason="",
    links=(
        Check(name="name", status=CheckStatus.OK, detail="blog.example.org leads to 203.0.113.7"),
        Check(name="edge", status=CheckStatus.OK, detail="caddy serves it"),
        Check(name="front", status=CheckStatus.OK, detail="127.0.0.1:3000 answers"),
        Check(name="release", status=CheckStatus.OK, detail="v3 answers with status 200"),
    ),
)

CONFIG_AND_EDGE: Final[dict[str, object]] = {
    "domains.list": Domains(
        app="blog",
        front=3000,
        domains=(
            Domain(name="blog.apps.example.org", state=DomainState.ACTIVE, is_default=True),
            Domain(name="blog.example.org", state=DomainState.PENDING, reason="no release yet"),
            Domain(
                name="*.blog.example.org", state=DomainState.FAILED, reason="the edge caddy is down: `pvdify apply`"
            ),
        ),
        advice=("*.apps.example.org. A 203.0.113.7", "blog.example.org. A 203.0.113.7"),
    ),
    "domains.check": DomainChecks(app="blog", domains=(WAY,)),
    "edge.show": Edge(
        edge=EdgeSettings(kind=EdgeKind.CADDY, domain="apps.example.org", email="ada@example.org"),
        is_running=True,
        names=3,
    ),
    "config.show": Config(
        app="blog",
        version=7,
        live_version=6,
        vars={"LOG_LEVEL": "debug\x1b[2J", "DATABASE_URL": "postgres://db/blog"},
        files={"tls.pem": b"\x00\xffPEM"},
        sizes={"tls.pem": 5},
        created_at=AT,
        created_by="ada",
    ),
    "config.versions": ConfigVersions(
        app="blog",
        version=7,
        live_version=6,
        versions=(
            ConfigVersion(version=7, vars=2, files=1, release=None, created_at=AT, created_by="ada"),
            ConfigVersion(version=6, vars=1, files=0, release=2, created_at=AT, created_by="ada"),
        ),
    ),
    "secrets.show": SecretsInfo(
        recipient=RECIPIENT,
        recipients=("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",),
        seal=SealWith.HOST,
        key_file="/var/lib/pvdify/secrets/age.key",
        is_unfinished=True,
    ),
    "config.diff": ConfigDiff(
        app="blog", version=6, other=7, added=("LOG_LEVEL", "secrets/tls.pem"), removed=(), changed=("DATABASE_URL",)
    ),
}
