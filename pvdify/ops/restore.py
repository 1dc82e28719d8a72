"""Restore: a bare host becomes what a backup was made of. Until the switch it can be undone; from there on it only goes forward."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import anyio
import msgspec
from anyio import to_thread

from pvdify.errors import (
    BackupError,
    DiskLowError,
    NotSealedError,
    PortTakenError,
    PvdifyError,
    RefusedError,
    SecretsError,
    StateError,
)
from pvdify.model.backup import Restoring
from pvdify.model.config import read_document
from pvdify.model.edge import EdgeKind
from pvdify.model.vault import SealWith
from pvdify.ops.backup import looked_at, unlocked
from pvdify.ops.bring_up import bring_all_up
from pvdify.ops.deploy import DISK_FLOOR
from pvdify.ops.ingress import is_remote
from pvdify.ops.locking import held
from pvdify.ops.perform import audited
from pvdify.ops.publish import programs
from pvdify.ops.reload import load, reload_router
from pvdify.ops.tunnel_credentials import are_among
from pvdify.ops.validate import validate
from pvdify.ops.vault import HOST, prove_seal, sealed_parts
from pvdify.plan.restored import check_document
from pvdify.render.edge import edge_artefacts
from pvdify.render.tree import app_artefacts, host_artefacts, page_artefact
from pvdify.store.archive import Sink, read_archive
from pvdify.store.backup_file import Opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pvdify.model.answers import Changed
    from pvdify.model.manifest import AppRow
    from pvdify.model.requests import Restore
    from pvdify.model.vault import AgeKey, VaultSettings
    from pvdify.ops.backup import Looked
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.plan.restored import KeptConfig
    from pvdify.store.audit_copy import Following

Sealed = dict[tuple[str, int], "Mapping[str, bytes]"]
_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """What was looked at, and sealed for this host."""

    looked: Looked
    sealed: Sealed
    seal: SealWith


async def restore(host: Host, running: Running, request: Restore) -> Changed:
    """Look at all of the backup, unpack it, put its apps in force as stopped ones, and start those that ran.

    Typed again after it was cut off, or after an app did not come up, it goes on.
    """
    lock = host.state.backups.try_alone()
    if lock is None:
        raise RefusedError("cannot restore: somebody else does", hint="wait for it")
    with lock, Opened(Path(request.file)) as file:
        before = host.state.backups.restoring()
        if before is None:
            _check_bare(host)
        async with running.step("read"):
            looked = await looked_at(host, file, request)
        if before is not None and before.is_unpacked:
            if before.id != looked.restored.index.id:
                raise RefusedError(
                    f"cannot restore {request.file}: another backup is restored here, and not all of its apps are up",
                    hint="type `pvdify restore` with that one",
                )
        else:
            async with running.step("check"):
                ready = await _checked(host, running, looked, before, what=request.file)
            await _unpacked(host, running, ready, before, file, request)
        return await bring_all_up(host, running, what=request.file)


def _check_bare(host: Host) -> None:
    """Raise `RefusedError` where something is here that a restore would take away."""
    state = host.state
    found = [f"the app {name}" for name in sorted({*state.current().apps, *state.slots()})]
    found += [f"the volume {name}" for name in state.backups.volumes()]
    found += [f"the token {one.name}" for one in state.tokens()]
    own = state.configs.versions(HOST)
    found += [f"a secret of its own ({name})" for name in (state.configs.meta(HOST, own[0]).files if own else ())]
    found += [f"the edge {edge.value}"] if (edge := state.current().edge.kind) is not EdgeKind.NONE else []
    if found:
        more = f" and {len(found) - 1} more" if found[1:] else ""
        raise RefusedError(
            f"cannot restore here: this host is not bare, it has {found[0]}{more}",
            hint="restore on a host with nothing on it yet, or take away what is there first",
        )


async def _checked(host: Host, running: Running, looked: Looked, before: Restoring | None, *, what: str) -> _Ready:
    """Raise for whatever would keep the host from taking it: room, a front that a stranger has, a config that does not open."""
    await programs(host)
    edge, kept = looked.restored.manifest.edge, looked.restored.configs.get(HOST, {})
    secrets = kept[max(kept)].meta.files if kept else ()
    if edge.kind is not EdgeKind.NONE and (not is_remote(edge) or are_among(secrets, edge)):
        await host.edges[edge.kind].version()
    needed, free = looked.read.order.room + looked.read.size * 2, host.state.free_bytes()
    if needed + DISK_FLOOR > free:
        message = f"cannot restore {what}: it takes {needed // 2**20} MiB, and {free // 2**20} MiB are free"
        raise DiskLowError(message, hint="make room, and type the same again")
    for row in looked.restored.manifest.apps.values():
        if await host.network.reserve((row.front,), 1):
            continue
        holder = await host.network.holder(row.front) or ""
        if before is None or "haproxy" not in holder:  # the router has them already if it came so far
            raise PortTakenError(row.front, holder)
    return await _sealed(host, running, looked, what=what)


async def _sealed(host: Host, running: Running, looked: Looked, *, what: str) -> _Ready:
    """Open each config with the keys of the backup, see that it is what was set, and seal it for this host."""
    found = looked.restored
    sealed: Sealed = {}
    turns = anyio.CapacityLimiter(_AT_ONCE)
    await host.seal.prepare()
    key = await _key(host, running, found.settings.seal)

    async def seal(app: str, kept: KeptConfig, keys: Path) -> None:
        async with turns:
            meta, name = kept.meta, f"c{kept.meta.version} of {app}"
            plain = await host.secrets.decrypt(kept.text, what=name, keys=keys)
            document = read_document(plain, app=app, meta=meta)
            check_document(kept, app, tuple(document.files), tuple(document.vars))
            sealed[app, meta.version] = await sealed_parts(host, document, meta.pin(), key=key)

    failures: list[PvdifyError] = []

    async def tried(app: str, kept: KeptConfig, keys: Path) -> None:
        try:
            await seal(app, kept, keys)
        except PvdifyError as error:
            failures.append(error)

    with host.state.backups.keys_at_hand(found.keys) as keys:
        async with anyio.create_task_group() as tasks:
            for app, configs in found.configs.items():
                for kept in configs.values():
                    tasks.start_soon(tried, app, kept, keys)
    for error in failures:
        if isinstance(error, StateError):
            raise BackupError(what, error.message) from error
        raise error
    return _Ready(looked=looked, sealed=sealed, seal=key)


async def _key(host: Host, running: Running, wanted: SealWith) -> SealWith:
    """What to seal with: as the host of the backup did, or without the TPM that this one does not have."""
    if wanted is SealWith.HOST:
        return wanted
    try:
        await prove_seal(host, wanted)
    except (SecretsError, NotSealedError) as error:
        running.note(f"sealed with the host's own key instead of {wanted.value}: {error.message}")
        return SealWith.HOST
    return wanted


async def _unpacked(
    host: Host, running: Running, ready: _Ready, before: Restoring | None, file: Opened, request: Restore
) -> None:
    """Put everything where it belongs, and in force; an error before that leaves a bare host again."""
    found, sizes = ready.looked.restored, ready.looked.read.order.sizes
    restoring = Restoring(
        id=found.index.id,
        volumes=tuple(sorted({*sizes, *(before.volumes if before else ())})),
        journals=before.journals if before else host.state.backups.journals(),
    )
    vault = host.state.vault
    keys, settings = vault.keys() if vault.has_key() else (), vault.settings()
    try:
        async with running.step("unpack"):
            host.state.backups.note(restoring)
            await to_thread.run_sync(host.state.backups.clear, restoring)
            audit = await _placed(host, ready, file, request)
        with anyio.CancelScope(shield=True):
            async with running.step("switch"):
                await _in_force(host, running, ready)
                host.state.backups.adopt_audit(audit)
                audited(host, running.asked, running.name, outcome="accepted", operation=running.id)
            async with running.step("route"):
                await reload_router(host)
                await load(host, "", at_least=host.state.current().number)
    except BaseException as error:
        if not running.has_switched:
            with anyio.CancelScope(shield=True):
                async with running.step("undo"):
                    await to_thread.run_sync(host.state.backups.clear, restoring)
                    _take_back(host, keys, settings)
                    host.state.backups.forget()
        elif isinstance(error, PvdifyError):
            error.hint = f"{error.hint}; then type the same `pvdify restore` again".removeprefix("; then ")
        raise
    live = {row.name: row.is_stopped for row in found.manifest.apps.values() if row.live is not None}
    starting = tuple(name for name, is_stopped in live.items() if not is_stopped)
    fetching = tuple(name for name, is_stopped in live.items() if is_stopped)
    host.state.backups.note(
        msgspec.structs.replace(restoring, is_unpacked=True, starting=starting, fetching=fetching, is_edge_waiting=True)
    )


def _take_back(host: Host, keys: tuple[AgeKey, ...], settings: VaultSettings) -> None:
    """Give the host back what it had of its own."""
    if keys:
        host.state.vault.write_keys(keys)
    if settings != host.state.vault.settings():
        host.state.vault.write_settings(settings)


async def _placed(host: Host, ready: _Ready, file: Opened, request: Restore) -> Following:
    """Write it all down; of the audit, that it is written."""
    found, backups = ready.looked.restored, host.state.backups
    if found.keys:
        host.state.vault.write_keys(found.keys)
    settings = msgspec.structs.replace(found.settings, seal=ready.seal)
    if settings != host.state.vault.settings():
        host.state.vault.write_settings(settings)
    await to_thread.run_sync(backups.place, found, ready.sealed)
    audits: list[Following] = []
    unpacking = backups.unpacking()

    def take(stream: BinaryIO) -> None:
        try:
            sink = Sink(
                audit=lambda pieces: audits.append(backups.write_audit(pieces, what=request.file)),
                volume=unpacking.put,
            )
            read_archive(stream, sink, what=request.file)
            unpacking.finish()
        finally:
            unpacking.close()

    await unlocked(host, file, take, request)
    if file.sha256 != ready.looked.sha256:
        raise BackupError(request.file, "it was changed while it was read")
    return audits[0]


async def _in_force(host: Host, running: Running, ready: _Ready) -> None:
    """Publish every app as a stopped one, with its front, its ids and its formation."""
    found = ready.looked.restored
    async with held(host.state.try_host_lock):
        parent = host.state.current()
        apps = {name: _row(host, found.stopped(name)) for name in sorted(found.manifest.apps)}
        edge = found.manifest.edge
        artefacts = [one for row in apps.values() for one in app_artefacts(row, {}, host.place)]
        artefacts += [page_artefact(app, page, html) for app in apps for page, html in found.shown(app).items()]
        artefacts += [*host_artefacts(apps, edge, host.place), *edge_artefacts(apps, edge, host.place)]
        files = {one.path: one.text.encode() for one in artefacts}
        staged = await to_thread.run_sync(
            partial(
                host.state.stage,
                parent=parent,
                files=files,
                removed=frozenset(path for path in parent.files if path not in files),
                apps=apps,
                retained=found.manifest.retained,
                actor=running.actor,
                operation=running.id,
                reason=f"restored from the backup of {found.index.at}",
                at=host.now(),
                programs=await programs(host),
                edge=edge,
            )
        )
        try:
            await validate(host, staged.path, tuple(staged.manifest.files))
        except BaseException:
            host.state.discard(staged)
            raise
        manifest = await to_thread.run_sync(host.state.commit, staged)
    running.has_switched = True
    running.generation = manifest.number
    running.note(f"generation {manifest.number}", data={"generation": manifest.number})


def _row(host: Host, row: AppRow) -> AppRow:
    """*row* with the stamp of the slot that was unpacked, if that is the one that was applied."""
    if row.slot is None or not host.state.has_slot(row.name):
        return row
    stamp = host.state.stamp(row.name)
    return msgspec.structs.replace(row, slot=stamp) if stamp.sha256 == row.slot.sha256 else row
