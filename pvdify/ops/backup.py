"""Backups: write one, and look at one."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final

from anyio import to_thread

import pvdify
from pvdify.errors import BackupError, RefusedError, SpecError
from pvdify.model.backup import AUDIT, FORMAT, BackupIndex
from pvdify.model.backup_answers import BackedUp, BackupApp, BackupInfo, BackupVolume
from pvdify.ops.locking import held
from pvdify.plan.restored import Restored, restored
from pvdify.store.archive import Read, Sink, read_archive, write_archive
from pvdify.store.audit_copy import Following
from pvdify.store.backup_file import Opened, Written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.model.caller import Caller
    from pvdify.model.requests import Backup, Restore
    from pvdify.ops.host import Host
    from pvdify.ports.secrets import Take
    from pvdify.store.packing import Packed

STANDARD_OUTPUT: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A backup, all of which was looked at; *sha256* is that of its file."""

    restored: Restored
    read: Read
    audit: Following
    sha256: str


async def backup(host: Host, request: Backup, caller: Caller) -> BackedUp:
    """Write all of the host into one file: nothing of it is on the disk in the clear meanwhile, and nothing of it where that fails.

    What pvdify keeps is as it was at one moment. Volumes are read while their apps run.
    """
    recipients = request.to or host.state.vault.settings().recipients
    if not recipients:
        raise RefusedError(
            "cannot write a backup: it is not said who shall be able to read it",
            hint="say so with `--to age1…`, or let a key of yours read the secrets too: `pvdify secrets:add age1…`",
        )
    index = BackupIndex(
        format=FORMAT,
        id=token_hex(16),
        at=host.now(),
        by=caller.name[:256],
        host=os.uname().nodename,
        version=pvdify.__version__,
        has_volumes=request.volumes,
    )
    names = host.state.backups.volumes()
    volumes = names if request.volumes else ()
    packed: list[Packed] = []
    path = None if request.file == STANDARD_OUTPUT else Path(request.file)
    with Written(path, is_replaced=request.force) as written, ExitStack() as stack:
        async with held(host.state.vault.try_share), held(host.state.try_host_lock):
            apps = tuple(host.state.current().apps)
            contents = await to_thread.run_sync(
                stack.enter_context, host.state.backups.contents(index, apps=apps, volumes=volumes)
            )

        def feed(out: BinaryIO) -> None:
            packed.extend(write_archive(out, contents))

        await host.lockbox.lock(feed, written.take, recipients=recipients)
        await to_thread.run_sync(written.name_it)
    return BackedUp(
        id=index.id,
        file=request.file,
        bytes=written.size,
        sha256=written.sha256,
        recipients=recipients,
        apps=apps,
        volumes=tuple(
            BackupVolume(name=one.name, bytes=one.bytes, files=one.files, left_out=one.left_out) for one in packed
        ),
        left_out=() if request.volumes else names,
    )


async def check(host: Host, request: Restore) -> BackupInfo:
    """Read all of a backup, and tell what is in it."""
    with Opened(Path(request.file)) as file:
        looked = await looked_at(host, file, request)
    found, index = looked.restored, looked.restored.index
    return BackupInfo(
        id=index.id,
        file=request.file,
        bytes=file.size,
        sha256=looked.sha256,
        made_at=index.at,
        made_by=index.by,
        host=index.host,
        version=index.version,
        apps=tuple(
            BackupApp(
                name=row.name,
                environment=row.environment,
                release=row.live,
                config=row.config.version if row.config else None,
                bind_port=row.front,
                is_stopped=row.is_stopped,
            )
            for row in found.manifest.apps.values()
        ),
        volumes=looked.read.order.sizes,
        has_volumes=index.has_volumes,
        recipients=found.settings.recipients,
        tokens=len(found.tokens),
        audit_lines=looked.audit.head.seq,
        audit_broken_at=looked.audit.broken_at or None,
    )


async def looked_at(host: Host, file: Opened, request: Restore) -> Looked:
    """Read all of a backup, the volumes too, and prove it; raise `KeyMissingError`, or `BackupError` for the first thing that is wrong."""
    audit = Following(what=request.file)
    found: list[Read] = []
    sink = Sink(audit=lambda pieces: _drained(audit.passed(pieces)), volume=lambda *_: None)

    def take(stream: BinaryIO) -> None:
        found.append(read_archive(stream, sink, what=request.file))

    await unlocked(host, file, take, request)
    read = found[0]
    if read.index is None or not read.has_audit:
        raise BackupError(request.file, f"{AUDIT} in it is missing")
    proven = await to_thread.run_sync(partial(restored, read.index, read.files, what=request.file))
    host.state.backups.check_journals(proven.journals, what=request.file)
    return Looked(restored=proven, read=read, audit=audit, sha256=file.sha256)


async def unlocked(host: Host, file: Opened, take: Take, request: Restore) -> None:
    """Have *take* read what a backup holds."""
    own = host.state.vault.keys() if not request.keys and host.state.vault.has_key() else ()
    keys = request.keys or tuple(key.secret for key in own)
    if not keys:
        raise SpecError(
            f"cannot open {request.file} without a key", hint="name the file that holds it: `--identity KEYFILE`"
        )
    await host.lockbox.unlock(file.feed, take, what=request.file, keys=keys)


def _drained(pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        continue
