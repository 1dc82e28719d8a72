"""`audit` and `audit:verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.model.requests import Nothing, ReadAudit
from pvdify.operations import tokens as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import Audit
    from pvdify.model.audit import AuditLine

BROKEN: Final = 74


@command(
    "audit",
    click.Argument(["app"], required=False),
    click.Option(["-n", "--limit", "limit"], type=int, default=50, show_default=True, metavar="N"),
    click.Option(["--before"], type=int, metavar="N", help="Only what came before entry N."),
    examples=("pvdify audit", "pvdify audit blog -n 20"),
)
async def audit(session: Session, *, app: str | None, limit: int, before: int | None) -> None:
    """Read what was changed, by whom, newest first.

    Of one app, or of the whole host.
    """
    answer = await session.ask(operations.AUDIT, ReadAudit(limit=limit, before=before, app=app))
    session.show(answer, lambda: session.terminal.printable(_table(answer)))


@command("audit:verify", examples=("pvdify audit:verify",))
async def audit_verify(session: Session) -> int:
    """Check that no line of the audit was changed or removed.

    It ends with 74 if one was.
    """
    answer = await session.ask(operations.VERIFY, Nothing())
    broken = f"the audit is not whole from entry {answer.broken_at} on: {answer.reason}"
    session.show(answer, lambda: f"all {answer.lines} entries are as they were written" if answer.is_intact else broken)
    return 0 if answer.is_intact else BROKEN


def _table(answer: Audit) -> str:
    if not answer.entries:
        return "nothing was changed yet"
    return tables.table(("ENTRY", "AT", "BY", "WHAT", "APP", "END", "DETAIL"), (_row(one) for one in answer.entries))


def _row(one: AuditLine) -> tuple[str, ...]:
    who = f"{one.actor} ({one.token or one.via})"
    end = f"{one.outcome}: {one.code}" if one.code else one.outcome
    detail = " ".join(f"{name}={value}" for name, value in one.detail.items() if name != "app" and value is not None)
    return (str(one.seq), tables.moment(one.at), who, one.action, one.app or "-", end, detail)
