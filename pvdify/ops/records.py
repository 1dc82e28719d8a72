"""Changes of records in DNS: made until they hold, remembered before and after, and undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pvdify.errors import CloudflareUnreachableError, PvdifyError, RecordInTheWayError, RefusedError
from pvdify.model.dns import MadeRecord, RecordChange, RecordType, again
from pvdify.plan.dns import is_made_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pvdify.model.cloudflare import Record
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.plan.dns import Decision
    from pvdify.ports.edge import CloudflareSession

_ROUNDS: Final = 3
_FEW: Final = 5
"""Names that are looked at one by one; of more, their zone is read as a whole."""


async def settle(
    host: Host,
    running: Running,
    session: CloudflareSession,
    decide: Callable[[], Awaitable[Decision]],
    tried: list[RecordChange],
) -> None:
    """Do what *decide* says until it finds nothing left to do; what was begun is added to *tried*.

    Where no answer came, or somebody else was faster, it looks and decides again: nothing is made twice, and all is read back.
    """
    failure: PvdifyError | None = None
    for _ in range(_ROUNDS):
        decision = await decide()
        change = decision.change
        if not change:
            _remember(host, running.app, decision.names, _made(running.app, change.zone, decision.kept))
            for one in decision.left:
                running.note(f"{one.words()} stays: pvdify did not make it, or somebody has changed it since")
            return
        _intend(host, running.app, change)
        tried.append(change)
        try:
            await session.change_records(change)
        except (CloudflareUnreachableError, RecordInTheWayError) as error:
            failure = error
            running.note(f"{error.message}; looking what became of it")
            continue
        for one in change.gone:
            running.note(f"removed {one.words()}")
        for new in change.new:
            running.note(f"made {new.type} {new.name} -> {new.content}")
    raise failure or RefusedError(f"cannot change the records of {', '.join(tried[-1].names)}: somebody else does too")


async def undo(host: Host, running: Running, session: CloudflareSession, tried: Iterable[RecordChange]) -> None:
    """Take back what *tried* made, and make again what it removed, as far as it came; raise where that cannot be done."""
    for change in reversed(tuple(tried)):
        found = {one.id: one for one in await records_of(session, change.zone, change.names)}
        was_there = {one.id for one in change.gone}
        missing = [one for one in change.gone if one.id not in found]
        back = RecordChange(
            zone=change.zone,
            gone=tuple(
                one
                for one in found.values()
                if one.id not in was_there and any(is_made_of(one, new) for new in change.new)
            ),
            new=tuple(again(one) for one in missing),
        )
        made = await session.change_records(back) if back else ()
        mine = {(one.type, one.name, one.content) for one in missing if one.app}
        left = [
            one for one in host.state.elsewhere.records(running.app) if one.name in change.names and one.id in found
        ]
        gone = {one.id for one in back.gone}
        remade = [one for one in made if (one.type, one.name, one.content) in mine]
        _remember(
            host,
            running.app,
            change.names,
            (*(one for one in left if one.id not in gone), *_made(running.app, change.zone, remade)),
        )


async def records_of(session: CloudflareSession, zone: str, names: tuple[str, ...]) -> tuple[Record, ...]:
    """The records of all of *names*."""
    if len(names) > _FEW:
        return tuple(one for one in await session.records(zone) if one.name in names)
    return tuple([one for name in names for one in await session.records(zone, name)])


def _intend(host: Host, app: str, change: RecordChange) -> None:
    """Remember what is about to be made, beside what was: whatever becomes of it, it is known as ours."""
    known = host.state.elsewhere.records(app)
    new = tuple(
        MadeRecord(app=app, zone=change.zone, name=one.name, type=RecordType(one.type), content=one.content)
        for one in change.new
    )
    host.state.elsewhere.write_records(app, (*known, *(one for one in new if one not in known)))


def _remember(host: Host, app: str, names: Iterable[str], records: Iterable[MadeRecord]) -> None:
    """Remember *records* of *names*, and no others of these."""
    gone = frozenset(names)
    others = (one for one in host.state.elsewhere.records(app) if one.name not in gone)
    host.state.elsewhere.write_records(app, (*others, *records))


def _made(app: str, zone: str, records: Iterable[Record]) -> tuple[MadeRecord, ...]:
    return tuple(
        MadeRecord(app=app, zone=zone, name=one.name, type=RecordType(one.type), content=one.content, id=one.id)
        for one in records
    )
