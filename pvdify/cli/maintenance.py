"""`maintenance` and its kin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.cli.addressing import NO_WORDS
from pvdify.cli.command import command
from pvdify.model.requests import ForApp
from pvdify.operations import maintenance as operations

if TYPE_CHECKING:
    from pvdify.cli.session import Session


@command("maintenance", examples=("pvdify maintenance blog",), words=NO_WORDS)
async def maintenance(session: Session) -> None:
    """Tell whether an app is in maintenance."""
    answer = await session.ask(operations.SHOW, ForApp(app=session.app))
    session.show(answer, lambda: f"{answer.app} is {'' if answer.is_on else 'not '}in maintenance")


@command("maintenance:on", examples=("pvdify maintenance:on blog",), words=NO_WORDS, changes=True)
async def maintenance_on(session: Session) -> None:
    """Show an app's visitors a page, while it is worked on."""
    await session.change(operations.ON, ForApp(app=session.app))


@command("maintenance:off", examples=("pvdify maintenance:off blog",), words=NO_WORDS, changes=True)
async def maintenance_off(session: Session) -> None:
    """Let an app's visitors in again."""
    await session.change(operations.OFF, ForApp(app=session.app))
