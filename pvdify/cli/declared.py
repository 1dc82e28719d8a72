"""`plan` and `apply`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.cli.project import slots_of
from pvdify.errors import NotFoundError
from pvdify.model.requests import Apply
from pvdify.operations import declared as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import PlanAnswer


def _options() -> tuple[click.Option, ...]:
    return (
        click.Option(["-a", "--app", "app"], metavar="APP", help="Only this app."),
        click.Option(["-f", "--file", "file"], type=click.Path(path_type=Path), metavar="pvdify.toml"),
        click.Option(["--deploy"], is_flag=True, help="Deploy the declared image also where it is live already."),
    )


@command("plan", *_options(), examples=("pvdify plan", "pvdify plan -f pvdify.toml"))
async def plan(session: Session, *, app: str | None, file: Path | None, deploy: bool) -> None:
    """Show what `apply` would do; nothing is changed.

    What is declared: the state directory's apps/*/slot.toml, or a project's file with -f.
    """
    answer = await session.ask(operations.PLAN, _request(app, file, deploys=deploy))
    session.show(answer, lambda: session.terminal.printable(_text(answer)))


@command("apply", *_options(), examples=("pvdify apply", "pvdify apply -f pvdify.toml"), changes=True)
async def apply(session: Session, *, app: str | None, file: Path | None, deploy: bool) -> None:
    """Bring the host to what is declared.

    What is declared: the state directory's apps/*/slot.toml, or a project's file with -f.
    """
    await session.change(operations.APPLY, _request(app, file, deploys=deploy))


def _request(app: str | None, file: Path | None, *, deploys: bool) -> Apply:
    if file is None:
        return Apply(app=app, deploy=deploys)
    slots = tuple(slot for slot in slots_of(file) if app in {None, slot.name})
    if not slots:
        raise NotFoundError(f"cannot find {app} in {file}", hint="leave -a out to take every app of the file")
    return Apply(app=app, deploy=deploys, slots=slots)


def _text(answer: PlanAnswer) -> str:
    drift = "".join(f"\nedited by hand: {path}" for path in answer.drift)
    if not answer.steps:
        return f"the host is as declared; nothing to do{drift}"
    steps = ((one.app, one.action, one.detail) for one in answer.steps)
    return f"{tables.table(('APP', 'ACTION', 'DETAIL'), steps)}{drift}"
