"""`operations` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS
from pvdify.cli.command import command
from pvdify.cli.failure_screen import screen
from pvdify.client.address import ADMIN_SOCKET
from pvdify.errors import RefusedError
from pvdify.model.requests import ForOperation, ListAllOperations, ListOperations
from pvdify.operations import journal

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import Operations, OperationSummary

LIMIT: Final = click.Option(["-n", "--limit", "limit"], type=int, default=20, show_default=True, metavar="N")


@command(
    "operations",
    LIMIT,
    examples=("pvdify operations blog",),
    words=NO_WORDS,
)
async def operations(session: Session, *, limit: int) -> None:
    """List an app's operations, newest first."""
    answer = await session.ask(journal.LIST, ListOperations(app=session.app, limit=limit))
    session.show(answer, lambda: session.terminal.printable(_table(answer)))


@command("operations:all", LIMIT, examples=("pvdify operations:all",))
async def operations_all(session: Session, *, limit: int) -> None:
    """List the operations of the host, newest first.

    Those on apps are there, and those on the host as a whole, like `apply`.
    """
    answer = await session.ask(journal.ALL_OF_HOST, ListAllOperations(limit=limit))
    session.show(answer, lambda: session.terminal.printable(_table(answer, with_app=True)))


@command("operations:info", click.Argument(["id"]), examples=("pvdify operations:info 20260131-090000-123k7qz",))
async def operations_info(session: Session, *, id: str) -> None:  # noqa: A002 - the word of the argument
    """Show one operation, and why it failed if it did."""
    answer = await session.ask(journal.INFO, ForOperation(id=id))
    session.show(answer, lambda: _text(session, answer))


@command("operations:follow", click.Argument(["id"]), examples=("pvdify operations:follow 20260131-090000-123k7qz",))
async def operations_follow(session: Session, *, id: str) -> None:  # noqa: A002 - the word of the argument
    """Watch an operation from its first step to its end.

    It ends as the command that began the operation would have.
    """
    from pvdify.cli.change import followed

    await followed(session, id)


@command("operations:cancel", click.Argument(["id"]), examples=("pvdify operations:cancel 20260131-090000-123k7qz",))
async def operations_cancel(session: Session, *, id: str) -> None:  # noqa: A002 - the word of the argument
    """Cancel an operation, which then undoes what it did; not once its switch is in force."""
    if not session.client.is_remote:
        await _refused(session, id)
    answer = await session.ask(journal.CANCEL, ForOperation(id=id))
    session.show(answer, lambda: f"{answer.name} {id} is being undone; watch it with `pvdify operations:follow {id}`")


async def _refused(session: Session, id_: str) -> None:
    """Say who could cancel it: an operation of this process would have its own command."""
    one = await session.ask(journal.INFO, ForOperation(id=id_))
    if one.ended_at:
        raise RefusedError(f"cannot cancel operation {id_}: it is over ({one.status})")
    raise RefusedError(
        f"cannot cancel operation {id_} from here: another process carries it out",
        hint=f"press Ctrl-C there; of the service ask `pvdify operations:cancel {id_} --api-url {ADMIN_SOCKET}`",
    )


def _table(answer: Operations, *, with_app: bool = False) -> str:
    app = ("APP",) if with_app else ()
    return tables.table(
        ("OPERATION", *app, "WHAT", "STATUS", "RELEASE", "STARTED", "BY"),
        (
            (
                one.id,
                *((one.app or "-",) if with_app else ()),
                one.name,
                one.status,
                tables.release(one.release),
                tables.moment(one.started_at),
                one.actor,
            )
            for one in answer.operations
        ),
    )


def _text(session: Session, one: OperationSummary) -> str:
    shown = tables.facts(
        (
            ("operation", one.id),
            ("what", one.name),
            ("app", one.app),
            ("status", one.status),
            ("last step", one.step),
            ("release", tables.release(one.release) if one.release is not None else ""),
            ("started", f"{tables.moment(one.started_at)} by {one.actor}"),
            ("ended", tables.moment(one.ended_at)),
        )
    )
    shown = session.terminal.printable(shown)
    return f"{shown}\n\n{screen(one.failure, session.terminal)}" if one.failure else shown
