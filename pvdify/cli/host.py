"""`init`, `doctor` and `gc`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import asyncclick as click

from pvdify.cli import tables
from pvdify.cli.command import command
from pvdify.model.answers import CheckStatus
from pvdify.model.requests import Init, Nothing
from pvdify.model.vault import SealWith
from pvdify.operations import host as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.cli.terminal import Terminal
    from pvdify.model.answers import Check, Collected, Initialised

UNWELL: Final = 69
_COLOURS: Final = {CheckStatus.OK: 32, CheckStatus.WARN: 33, CheckStatus.FAIL: 31}


@command(
    "init",
    click.Option(
        ["--seal"],
        type=click.Choice([one.value for one in SealWith]),
        help="What opens a sealed config: the host's key (if not said), its TPM 2, or only both.",
    ),
    examples=("pvdify init", "pvdify init --seal host+tpm2"),
)
async def init(session: Session, *, seal: str | None) -> None:
    """Make the state directory and the first generation.

    What is there already stays as it is.
    """
    answer = await session.ask(operations.INIT, Init(seal=SealWith(seal) if seal else None))
    session.show(answer, lambda: _initialised(answer))


@command("doctor", examples=("pvdify doctor",))
async def doctor(session: Session) -> int:
    """Check everything that pvdify stands on.

    It ends with 69 if something failed.
    """
    answer = await session.ask(operations.DOCTOR, Nothing())
    session.show(answer, lambda: "\n".join(verdict(session.terminal, check) for check in answer.checks))
    return 0 if answer.is_well else UNWELL


@command("gc", examples=("pvdify gc",))
async def gc(session: Session) -> None:
    """Remove generations, images and journals that nobody needs.

    Every deploy does it as its last step.
    """
    answer = await session.ask(operations.GC, Nothing())
    session.show(answer, lambda: _collected(answer))


def _initialised(answer: Initialised) -> str:
    if answer.was_there:
        return f"{answer.state} was there already"
    return (
        f"{answer.state} is ready\n\n"
        f"What is kept secret here is encrypted for this host: {answer.recipient}\n"
        f"Keep a copy of its key somewhere else, now: without {answer.key_file} nobody reads the secrets again.\n"
        f"Or let your own age key read them too: `pvdify secrets:add age1…`"
    )


def verdict(terminal: Terminal, check: Check) -> str:
    """A line for *check*, and one for what to type."""
    status = terminal.coloured(f"{check.status.value:<4}", _COLOURS[check.status])
    text = f"{status}  {check.name:<14}  {terminal.printable(check.detail)}"
    return f"{text}\n      {'':<14}  {terminal.printable(check.hint)}" if check.hint else text


def _collected(answer: Collected) -> str:
    counts = f"{len(answer.generations)} generations, {len(answer.images)} images, {answer.operations} journals"
    return f"removed {counts}: {tables.size(answer.bytes)}"
