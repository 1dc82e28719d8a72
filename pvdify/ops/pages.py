"""Take up the pages that an operator wrote for an app."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import anyio
import msgspec

from pvdify.model.answers import Changed
from pvdify.model.event import Outcome
from pvdify.ops.publish import publish
from pvdify.ops.recover import recover
from pvdify.ops.reload import reload_router
from pvdify.render.tree import page_artefact

if TYPE_CHECKING:
    from pvdify.model.manifest import AppRow, Manifest
    from pvdify.model.page import Page
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running
    from pvdify.render.tree import Artefact


def edited(host: Host, app: str, row: AppRow | None) -> tuple[Page, ...]:
    """The pages of *app* that are others than *row* has, or there no longer."""
    now, before = _hashes(host.state.pages.read(app)), row.pages if row else {}
    return tuple(page for page in sorted({*now, *before}) if now.get(page) != before.get(page))


async def take_up(host: Host, running: Running) -> Changed:
    """Put the pages of the running operation's app in force as they are in its folder, and make the router read them."""
    app = running.app
    await recover(host, running, app)
    pages = host.state.pages.read(app)

    async def change(manifest: Manifest) -> AppRow | None:
        await anyio.lowlevel.checkpoint()
        return msgspec.structs.replace(manifest.apps[app], pages=_hashes(pages), updated_at=host.now())

    def artefacts(_row: AppRow) -> tuple[Artefact, ...]:
        return tuple(page_artefact(app, page, html) for page, html in pages.items())

    async with running.step("switch"):
        await publish(host, running, app=app, change=change, reason=f"{app}: pages", extra=artefacts)
        running.has_switched = True
    async with running.step("route"):
        await reload_router(host)
    names = ", ".join(page.value for page in pages)
    return Changed(
        operation=running.id,
        outcome=Outcome.DONE,
        text=f"{app} has its own pages: {names}" if names else f"{app} has no pages of its own any more",
        app=app,
        generation=running.generation,
    )


def _hashes(pages: dict[Page, bytes]) -> dict[Page, str]:
    return {page: sha256(html).hexdigest() for page, html in sorted(pages.items())}
