"""Operations on the host as one whole that goes elsewhere; they exist only on the host."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Changed
from pvdify.model.backup_answers import BackedUp, BackupInfo
from pvdify.model.requests import Backup, Restore
from pvdify.operations.table import Kind, Operation

WRITE: Final = Operation(
    name="backup",
    summary="Write all of the host into one encrypted file.",
    request=Backup,
    answer=BackedUp,
    run="pvdify.ops.backup:backup",
    is_change=True,
    knows_caller=True,
)
CHECK: Final = Operation(
    name="restore.check",
    summary="Look at all of a backup, and tell what it holds; nothing is changed.",
    request=Restore,
    answer=BackupInfo,
    run="pvdify.ops.backup:check",
    secrets=("keys",),
)
RESTORE: Final = Operation(
    name="restore",
    summary="Make a bare host what a backup was made of, and start its apps.",
    request=Restore,
    answer=Changed,
    run="pvdify.ops.restore:restore",
    kind=Kind.CHANGE,
    secrets=("keys",),
)
ALL: Final = (WRITE, CHECK, RESTORE)
