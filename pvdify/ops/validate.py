"""Let the programs that read a candidate's files say what they think of them, before it is in force."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from pvdify.errors import HostError, PvdifyError
from pvdify.model.names import UnitName
from pvdify.render.edge import EDGES
from pvdify.render.tree import ROUTER, ROUTER_FOLDER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pvdify.ops.host import Host


async def validate(
    host: Host, tree: Path, paths: tuple[str, ...], *, dropped: tuple[UnitName, ...] = ()
) -> Mapping[UnitName, bytes]:
    """Let the real programs read the files *paths* of *tree*, and see that what is *dropped* does not run.

    Answer the units that Quadlet makes of the files.
    """
    units: dict[UnitName, bytes] = {}
    failures: list[PvdifyError] = []

    async def unit_files() -> None:
        units.update(await _unit_files(host, tree, paths))

    async def caught(check: Callable[[], Awaitable[None]]) -> None:
        try:
            await check()
        except PvdifyError as error:
            failures.append(error)

    checks = (
        unit_files,
        partial(_router, host, tree, paths),
        partial(_edge, host, tree, paths),
        partial(_refuse_running, host, dropped),
    )
    async with anyio.create_task_group() as tasks:
        for check in checks:
            tasks.start_soon(caught, check)
    if failures:
        raise failures[0]
    return units


async def _unit_files(host: Host, tree: Path, paths: tuple[str, ...]) -> Mapping[UnitName, bytes]:
    quadlets = tuple(sorted(Path(path).name for path in paths if path.startswith("quadlet/")))
    others = {UnitName(Path(path).name): (tree / path).read_bytes() for path in paths if path.startswith("systemd/")}
    units = await host.quadlet.generate(tree / "quadlet", quadlets) if quadlets else {}
    if units or others:
        await host.quadlet.verify({**units, **others})
    return units


async def _router(host: Host, tree: Path, paths: tuple[str, ...]) -> None:
    if any(path.startswith(ROUTER_FOLDER) for path in paths):
        await host.router.check(tree / ROUTER)


async def _edge(host: Host, tree: Path, paths: tuple[str, ...]) -> None:
    for kind, path in EDGES.items():
        if path in paths:
            await host.edges[kind].check(tree / path)


async def _refuse_running(host: Host, units: tuple[UnitName, ...]) -> None:
    for status in await host.systemd.show(*units) if units else ():
        if status.is_active:
            raise HostError(
                f"cannot drop {status.unit} from the generation: it is still {status.active}",
                hint=f"stop it with `systemctl stop {status.unit}`",
            )
