"""Where things are in the state directory and in the run-time directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pvdify.errors import SpecError


@dataclass(frozen=True, slots=True)
class Settings:
    """The two directories of one host: *state* is kept, *run* is gone after a boot."""

    state: Path = Path("/var/lib/pvdify")
    run: Path = Path("/run/pvdify")

    @property
    def format(self) -> Path:
        """The version of the layout."""
        return self.state / "format"

    @property
    def current(self) -> Path:
        """The link that names the generation in force."""
        return self.state / "current"

    @property
    def generations(self) -> Path:
        """Every generation that is kept."""
        return self.state / "generations"

    @property
    def apps(self) -> Path:
        """One directory per app."""
        return self.state / "apps"

    @property
    def operations(self) -> Path:
        """The journals."""
        return self.state / "operations"

    @property
    def secrets(self) -> Path:
        """The host's age key, and who else reads what is encrypted."""
        return self.state / "secrets"

    @property
    def age_key(self) -> Path:
        """The key that opens what is kept encrypted, newest first where there is more than one."""
        return self.secrets / "age.key"

    @property
    def tunnel_credentials(self) -> Path:
        """What the tunnel's unit opens its credentials from, sealed."""
        return self.secrets / "edge" / "pvdify-tunnel.cred"

    @property
    def secrets_settings(self) -> Path:
        """Who else reads what is encrypted, and how it is sealed."""
        return self.secrets / "settings.toml"

    @property
    def fingerprint_key(self) -> Path:
        """What keeps the idempotency keys from telling what was asked for."""
        return self.secrets / "fingerprint.key"

    @property
    def host_secrets_lock(self) -> Path:
        """Held by whoever changes the host's own secrets."""
        return self.run / "host-secrets.lock"

    @property
    def secrets_lock(self) -> Path:
        """Shared by whoever encrypts or decrypts, held by whoever takes a key away."""
        return self.run / "secrets.lock"

    @property
    def secrets_change_lock(self) -> Path:
        """Held by the operation that encrypts or seals everything again."""
        return self.run / "secrets-change.lock"

    @property
    def tokens(self) -> Path:
        """What is kept of the tokens."""
        return self.state / "tokens.json"

    @property
    def tokens_used(self) -> Path:
        """When each token was last used, to the hour."""
        return self.state / "tokens.used"

    @property
    def audit(self) -> Path:
        """What was asked for, by whom, and how it ended."""
        return self.state / "audit.jsonl"

    @property
    def audit_head(self) -> Path:
        """Which line of the audit was written last."""
        return self.state / "audit.head"

    @property
    def restoring(self) -> Path:
        """How far a restore is that is not through yet."""
        return self.state / "restore.json"

    @property
    def restore_lock(self) -> Path:
        """Held by whoever restores."""
        return self.run / "restore.lock"

    @property
    def volumes(self) -> Path:
        """The volumes of all apps, in Podman's store."""
        return self.state / "storage" / "volumes"

    @property
    def keys(self) -> Path:
        """The idempotency keys of the last day."""
        return self.state / "idempotency"

    @property
    def reserve(self) -> Path:
        """Room for a rollback on a full disk."""
        return self.state / "reserve"

    @property
    def host_lock(self) -> Path:
        """Held by whoever publishes."""
        return self.state / "lock"

    @property
    def reload_lock(self) -> Path:
        """Held by whoever makes systemd read its units again."""
        return self.run / "reload.lock"

    @property
    def router_lock(self) -> Path:
        """Held by whoever moves a front or reloads the router."""
        return self.run / "router.lock"

    @property
    def images_lock(self) -> Path:
        """Shared by whoever needs an image that no generation names yet, held by whoever removes images."""
        return self.run / "images.lock"

    @property
    def put_rules(self) -> Path:
        """The rules that pvdify put into tunnels that Cloudflare keeps."""
        return self.state / "tunnels.json"

    @property
    def held(self) -> Path:
        """The fronts that keep requests waiting while one release makes way for the next."""
        return self.run / "held"

    @property
    def edge_change_lock(self) -> Path:
        """The lock of whoever has another edge, or gives a tunnel other credentials: one at a time."""
        return self.run / "edge-change.lock"

    @property
    def edge_lock(self) -> Path:
        """Held by whoever makes the edge follow."""
        return self.run / "edge.lock"

    @property
    def followed(self) -> Path:
        """The SHA-256 of what the edge was last made to serve."""
        return self.state / "edge.followed"

    @property
    def loaded(self) -> Path:
        """The number of the generation that systemd last read in this boot."""
        return self.run / "loaded"

    def app(self, app: str) -> Path:
        """The directory of *app*; a name that would lead elsewhere is refused."""
        if "/" in app or app in {"", ".", ".."}:
            raise SpecError(f"cannot read {app!r} as the name of an app", pointer="/app")
        return self.apps / app

    def slot(self, app: str) -> Path:
        """What is declared of *app*."""
        return self.app(app) / "slot.toml"

    def slot_before(self, app: str) -> Path:
        """What was declared of *app* until an operation declared it otherwise, as long as that may have to be undone."""
        return self.app(app) / ".slot.toml.before"

    def made_records(self, app: str) -> Path:
        """The records in DNS that pvdify made for *app*."""
        return self.app(app) / "dns.json"

    def pages(self, app: str) -> Path:
        """What the operator wrote for visitors of *app* where no instance answers."""
        return self.app(app) / "pages"

    def releases(self, app: str) -> Path:
        """The releases of *app*."""
        return self.app(app) / "releases"

    def configs(self, app: str) -> Path:
        """The config versions of *app*; those of `host`, which is no app, are the host's own secrets."""
        return self.secrets / "host" if app == "host" else self.app(app) / "config"

    def sealed(self, app: str, version: int, part: str) -> Path:
        """*part* of a config version, sealed for this host.

        >>> str(Settings().sealed("blog", 7, "env"))
        '/var/lib/pvdify/apps/blog/config/c7/env.cred'
        """
        return self.configs(app) / f"c{version}" / f"{part}.cred"

    def app_lock(self, app: str) -> Path:
        """Held by the operation that changes *app*."""
        return self.app(app) / "lock"

    def generation(self, number: int) -> Path:
        """The tree of one generation.

        >>> str(Settings().generation(123))
        '/var/lib/pvdify/generations/000123'
        """
        return self.generations / f"{number:06}"
