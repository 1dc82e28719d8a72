"""`ps` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.cli import tables
from pvdify.cli.addressing import NO_WORDS, Words
from pvdify.cli.command import command
from pvdify.model.names import PROCESS_PATTERN
from pvdify.model.requests import ForApp, Restart, Scale
from pvdify.operations import ps as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session
    from pvdify.model.answers import InstanceState, Processes


@command("ps", examples=("pvdify ps blog",), words=NO_WORDS)
async def ps(session: Session) -> None:
    """Show an app's processes and instances."""
    answer = await session.ask(operations.LIST, ForApp(app=session.app))
    session.show(answer, lambda: session.terminal.printable(_text(answer)))


@command(
    "ps:scale",
    examples=("pvdify ps:scale blog web=2 worker=1",),
    words=Words(usage="PROCESS=COUNT...", least=1, most=None, pattern=rf"{PROCESS_PATTERN}=[0-9]{{1,9}}"),
    changes=True,
)
async def ps_scale(session: Session) -> None:
    """Set how many instances of a process run."""
    counts = {name: int(count) for name, _, count in (word.partition("=") for word in session.words)}
    await session.change(operations.SCALE, Scale(app=session.app, processes=counts))


@command(
    "ps:restart",
    examples=("pvdify ps:restart blog", "pvdify ps:restart blog worker"),
    words=Words(usage="[PROCESS]", most=1, pattern=PROCESS_PATTERN),
    changes=True,
)
async def ps_restart(session: Session) -> None:
    """Replace instances by fresh ones, losing no request."""
    process = next(iter(session.words), None)
    await session.change(operations.RESTART, Restart(app=session.app, process=process))


@command("ps:stop", examples=("pvdify ps:stop blog",), words=NO_WORDS, changes=True)
async def ps_stop(session: Session) -> None:
    """Stop an app; it stays stopped, also after a boot."""
    await session.change(operations.STOP, ForApp(app=session.app))


@command("ps:start", examples=("pvdify ps:start blog",), words=NO_WORDS, changes=True)
async def ps_start(session: Session) -> None:
    """Start a stopped app at the release it had."""
    await session.change(operations.START, ForApp(app=session.app))


def _text(answer: Processes) -> str:
    formation = tables.table(
        ("PROCESS", "COUNT", "COMMAND"),
        ((one.name, str(one.count), " ".join(one.command) or "-") for one in answer.definitions),
    )
    if not answer.instances:
        return f"{formation}\n\nnothing runs"
    head = ("INSTANCE", "RELEASE", "STATE", "SINCE", "RESTARTS", "MEMORY", "CPU", "PORT")
    return f"{formation}\n\n{tables.table(head, (_row(one) for one in answer.instances))}"


def _row(one: InstanceState) -> tuple[str, ...]:
    return (
        one.instance,
        tables.release(one.release),
        one.state if one.is_live else f"{one.state}, leaving",
        tables.moment(one.since) or "-",
        str(one.restarts),
        tables.size(one.memory) if one.memory is not None else "-",
        f"{one.cpu:.1f} s" if one.cpu is not None else "-",
        str(one.port or "-"),
    )
