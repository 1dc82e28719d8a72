"""One state directory, as the ops see it. What each part does stands in the module that the call goes on to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pvdify.model.manifest import Manifest
from pvdify.store.audit import Audit
from pvdify.store.backups import Backups
from pvdify.store.configs import Configs
from pvdify.store.elsewhere import Elsewhere
from pvdify.store.followed import Followed
from pvdify.store.generations import Generations, Staged
from pvdify.store.held import Held
from pvdify.store.journals import Journals
from pvdify.store.keys import Keys
from pvdify.store.layout import Layout
from pvdify.store.locks import Lock, Locks
from pvdify.store.pages import Pages
from pvdify.store.releases import Releases
from pvdify.store.reserve import Reserve
from pvdify.store.slots import Slots
from pvdify.store.tokens import Tokens
from pvdify.store.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from pvdify.model.audit import AuditEntry, AuditLine, AuditVerdict
    from pvdify.model.edge import EdgeSettings
    from pvdify.model.event import Accepted, Event, OperationRecord
    from pvdify.model.manifest import AppRow, Retained, SlotStamp
    from pvdify.model.release import Release
    from pvdify.model.slot import Slot
    from pvdify.model.token import Token
    from pvdify.store.journal import Journal
    from pvdify.store.keys import Claim
    from pvdify.store.paths import Settings
    from pvdify.store.tail import Tail
    from pvdify.store.tally import Tally


def _now() -> datetime:
    return datetime.now(UTC)


class State:
    """All that is kept of one host. Every call is synchronous, safe to repeat, and safe to kill anywhere.

    Raised: `StateError` and its kin (unreadable, corrupt, missing, too new), `DiskLowError`, and where something that was
    named is not there, the `NotFoundError` of its kind. Never a bare `OSError`.
    """

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] = _now) -> None:
        reserve = Reserve(settings)
        self.settings = settings
        self._layout = Layout(settings, reserve)
        self._locks = Locks(settings)
        self._generations = Generations(settings, reserve, self._locks)
        self._slots = Slots(settings, reserve)
        self._releases = Releases(settings, reserve)
        self._journals = Journals(settings, reserve, now)
        self.vault = Vault(settings, self._locks)
        self.configs = Configs(settings, reserve)
        self.elsewhere = Elsewhere(settings, reserve)
        self.followed = Followed(settings, reserve)
        self.pages = Pages(settings)
        self.held = Held(settings)
        self._tokens = Tokens(settings, reserve)
        self._audit = Audit(settings, reserve)
        self._keys = Keys(settings, reserve)
        self.backups = Backups(settings, self._locks, self.configs, self._tokens, self._audit)

    # the directory as a whole

    def create(self) -> bool:
        """Make what is missing of the directory (but no generation); False if it was there. `StateTooNewError` if a newer pvdify's."""
        return self._layout.create()

    def check(self, *, is_restoring: bool = False) -> None:
        """Raise `StateMissingError`, `StateTooNewError` or `RestoreUnfinishedError` unless this is a state directory that we can read.

        Half of a host, as a restore makes it, can be read by who *is_restoring* alone. Nothing is written.
        """
        self._layout.check(is_restoring=is_restoring)

    def free_bytes(self) -> int:
        """Bytes that are free where the state directory is."""
        return self._layout.free_bytes()

    # slots

    def slots(self) -> tuple[str, ...]:
        """The apps that have a `slot.toml`, by name."""
        return self._slots.names()

    def has_slot(self, app: str) -> bool:
        """Whether *app* has a `slot.toml`."""
        return self._slots.has(app)

    def slot(self, app: str) -> Slot:
        """What is declared of *app*; raise `AppNotFoundError`, or `SpecError` with file and line."""
        return self._slots.read(app)

    def slot_text(self, app: str) -> bytes:
        """The bytes of its `slot.toml`."""
        return self._slots.text(app)

    def stamp(self, app: str) -> SlotStamp:
        """What its `slot.toml` is now, for the manifest's row; raise `AppNotFoundError`."""
        return self._slots.stamp(app)

    def is_edited(self, row: AppRow) -> bool:
        """Whether the `slot.toml` is another one than the row's; one stat where size and time are the same."""
        return self._slots.is_edited(row)

    def write_slot(self, slot: Slot) -> SlotStamp:
        """Declare *slot*, durably; an operator's comments, order and spelled-out defaults stay."""
        return self._slots.write(slot)

    def redeclare(self, slot: Slot) -> SlotStamp:
        """Declare *slot*, and keep what was declared until now, for `undeclare`; the caller holds the app's lock."""
        return self._slots.redeclare(slot)

    def undeclare(self, app: str, written: str | None) -> bool:
        """Take back what `redeclare` did, to the byte; False if there is nothing to take back.

        What somebody has edited since then stays: then the file's SHA-256 is not *written* any more.
        """
        return self._slots.undeclare(app, written)

    def confirm(self, app: str) -> None:
        """Forget what was declared before `redeclare`."""
        self._slots.confirm(app)

    def write_counts(self, app: str, counts: Mapping[str, int]) -> SlotStamp:
        """Set the counts of the processes that the slot declares; all else stays as it is."""
        return self._slots.write_counts(app, counts)

    def remove_app(self, app: str) -> None:
        """Forget slot and releases of *app* (the journals stay); one that is not there is fine. The caller may hold its lock."""
        self._slots.remove(app)

    # releases

    def release(self, app: str, version: int) -> Release:
        """Release *version* of *app*; raise `ReleaseNotFoundError`."""
        return self._releases.read(app, version)

    def releases(self, app: str) -> tuple[int, ...]:
        """The versions of *app* that are recorded, newest first; none for an unknown app."""
        return self._releases.versions(app)

    def write_release(self, release: Release) -> None:
        """Record *release*, durably and for good; the same again is fine, another one of that version raises `StateError`."""
        self._releases.write(release)

    def next_version(self, app: str) -> int:
        """A version that no release of *app* ever had, failed and interrupted ones included. The caller holds the app's lock."""
        row = self.current().apps.get(app) if self.has_generation() else None
        return self._releases.next_version(app, row)

    # generations: stage, commit, collect and sweep want the host lock held through this object

    def has_generation(self) -> bool:
        """Whether a generation is in force; `StateError` if the link is lost while generations are there."""
        return self._generations.has_current()

    def current(self) -> Manifest:
        """The generation in force; cheap when it is still the one of last time. `CorruptGenerationError`, `StateMissingError`."""
        return self._generations.current()

    def manifest(self, number: int) -> Manifest:
        """Generation *number*; raise `GenerationNotFoundError` or `CorruptGenerationError`."""
        return self._generations.manifest(number)

    def generations(self) -> tuple[int, ...]:
        """The numbers of all that are kept, newest first."""
        return self._generations.numbers()

    def generation_path(self, number: int) -> Path:
        """Where the tree of generation *number* is, for programs that read it as a whole."""
        return self.settings.generation(number)

    def artefact(self, number: int, path: str) -> str:
        """The text of the file *path* of generation *number*, checked against its manifest."""
        return self._generations.artefact(number, path)

    def drift(self, number: int) -> tuple[str, ...]:
        """Paths that are changed, missing or too many in generation *number*, against its manifest."""
        return self._generations.drift(number)

    def stage(  # noqa: PLR0913 - a manifest's fields, and no more
        self,
        *,
        parent: Manifest,
        files: Mapping[str, bytes],
        removed: Collection[str],
        apps: Mapping[str, AppRow],
        retained: tuple[Retained, ...],
        actor: str,
        operation: str,
        reason: str,
        at: str,
        programs: Mapping[str, str],
        edge: EdgeSettings | None = None,
        heal: Callable[[str], bytes | None] = lambda _path: None,
    ) -> Staged:
        """Write a candidate: *parent* with *files* on top and without *removed*; nothing is in force yet.

        Other files are hard-linked once their hash was checked; *heal* is asked for spoiled ones, or `CorruptGenerationError` names them.
        """

        def manifest(number: int, hashes: dict[str, str]) -> Manifest:
            return Manifest(
                number=number,
                parent=parent.number or None,
                created_at=at,
                actor=actor,
                operation=operation,
                reason=reason,
                files=hashes,
                apps=dict(apps),
                retained=retained,
                programs=dict(programs),
                edge=edge or parent.edge,
            )

        return self._generations.stage(parent=parent, files=files, removed=removed, heal=heal, manifest=manifest)

    def commit(self, staged: Staged) -> Manifest:
        """Put *staged* in force; once this returns, no power cut takes it back. If it raises, the parent is in force."""
        return self._generations.commit(staged)

    def discard(self, staged: Staged) -> None:
        """Forget a candidate; twice is fine."""
        self._generations.discard(staged)

    def collect(self, keep: Collection[int]) -> tuple[int, ...]:
        """Remove all generations but *keep*, the one in force and the one that is loaded; the numbers that went."""
        return self._generations.collect({*keep, self.loaded() or 0})

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed processes left half made, and make sure of the reserve; the names of what went."""
        return (*self._generations.sweep(), *self._layout.sweep())

    def loaded(self) -> int | None:
        """The generation that systemd read last in this boot, if any."""
        return self._layout.loaded()

    def note_loaded(self, number: int) -> None:
        """Note that systemd has read generation *number*."""
        self._layout.note_loaded(number)

    # journals

    def new_operation_id(self, now: datetime) -> str:
        """An id that sorts behind every other one of this host, also where the clock went back."""
        return self._journals.new_id(now)

    def journal(self, accepted: Accepted, *, boot_id: str) -> Journal:
        """Begin the journal of an operation: its first line is safe when this returns."""
        return self._journals.begin(accepted, boot_id=boot_id)

    def journal_of(self, id_: str) -> Journal:
        """Go on with a dead operation's journal; `AppBusyError` if the operation lives, `NotFoundError` if there is none."""
        self._generations.settle()  # what recovery finds in force must stay so
        return self._journals.resume(id_)

    def record(self, id_: str) -> OperationRecord | None:
        """One operation; None for an id that nothing was ever written under (or that is no id)."""
        return self._journals.record(id_)

    def records(
        self, app: str | None = None, *, unfinished_only: bool = False, limit: int | None = None
    ) -> tuple[OperationRecord, ...]:
        """Operations, newest first: of *app*, of the host as a whole (`""`), or all (None)."""
        return self._journals.records(app, unfinished_only=unfinished_only, limit=limit)

    def tail(self, id_: str, after: int) -> tuple[Event, ...]:
        """The events of an operation behind number *after*, as far as they are written."""
        return self._journals.tail(id_, after)

    def news(self, after: str | None) -> Tail:
        """A tail of all journals: what is written behind the event whose cursor *after* is, or from now on."""
        return self._journals.news(after)

    def tallies(self, count: int) -> tuple[Tally, ...]:
        """What the newest *count* operations add up to, newest first; cheap when it is asked again."""
        return self._journals.tallies(count)

    def is_running(self, id_: str) -> bool:
        """Whether a living process holds the journal of that operation: without an end and not running means dead."""
        return self._journals.is_running(id_)

    def collect_journals(self, keep: int) -> int:
        """Remove finished journals but the newest *keep* of each app (of all that are gone together), and what tells of a release; how many went."""
        return self._journals.collect(keep, self.current().apps)

    # locks

    def app_lock(self, app: str, holder: str) -> Lock:
        """Take the lock of *app*, to be used as `with …:`; raise `AppBusyError` at once, naming its holder."""
        return self._locks.take_app(app, holder)

    def is_locked(self, app: str) -> bool:
        """Whether an operation holds the lock of *app*."""
        return bool(app) and self._locks.is_held(self.settings.app_lock(app))

    def try_host_lock(self) -> Lock | None:
        """The host lock: to read `current`, allocate, render, validate and publish; None if somebody has it."""
        return self._locks.try_host()

    def try_reload_lock(self) -> Lock | None:
        """The reload lock, or None."""
        return self._locks.try_lock(self.settings.reload_lock)

    def try_router_lock(self) -> Lock | None:
        """The router lock, or None."""
        return self._locks.try_lock(self.settings.router_lock)

    def try_edge_lock(self) -> Lock | None:
        """The lock on the edge, or None."""
        return self._locks.try_lock(self.settings.edge_lock)

    def try_share_images(self) -> Lock | None:
        """A share of the lock on images: as long as anybody has one, none is removed; None while somebody removes some."""
        return self._locks.try_share(self.settings.images_lock)

    def try_images_lock(self) -> Lock | None:
        """The lock on images, to remove those that nobody needs; None while anybody fetches or starts one."""
        return self._locks.try_lock(self.settings.images_lock)

    # tokens

    def tokens(self) -> tuple[Token, ...]:
        """Every token, the expired ones too, in the order in which they were made."""
        return self._tokens.listed()

    def token(self, id_: str) -> Token | None:
        """The token of that id, if there is one."""
        return self._tokens.one(id_)

    def token_of(self, digest: str, now: datetime) -> Token | None:
        """The token that a text with this digest belongs to and that works now; without `last_used_at`, since it is asked so often."""
        return self._tokens.find(digest, now)

    def add_token(self, token: Token) -> None:
        """Keep a new token; raise `SpecError` if it is none."""
        self._tokens.add(token)

    def replace_token(self, token: Token) -> None:
        """Put *token* in the place of the one of its id; raise `NotFoundError` if that is gone."""
        self._tokens.replace(token)

    def remove_token(self, id_: str) -> bool:
        """Revoke a token: from here on no process finds it, and no power cut brings it back. False if there was none."""
        return self._tokens.remove(id_)

    def note_token_used(self, id_: str, at: str) -> None:
        """Note that a token was used, to the hour; this never waits and never fails."""
        self._tokens.note_used(id_, at)

    # audit

    def audit(self, entry: AuditEntry) -> AuditLine:
        """Append to the audit; it is safe on the disk when this returns."""
        return self._audit.append(entry)

    def audit_entries(
        self, *, limit: int, before: int | None = None, after: int = 0, app: str | None = None
    ) -> tuple[AuditLine, ...]:
        """At most *limit* lines between the numbers *after* and *before*, of *app* (`""`: of no single one) or of all, newest first."""
        return self._audit.read(limit=limit, before=before, after=after, app=app)

    def audit_verdict(self) -> AuditVerdict:
        """Whether the audit is whole; this reads all of it, and keeps nobody from writing."""
        return self._audit.verify()

    # idempotency keys

    def claim_key(
        self, caller: str, key: str, *, fingerprint: str, operation: str, now: datetime, lost: str = ""
    ) -> Claim:
        """Let *key* stand for *operation*, durably, or answer what it stands for; `IdempotencyMismatchError` if for another request.

        *lost* is an operation that died before it came to be, as the caller found: one caller takes its key over.
        """
        return self._keys.claim(caller, key, fingerprint=fingerprint, operation=operation, now=now, lost=lost)

    def claimed_key(self, caller: str, key: str, *, fingerprint: str, now: datetime) -> str | None:
        """The operation that *key* stands for since less than a day, if any; raise `IdempotencyMismatchError` if that was another request."""
        return self._keys.claimed(caller, key, fingerprint=fingerprint, now=now)

    def release_key(self, caller: str, key: str, *, operation: str) -> None:
        """Forget that *key* stands for *operation*, which was refused before anything happened; another one's claim stays."""
        self._keys.release(caller, key, operation=operation)
