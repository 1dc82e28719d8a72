"""What pvdify answers about config, and about who may read it."""

from __future__ import annotations

from pvdify.model.answers import Answer
from pvdify.model.vault import SealWith


class Config(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One config version: what it holds by name, and null for each value unless it was asked to reveal them. Files are base64."""

    app: str
    version: int | None
    live_version: int | None
    vars: dict[str, str | None]
    files: dict[str, bytes | None]
    sizes: dict[str, int]
    created_at: str = ""
    created_by: str = ""

    def __repr__(self) -> str:
        """Name it, and nothing that it holds."""
        return f"Config({self.app} c{self.version})"


class ConfigVersion(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """One line of `pvdify config:versions`: how much it holds, and the newest release that was made with it."""

    version: int
    vars: int
    files: int
    release: int | None
    created_at: str
    created_by: str


class ConfigVersions(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """The config versions of an app, newest first: *version* is what the next release gets, *live_version* what the live one has."""

    app: str
    version: int | None
    live_version: int | None
    versions: tuple[ConfigVersion, ...]


class ConfigDiff(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """What is other in version *other* than in *version*, by name."""

    app: str
    version: int
    other: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class SecretsInfo(Answer, frozen=True, kw_only=True, omit_defaults=False):
    """Who reads what is kept encrypted: the host, by its *recipient*, and whoever was added; and how it is sealed for the host."""

    recipient: str
    recipients: tuple[str, ...]
    seal: SealWith
    key_file: str
    is_unfinished: bool = False
