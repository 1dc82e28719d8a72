"""Domains and DNS together: a name that an app has is led here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvdify.errors import NotFoundError
from pvdify.model.domain import domain_name
from pvdify.ops.dns import pointed, pointing
from pvdify.ops.edge import follow
from pvdify.ops.recover import recover
from pvdify.render.edge import names_of

if TYPE_CHECKING:
    from pvdify.model.answers import Changed
    from pvdify.model.cloudflare_requests import PointDomain
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


async def point_domain(host: Host, running: Running, request: PointDomain) -> Changed:
    """Have DNS lead a name of an app here, and the edge serve it; run again, it does what is missing."""
    app, name = request.app, domain_name(request.domain)
    await recover(host, running, app)
    row, manifest = host.row(app), host.state.current()
    if name not in names_of(row, manifest.edge):
        raise NotFoundError(
            f"cannot lead {name} here: {app} does not have it", hint=f"pvdify domains:add {app} {name} --dns"
        )
    wanted = await pointing(host, app, (name,), addresses=request.addresses, overwrites=request.force)
    async with running.step("edge"):
        await follow(host, tell=running.note)
    return await pointed(host, running, row, wanted, f"{app} is {name}")
