"""`backup` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.cli.inputs import INPUT, contents, named
from pvdify.cli.usage import usage_error
from pvdify.errors import SpecError, StateMissingError
from pvdify.model.requests import Backup, Init, Restore
from pvdify.model.vault import identities_of
from pvdify.operations import backup as operations
from pvdify.operations.host import INIT

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.backup_answers import BackedUp, BackupApp, BackupInfo

_ENCRYPTED: Final = "age-encryption.org/"


@command(
    "backup",
    click.Argument(["file"], metavar="FILE"),
    click.Option(
        ["--to"],
        multiple=True,
        metavar="AGE1...",
        help="Who shall be able to read it (default: who else reads the secrets); may be said several times.",
    ),
    click.Option(["--volumes"], is_flag=True, help="The apps' volumes too."),
    click.Option(["--force"], is_flag=True, help="Write over FILE if it is there."),
    examples=(
        "pvdify backup /srv/backups/host.pvdify --to age1…",
        "pvdify backup - --volumes | ssh nas 'cat > host.pvdify'",
    ),
)
async def backup(session: Session, *, file: str, to: tuple[str, ...], volumes: bool, force: bool) -> None:
    """Write all of the host into one encrypted file.

    FILE may be `-` for standard output. In it are apps, releases, config, secrets and their key, tokens, audit
    and journals, as they are at one moment, and no images. Volumes are read while their apps run: stop an app before if its files must
    fit each other.
    """
    if file == INPUT and session.terminal.out.isatty():
        raise usage_error(
            "cannot write a backup on a terminal", hint="name a file, or send it on: `pvdify backup - | …`"
        )
    path = file if file == INPUT else str(Path(session.around.directory, file))
    answer = await session.ask(operations.WRITE, Backup(file=path, to=to, volumes=volumes, force=force))
    if file == INPUT:
        text = tables.json_text(answer) if session.is_json else _written(answer)
        session.terminal.complain(session.terminal.printable(text))
        return
    session.show(answer, lambda: session.terminal.printable(_written(answer)))


@command(
    "restore",
    click.Argument(["file"], metavar="FILE"),
    click.Option(
        ["--identity"],
        metavar="KEYFILE",
        help="The file with the age key that opens it, - for standard input (default: the host's own key).",
    ),
    click.Option(["--to-check"], is_flag=True, help="Only look at all of it, and tell what it holds."),
    examples=(
        "pvdify restore host.pvdify --identity key.txt --to-check",
        "pvdify restore host.pvdify --identity key.txt",
    ),
)
async def restore(session: Session, *, file: str, identity: str | None, to_check: bool) -> None:
    """Make a bare host what a backup was made of, and start its apps.

    Images are pulled by digest. If it is cut off, or an app does not come up, type the same again: it goes on.
    """
    request = Restore(file=str(Path(session.around.directory, file)), keys=_keys(session, identity))
    if to_check:
        answer = await session.ask(operations.CHECK, request)
        session.show(answer, lambda: session.terminal.printable(_told(answer)))
        return
    try:
        await session.change(operations.RESTORE, request)
    except StateMissingError:
        await session.ask(operations.CHECK, request)  # what cannot be restored makes no state directory either
        await session.ask(INIT, Init())
        await session.change(operations.RESTORE, request)


def _keys(session: Session, identity: str | None) -> tuple[str, ...]:
    if identity is None:
        return ()
    text = contents(identity, session.terminal).decode(errors="replace")
    keys = identities_of(text)
    if not keys:
        hint = "open it first: `age -d KEYFILE | pvdify restore FILE --identity -`" if _ENCRYPTED in text[:100] else ""
        raise SpecError(f"cannot use {named(identity)}: it holds no age key (AGE-SECRET-KEY-1…)", hint=hint)
    return keys


def _written(answer: BackedUp) -> str:
    lines = [
        f"{len(answer.apps)} apps are in {answer.file}: {tables.size(answer.bytes)}",
        f"sha256 {answer.sha256}",
        *(f"for {one}" for one in answer.recipients),
        *(f"volume {one.name}: {one.files} files, {tables.size(one.bytes)}" for one in answer.volumes),
    ]
    lines += [
        f"without {one.left_out} sockets, pipes and devices of {one.name}" for one in answer.volumes if one.left_out
    ]
    if answer.left_out:
        lines.append(f"without the volumes {', '.join(answer.left_out)}: say `--volumes` to have them in it")
    return "\n".join(lines)


def _told(answer: BackupInfo) -> str:
    broken = f", not whole from {answer.audit_broken_at} on" if answer.audit_broken_at else ""
    lines = [
        f"{answer.file} is whole: {tables.size(answer.bytes)}, sha256 {answer.sha256}",
        f"made of {answer.host} by {answer.made_by} at {answer.made_at} with pvdify {answer.version}",
        f"{answer.tokens} tokens, {answer.audit_lines} lines of audit{broken}",
        *(f"its secrets are read by {one} too" for one in answer.recipients),
        *(f"volume {name}: {tables.size(size)}" for name, size in answer.volumes.items()),
    ]
    lines += [] if answer.has_volumes else ["without volumes"]
    if answer.apps:
        heads = ("APP", "ENVIRONMENT", "RELEASE", "CONFIG", "FRONT", "STATE")
        lines += ["", tables.table(heads, (_row(app) for app in answer.apps))]
    return "\n".join(lines)


def _row(app: BackupApp) -> tuple[str, ...]:
    release = f"v{app.release}" if app.release else "-"
    config = f"c{app.config}" if app.config else "-"
    state = "stopped" if app.is_stopped else "runs" if app.release else "no release"
    return (app.name, app.environment.value, release, config, str(app.bind_port), state)
