"""One app's first days, written into a state directory with the store, the plan and the templates themselves."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from pvdify.model.audit import AuditEntry
from pvdify.model.config import SALT, ConfigDocument, ConfigMeta
from pvdify.model.edge import EdgeSettings
from pvdify.model.event import Accepted, EventKind, Outcome
from pvdify.model.image import Image
from pvdify.model.manifest import AppRow, InstanceRow
from pvdify.model.place import Place
from pvdify.model.release import Release
from pvdify.model.scope import Scope
from pvdify.model.slot import Slot
from pvdify.model.token import Token, digest
from pvdify.model.vault import AgeKey, VaultSettings
from pvdify.plan.release import formation_of, release_of
from pvdify.render.tree import app_artefacts, host_artefacts
from pvdify.store.journal import Journal, stamp_of
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.store.example import NOBODY, NOW, publishing, row

PROGRAMS = {"podman": "5.4.2", "systemd": "257"}
STEPS = (
    *("pull", "record", "prepare", "start", "probe", "switch"),
    *("route", "read-back", "drain", "stop", "settle", "collect"),
)

TOKEN = Token(
    id="t7kq2m04c",
    name="ci of the blog",
    scopes=(Scope.ADMIN,),
    apps=("blog", "blog-*"),
    created_at=stamp_of(NOW),
    created_by="root",
    expires_at=stamp_of(NOW + timedelta(days=90)),
    digest=digest("the text that was shown once"),
)


ONCE = Path(__file__).parent / "once"
"""What SOPS and systemd made of two configs, with keys that nobody has any more."""
KEY = AgeKey(
    public="age1kay864lrl8d5lvdkapnhykfdp7axx3926cmhdr7grnaf4dr6aemqm8hrc0", secret=f"AGE-SECRET-KEY-1{'Q' * 58}"
)
TEAM = "age1v693zeumute9upr7y2he9su6nmecfy83r6a6ekqawdnw9euzkvkqywp9vr"
BLOG = ConfigDocument(
    app="blog",
    version=1,
    salt="not-shown",
    vars={"DATABASE_URL": "postgres://blog:not-shown@db.internal/blog", "SECRET_KEY": "not-shown"},
    files={"tls.key": b"not shown\n"},
)
LOGINS = ConfigDocument(app="host", version=1, salt="not-shown", files={"logins": b'{"ghcr.io":"example:not-shown"}'})


class Host:
    """A host on which each act takes a second, and nothing is left to chance."""

    def __init__(self, directory: Path) -> None:
        self.time = NOW
        self.state = State(Settings(state=directory, run=directory.with_name("run")), now=self.now)
        self.state.create()
        self.state.settings.fingerprint_key.parent.mkdir(exist_ok=True)
        self.state.settings.fingerprint_key.write_text("of this example: elsewhere nobody can guess it\n")
        self.releases: dict[int, Release] = {}
        self.config: ConfigMeta | None = None
        self.publish(None, "the empty host", operation="")

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def publish(self, app: AppRow | None, reason: str, *, operation: str) -> None:
        apps = {app.name: app} if app else {}
        artefacts = host_artefacts(apps, EdgeSettings(), Place()) + (
            app_artefacts(app, self.releases, Place()) if app else ()
        )
        parent = self.state.current() if self.state.has_generation() else NOBODY
        files = {one.path: one.text.encode() for one in artefacts}
        with publishing(self.state):
            self.state.commit(
                self.state.stage(
                    parent=parent,
                    files=files,
                    removed=set(parent.files) - set(files),
                    apps=apps,
                    retained=(),
                    actor=TOKEN.name if operation else "root",
                    operation=operation,
                    reason=reason,
                    at=stamp_of(self.now()),
                    programs=PROGRAMS,
                )
            )

    def operation(self, name: str, letters: str) -> Accepted:
        self.time += timedelta(hours=1)
        at = self.now()
        id_ = f"{at.strftime('%Y%m%d-%H%M%S-%f')[:-3]}{letters}"
        one = Accepted(id=id_, name=name, app="blog", actor=TOKEN.name, at=stamp_of(at))
        self.audit(one, at=one.at, outcome="accepted")
        return one

    def audit(self, operation: Accepted, *, at: str, outcome: str) -> None:
        self.state.audit(
            AuditEntry(
                at=at,
                actor=operation.actor,
                via="api",
                token=TOKEN.id,
                request_id=f"of-{operation.id}",
                action=operation.name,
                app=operation.app,
                operation=operation.id,
                outcome=outcome,
            )
        )

    def end(self, operation: Accepted, journal: Journal, text: str) -> None:
        journal.write(EventKind.END, text=text, outcome=Outcome.DONE)
        self.audit(operation, at=stamp_of(self.time), outcome="done")

    def let_in(self) -> None:
        self.state.add_token(TOKEN)
        self.state.note_token_used(TOKEN.id, stamp_of(self.time))

    def keep_secrets(self) -> None:
        self.state.vault.write_keys([KEY])
        self.state.vault.write_settings(VaultSettings(recipients=(TEAM,)))
        self.keep(LOGINS, operation="", actor="root")

    def keep(self, document: ConfigDocument, *, operation: str, actor: str) -> ConfigMeta:
        name = f"{document.app}.c{document.version}"
        meta = ConfigMeta(
            version=document.version,
            sha256=document.digest(),
            keys=tuple(document.vars),
            files={part: len(data) for part, data in document.files.items()},
            created_at=stamp_of(self.now()),
            created_by=actor,
            operation=operation,
        )
        sealed = {part: (ONCE / f"{name}.{part}.cred").read_bytes() for part in (*meta.pin().parts(), SALT)}
        return self.state.configs.add(document.app, meta, text=(ONCE / f"{name}.sops.json").read_bytes(), sealed=sealed)

    def set_config(self, app: AppRow, letters: str) -> AppRow:
        one = self.operation("config.set", letters)
        journal = self.state.journal(one, boot_id="0d2c2b5a-8f1e-4d7e-9c43-51a0a1f6f3b7")
        journal.write(EventKind.BEGIN, step="config")
        self.config = self.keep(BLOG, operation=one.id, actor=TOKEN.name)
        text = "c1: added DATABASE_URL, SECRET_KEY, secrets/tls.key"
        journal.write(EventKind.NOTE, step="config", text=text, data={"config": 1})
        journal.write(EventKind.DONE, step="config", ms=61.0)
        journal.write(EventKind.BEGIN, step="switch")
        app = msgspec.structs.replace(app, config=self.config.pin(), updated_at=one.at)
        self.publish(app, "blog: set config c1", operation=one.id)
        journal.write(EventKind.DONE, step="switch", ms=20.5)
        self.end(one, journal, f"c1 of blog is set ({text.removeprefix('c1: ')}); the next release gets it")
        return app

    def create(self) -> AppRow:
        one = self.operation("apps.create", "7kq2")
        journal = self.state.journal(one, boot_id="0d2c2b5a-8f1e-4d7e-9c43-51a0a1f6f3b7")
        slot = Slot(name="blog", image="ghcr.io/example/blog:v1")
        self.state.write_slot(slot)
        os.utime(self.state.settings.slot("blog"), ns=(0, int(NOW.timestamp()) * 10**9))
        stamp = self.state.stamp("blog")
        app = msgspec.structs.replace(row(live=None), declared=slot.image, slot=stamp, formation=formation_of(slot))
        journal.write(EventKind.BEGIN, step="prepare")
        self.publish(app, "blog: create", operation=one.id)
        journal.write(EventKind.DONE, step="prepare", ms=12.0)
        self.end(one, journal, "blog is there")
        return app

    def deploy(self, app: AppRow, version: int, letters: str) -> AppRow:
        one = self.operation("releases.create", letters)
        self.state.claim_key(
            TOKEN.id, f"build {version}", fingerprint=digest(f"v{version}"), operation=one.id, now=self.time
        )
        journal = self.state.journal(one, boot_id="0d2c2b5a-8f1e-4d7e-9c43-51a0a1f6f3b7")
        release = self.recorded(version, one)
        old = tuple(instance for instance in app.instances if instance.release == app.live)
        new = InstanceRow(release=version, process="web", ordinal=1, port=20_000 + version)
        prepared = msgspec.structs.replace(app, instances=(*old, new), updated_at=one.at)
        retired = tuple(msgspec.structs.replace(instance, is_live=False) for instance in old)
        switched = msgspec.structs.replace(
            prepared,
            image=release.image,
            live=version,
            warm=app.live,
            instances=(*retired, msgspec.structs.replace(new, is_live=True)),
        )
        for step in STEPS:
            journal.write(EventKind.BEGIN, step=step)
            if step == "record":
                data = {"release": version, "from_release": app.live}
                journal.write(EventKind.NOTE, step=step, text=f"release v{version}", data=data)
            if step == "prepare":
                self.publish(prepared, f"blog: prepare v{version}", operation=one.id)
            if step == "switch":
                self.publish(switched, f"blog: switch to v{version}", operation=one.id)
            journal.write(EventKind.DONE, step=step, ms=20.5)
        self.end(one, journal, f"v{version} of blog is live")
        return switched

    def recorded(self, version: int, operation: Accepted) -> Release:
        digest = f"sha256:{64 * str(version)}"
        source = f"ghcr.io/example/blog:v{version}"
        image = Image(id=digest, digest=digest, architecture="amd64", ports=(8000,))
        release = release_of(
            self.state.slot("blog"),
            image,
            pinned=f"ghcr.io/example/blog@{digest}",
            source=source,
            version=version,
            config=self.config,
        )
        release = msgspec.structs.replace(
            release, created_at=operation.at, created_by=operation.actor, operation=operation.id
        )
        self.state.write_release(release)
        self.releases[version] = release
        return release


def told(directory: Path) -> State:
    """An app is made, deployed, given config and deployed again: v2 with c1 is live, v1 is warm, and the first generations were collected."""
    host = Host(directory)
    host.let_in()
    host.keep_secrets()
    app = host.create()
    app = host.deploy(app, 1, "b3x9")
    app = host.set_config(app, "c1vf")
    host.deploy(app, 2, "m04c")
    with publishing(host.state):
        host.state.collect([5, 6])
    return host.state
