"""The router: HAProxy, moved by its worker's socket and reloaded by its master's."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.adapters.haproxy_sockets import Row, answered, command, connections, rows, workers
from pvdify.adapters.process import run
from pvdify.errors import RenderError, RouterError
from pvdify.ports import Server, Workers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HOLDS_FOR: Final = 10.0
_PAUSE: Final = 0.02
_LEARNS_FOR: Final = 1.0
_LETS_GO_FOR: Final = 3.0
_CHECK: Final = "check inter {interval} fastinter 200ms downinter 200ms rise 1 fall 2"
_UNIT: Final = "pvdify-router.service"
_OVERTAKEN: Final = ("Proxy is disabled", "No such server")


@dataclass(frozen=True, slots=True)
class HAProxy:
    """`Router` of this machine; *fronts* is run before each reload and says at which addresses the fronts can be bound."""

    worker: Path
    master: Path
    fronts: Path | None = None

    async def check(self, config: Path) -> None:
        done = await run("haproxy", "-c", "-f", str(config))
        if done.returncode:
            raise RenderError(f"cannot use {config.name}: HAProxy says {_alerts(done.stderr)}")

    async def is_running(self) -> bool:
        if await command(self.worker, "show version") is not None:
            return True
        done = await run("systemctl", "is-active", _UNIT)
        return done.stdout.strip() in {"active", "reloading"}

    async def reload(self) -> None:
        if self.fronts is not None and await anyio.Path(self.fronts).exists():
            await run(str(self.fronts))
        answer = await answered(self.master, "reload")
        if not answer.startswith("Success=1"):
            raise RouterError(
                f"cannot reload the router: {_alerts(answer)}", hint=f"read `journalctl -u {_UNIT} -t haproxy -n 50`"
            )

    async def mark(self) -> str:
        return await self._told("description")

    async def reconcile(self, app: str, servers: tuple[Server, ...]) -> None:
        wanted = {server.name: server for server in servers}
        deadline = monotonic() + _HOLDS_FOR
        while True:
            before = await self._worker_id()
            present = {row.name: row for row in await self._rows(app)}
            await self._add(app, wanted, present)
            await self._let_in(app, wanted, present)
            present = {row.name: row for row in await self._rows(app)}
            wrong = _not_ready(wanted, present)
            if not wrong:
                await self._keep_out(app, (row for row in present.values() if row.name not in wanted))
                wrong = tuple(row.name for row in await self._rows(app) if row.is_ready != (row.name in wanted))
                if not wrong and before == await self._worker_id():
                    return
            if monotonic() > deadline:
                raise RouterError(
                    f"cannot move the front of {app}: the router does not keep {', '.join(wrong) or 'its worker'}",
                    hint="look at it with `pvdify doctor`",
                )
            await anyio.sleep(_PAUSE)

    async def hold(self, app: str) -> None:
        deadline = monotonic() + _HOLDS_FOR
        while True:
            before = await self._worker_id()
            for row in await self._rows(app):
                if not row.in_maintenance:
                    await self._do(f"set server {app}/{row.name} state maint")
            is_held = all(row.in_maintenance for row in await self._rows(app))
            if is_held and before == await self._worker_id():
                return
            if monotonic() > deadline:
                raise RouterError(f"cannot hold the requests of {app}: the router does not keep its servers out")
            await anyio.sleep(_PAUSE)

    async def drained(self, app: str, names: tuple[str, ...]) -> Workers:
        known = await command(self.master, "show proc")
        every = workers(known or "")
        for worker in every:
            answer = await command(self.master, f"@!{worker} show servers conn {app}")
            if answer is None or answer.startswith("Can't find the target"):
                return Workers.BUSY
            if any(connections(answer).get(name, 0) for name in names):
                return Workers.BUSY
        return Workers.DRAINED if every else Workers.BUSY

    async def forget(self, app: str, names: tuple[str, ...]) -> None:
        await self._rows(app)
        for name in names:
            await self._do(f"set server {app}/{name} state maint")
            deadline = monotonic() + _LETS_GO_FOR
            # The last connection may be a moment from its end. What does not go at all gets no request, and is gone after a reload.
            while not await self._is_gone(app, name) and monotonic() < deadline:  # noqa: ASYNC110 -- it is HAProxy that lets go
                await anyio.sleep(_PAUSE)

    async def servers(self, app: str) -> tuple[Server, ...]:
        return tuple(
            Server(name=row.name, port=row.port, is_checked=row.is_checked)
            for row in sorted(await self._rows(app), key=lambda row: row.name)
            if row.is_ready and row.is_up
        )

    async def known(self, app: str) -> tuple[str, ...]:
        return tuple(sorted(row.name for row in await self._rows(app)))

    async def _add(self, app: str, wanted: dict[str, Server], present: dict[str, Row]) -> None:
        for server in wanted.values():
            if server.name not in present:
                check = f" {_CHECK.format(interval=server.interval)}" if server.is_checked else ""
                await self._do(
                    f"add server {app}/{server.name} 127.0.0.1:{server.port}{check}",
                    *("New server registered", "Already exists"),
                )
                if server.is_checked:
                    await self._do(f"enable health {app}/{server.name}")
            elif present[server.name].port != server.port:
                await self._do(f"set server {app}/{server.name} state maint")
                await self._do(
                    f"set server {app}/{server.name} addr 127.0.0.1 port {server.port}", "port changed", "no need"
                )

    async def _let_in(self, app: str, wanted: dict[str, Server], present: dict[str, Row]) -> None:
        for server in wanted.values():
            row = present.get(server.name)
            if row is None or not row.is_ready or row.port != server.port:
                await self._do(f"set server {app}/{server.name} state ready")

    async def _keep_out(self, app: str, others: Iterable[Row]) -> None:
        for row in others:
            if row.is_ready:
                await self._do(f"set server {app}/{row.name} state drain")

    async def _is_gone(self, app: str, name: str) -> bool:
        answer = await answered(self.worker, f"del server {app}/{name}")
        return answer.startswith(("Server deleted", "No such server"))

    async def _rows(self, app: str) -> tuple[Row, ...]:
        """The servers of *app*; in the moment after a reload the old worker may answer once more, which does not know a new app."""
        deadline = monotonic() + _LEARNS_FOR
        while True:
            answer = await answered(self.worker, f"show servers state {app}")
            if not answer.startswith("Can't find backend"):
                return rows(answer)
            if monotonic() > deadline:
                raise RouterError(f"cannot change the front of {app}: the router does not know it", hint="pvdify apply")
            await anyio.sleep(_PAUSE)

    async def _worker_id(self) -> str:
        return await self._told("Pid")

    async def _told(self, field: str) -> str:
        """What the worker says of itself."""
        info = await answered(self.worker, "show info")
        return next((line.partition(": ")[2] for line in info.splitlines() if line.startswith(f"{field}: ")), "")

    async def _do(self, text: str, *fine: str) -> None:
        """Give a command; its answer must be empty, or start with one of *fine*.

        A reload may come between two commands: then a worker that leaves says that its proxies are disabled, and its successor does not
        know what was added at run time. Nothing was done, which whoever reads back will see.
        """
        answer = (await answered(self.worker, text)).strip()
        if answer and not answer.startswith((*fine, *_OVERTAKEN)):
            raise RouterError(f"cannot `{text}`: the router says {answer}")


def _not_ready(wanted: dict[str, Server], present: dict[str, Row]) -> tuple[str, ...]:
    """Those of *wanted* that the worker keeps requests from. A checked server may be down: that is for the checks to say."""
    return tuple(
        name
        for name, server in wanted.items()
        if (row := present.get(name)) is None
        or not row.is_ready
        or row.port != server.port
        or not (row.is_up or row.is_checked)
    )


def _alerts(text: str) -> str:
    """What matters of HAProxy's many words."""
    lines = [line.partition(" : ")[2] or line for line in text.splitlines() if line.startswith(("[ALERT]", "[EMERG]"))]
    return "; ".join(line.strip() for line in lines[:3]) or text.strip()[:400] or "nothing"
