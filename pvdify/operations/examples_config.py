"""How config and secrets are asked for and answered, for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.model import config_answers as a
from pvdify.model import requests as q
from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.model.vault import SealWith
from pvdify.operations.example import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST: Final = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
_TEAM: Final = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
_AT: Final = "2026-01-31T09:00:00.123Z"

_LEFT: Final = Changed(
    operation="20260131-090000-123k7qz",
    outcome=Outcome.DONE,
    text="c8 of blog is set (removed LOG_LEVEL); the next release gets it: `pvdify deploy blog` makes one",
    app="blog",
    config=8,
    generation=117,
)

EXAMPLES: Final[Mapping[str, Example]] = {
    "config.show": Example(
        q.ShowConfig(app="blog"),
        a.Config(
            app="blog",
            version=7,
            live_version=7,
            vars={"DATABASE_URL": None, "LOG_LEVEL": None},
            files={"tls.pem": None},
            sizes={"tls.pem": 1704},
            created_at=_AT,
            created_by="ada",
        ),
    ),
    "config.versions": Example(
        q.ForApp(app="blog"),
        a.ConfigVersions(
            app="blog",
            version=7,
            live_version=7,
            versions=(
                a.ConfigVersion(version=7, vars=2, files=1, release=42, created_at=_AT, created_by="ada"),
                a.ConfigVersion(version=6, vars=1, files=1, release=41, created_at=_AT, created_by="ada"),
            ),
        ),
    ),
    "config.diff": Example(
        q.DiffConfig(app="blog", version=6, other=7),
        a.ConfigDiff(app="blog", version=6, other=7, added=("LOG_LEVEL",), removed=(), changed=("DATABASE_URL",)),
    ),
    "config.set": Example(
        q.SetConfig(app="blog", vars={"LOG_LEVEL": "debug", "OLD": None}, files={"tls.pem": b"-----BEGIN"}),
        _LEFT,
    ),
    "config.unset": Example(q.UnsetConfig(app="blog", key="LOG_LEVEL"), _LEFT),
    "secrets.show": Example(
        q.Nothing(),
        a.SecretsInfo(
            recipient=_HOST, recipients=(_TEAM,), seal=SealWith.HOST, key_file="/var/lib/pvdify/secrets/age.key"
        ),
    ),
    "secrets.add": Example(q.ForRecipient(recipient=_TEAM)),
    "secrets.remove": Example(q.ForRecipient(recipient=_TEAM)),
    "secrets.rotate": Example(q.Nothing()),
    "secrets.reseal": Example(q.Reseal(seal=SealWith.BOTH)),
}
