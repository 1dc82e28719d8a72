"""What it takes to make one app what its slot declares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pvdify.errors import SpecError
from pvdify.model.release import Release, same_release
from pvdify.plan.domains import differs, names_declared
from pvdify.plan.release import formation_of

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, SlotStamp
    from pvdify.model.page import Page
    from pvdify.model.slot import Slot


class Action(StrEnum):
    """One thing that `apply` can do."""

    CREATE = "create"
    DOMAINS = "domains"
    DEPLOY = "deploy"
    RELEASE = "release"
    SCALE = "scale"
    PAGES = "pages"
    HEAL = "heal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """One action on one app, and why."""

    app: str
    action: Action
    detail: str


def todo(
    slot: Slot,
    row: AppRow | None,
    *,
    live: Release | None,
    declared: Release | None,
    drift: tuple[str, ...] = (),
    pages: tuple[Page, ...] = (),
    deploys: bool = False,
) -> tuple[Todo, ...]:
    """The actions that *slot* asks for, in order; none if the app is as declared.

    *declared* is the release that the slot makes of the live release's own image; *pages* are those of the app's own that are others
    than in force. The running image changes only where the declared one changed since the last apply, or with *deploys*.
    """
    name, names = slot.name, names_declared(slot)
    if row is None:
        steps = [Todo(app=name, action=Action.CREATE, detail=f"a {slot.environment.value} app")]
        if names:
            steps.append(Todo(app=name, action=Action.DOMAINS, detail=" ".join(f"+{one}" for one in names)))
        if pages:
            steps.append(Todo(app=name, action=Action.PAGES, detail=", ".join(pages)))
        if slot.image:
            steps.append(Todo(app=name, action=Action.DEPLOY, detail=slot.image))
        return tuple(steps)
    if slot.bind_port is not None and slot.bind_port != row.front:
        message = f"cannot move the front of {name} from {row.front} to {slot.bind_port}: a front is for life"
        raise SpecError(message, pointer="/bind_port", hint=f"write bind_port = {row.front}, or leave it out")
    first: tuple[Todo, ...] = (Todo(app=name, action=Action.HEAL, detail=", ".join(drift)),) if drift else ()
    if difference := differs(row, names):
        first += (Todo(app=name, action=Action.DOMAINS, detail=difference),)
    if pages:
        first += (Todo(app=name, action=Action.PAGES, detail=", ".join(pages)),)
    return first + _release(slot, row, live=live, declared=declared, deploys=deploys)


def _release(
    slot: Slot, row: AppRow, *, live: Release | None, declared: Release | None, deploys: bool
) -> tuple[Todo, ...]:
    """What makes what runs as declared; one action at most, since each brings the others with it."""
    if slot.image and (deploys or live is None or slot.image != row.declared):
        return (Todo(app=slot.name, action=Action.DEPLOY, detail=slot.image),)
    if live is not None and declared is not None and not same_release(live, declared):
        return (Todo(app=slot.name, action=Action.RELEASE, detail=", ".join(differences(live, declared))),)
    counts = formation_of(slot)
    if counts != {process: row.formation.get(process, 0) for process in counts}:
        words = ", ".join(f"{process}={count}" for process, count in counts.items())
        return (Todo(app=slot.name, action=Action.SCALE, detail=words),)
    return ()


def applied(row: AppRow, slot: Slot, stamp: SlotStamp) -> AppRow:
    """*row*, which now is as *slot* declares; *stamp* tells a later edit of the slot from it."""
    return msgspec.structs.replace(row, declared=slot.image or "", environment=slot.environment, slot=stamp)


def differences(live: Release, declared: Release) -> tuple[str, ...]:
    """The fields in which two releases differ, for people; of the environment only the names."""
    fields = (
        "image",
        "processes",
        "port",
        "healthcheck",
        "capabilities",
        "release_command",
        "release_timeout",
        "drain",
        "stop",
        "settle",
        "watch",
        "environment",
    )
    named = [field for field in fields if getattr(live, field) != getattr(declared, field)]
    keys = sorted(key for key in {*live.env, *declared.env} if live.env.get(key) != declared.env.get(key))
    return (*named, *(f"env {key}" for key in keys))
