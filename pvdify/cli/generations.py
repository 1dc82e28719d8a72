"""`generations` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.model.requests import DiffGenerations, Nothing, SwitchGeneration
from pvdify.operations import generations as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import GenerationDiff, Generations

_COLOURS: Final = {"+": 32, "-": 31, "@": 36}


@command("generations", examples=("pvdify generations",))
async def generations(session: Session) -> None:
    """List the generations that are kept, newest first."""
    answer = await session.ask(operations.LIST, Nothing())
    session.show(answer, lambda: session.terminal.printable(_table(answer)))


@command(
    "generations:diff",
    click.Argument(["number"], type=int),
    click.Argument(["other"], type=int),
    examples=("pvdify generations:diff 41 42",),
)
async def generations_diff(session: Session, *, number: int, other: int) -> None:
    """Show what changed from one generation to another."""
    answer = await session.ask(operations.DIFF, DiffGenerations(number=number, other=other))
    session.show(answer, lambda: _diff(session, answer))


@command(
    "generations:switch",
    click.Argument(["number"], type=int),
    click.Option(["--exact"], is_flag=True, help="Stop the apps that are younger than the generation."),
    examples=("pvdify generations:switch 41",),
    changes=True,
)
async def generations_switch(session: Session, *, number: int, exact: bool) -> None:
    """Bring every app back to its release in a generation.

    Each app is rolled back to the release that it had there; ports, domains and counts stay as they are now.
    """
    await session.change(operations.SWITCH, SwitchGeneration(number=number, exact=exact))


def _table(answer: Generations) -> str:
    return tables.table(
        ("GENERATION", "PARENT", "CREATED", "APPS", "BY", "REASON"),
        (
            (
                f"{one.number} *" if one.is_current else str(one.number),
                str(one.parent or "-"),
                tables.moment(one.created_at),
                str(one.apps),
                one.actor,
                one.reason,
            )
            for one in answer.generations
        ),
    )


def _diff(session: Session, answer: GenerationDiff) -> str:
    lines = [line for file in answer.files for line in (file.diff or f"{file.change} {file.path}").splitlines()]
    if not lines:
        return f"generations {answer.number} and {answer.other} are the same"
    terminal = session.terminal
    return "\n".join(
        terminal.coloured(terminal.printable(line), _COLOURS[line[0]]) if line[:1] in _COLOURS else line
        for line in lines
    )
