"""The service that may: it checks who asks, carries out operations, and owns the state directory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from pvdify.api.changes import Changes
from pvdify.api.exchange import CALLER, Requests, middleware
from pvdify.api.health import answered, health
from pvdify.api.routes import read, routes
from pvdify.api.streams import Readers, streamed
from pvdify.errors import PastTheSwitchError, PvdifyError, RefusedError
from pvdify.model.caller import Asked
from pvdify.model.requests import ForOperation
from pvdify.operations import journal
from pvdify.operations.host import METRICS
from pvdify.operations.table import Kind
from pvdify.operations.wire import PREFIX
from pvdify.ops.journal import operation_info
from pvdify.ops.perform import audited
from pvdify.render.exposition import exposition

if TYPE_CHECKING:
    from pvdify.api.access import Access
    from pvdify.api.gate import Gate
    from pvdify.model.caller import Caller
    from pvdify.operations.door import Door
    from pvdify.operations.table import Operation

_JSON: Final = "application/json"


def application(door: Door, access: Access, gate: Gate, requests: Requests) -> web.Application:
    """All routes of the host's service."""
    service = _Service(door, access, Changes(door), gate, requests, Readers())
    app = web.Application(middlewares=[middleware(gate, requests)])
    app.router.add_get("/health", health)
    app.router.add_get(f"{PREFIX}/openapi.json", service.openapi, allow_head=False)
    app.add_routes(routes(service.serve))
    return app


@dataclass(frozen=True, slots=True)
class _Service:
    door: Door
    access: Access
    changes: Changes
    gate: Gate
    requests: Requests
    readers: Readers

    async def serve(self, operation: Operation[Any, Any], request: web.Request) -> web.StreamResponse:
        """Do what *request* asks, for whoever may ask it."""
        caller = self.access.caller(request)
        request[CALLER] = f"{caller.name} ({caller.token or caller.via.value})"
        asked = await read(operation, request)
        self.access.authorise(caller, operation, asked)
        if operation.name == journal.CANCEL.name:
            return await self._cancelled(asked.id, caller)
        match operation.kind:
            case Kind.CHANGE:
                return await self.changes.accepted(operation, asked, caller, request.headers)
            case Kind.STREAM:
                return await self._stream(operation, asked, caller, request)
            case Kind.VALUE:
                return await self._value(operation, asked, caller, request)

    async def openapi(self, request: web.Request) -> web.Response:
        """The description of the API; any token will do."""
        from pvdify.operations.openapi import document

        self.access.caller(request)
        return web.Response(body=document(), content_type=_JSON)

    async def _value(
        self, operation: Operation[Any, Any], asked: Any, caller: Caller, request: web.Request
    ) -> web.StreamResponse:
        route = operation.route
        with self.changes.once(operation, asked, caller, request.headers):
            answer = self.access.narrowed(caller, await self.door.ask(operation, asked, caller))
        if operation is METRICS:
            answer = f"{answer}{exposition(self.requests.metrics())}"
        response = answered(answer, status=route.status if route else 200, media=route.media if route else None)
        if tag := self.changes.tag_of(operation, asked):
            response.headers["ETag"] = tag
        return response

    async def _stream(
        self, operation: Operation[Any, Any], asked: Any, caller: Caller, request: web.Request
    ) -> web.StreamResponse:
        with self.readers.one_more(caller):
            answers = self.door.stream(operation, asked, caller)
            return await streamed(request, operation, answers, gate=self.gate, may=lambda: self.access.lasts(request))

    async def _cancelled(self, id_: str, caller: Caller) -> web.Response:
        """Ask an operation to stop; it answers at once, and the operation's own events tell when it has undone everything."""
        summary = await operation_info(self.door.host, ForOperation(id=id_))
        if summary.status not in {"running", "dead"}:
            raise RefusedError(f"cannot cancel operation {id_}: it is over ({summary.status})")
        if not self.door.conductor.knows(id_):
            raise RefusedError(
                f"cannot cancel operation {id_}: it runs in another process",
                hint="press Ctrl-C where it was typed",
            )
        asked = Asked(caller=caller)
        with suppress(PvdifyError):  # what goes wrong on a full disk must not be kept from being stopped
            audited(self.door.host, asked, journal.CANCEL.name, outcome="asked", operation=id_, app=summary.app)
        if not self.door.conductor.cancel(id_):
            raise PastTheSwitchError(f"cannot cancel operation {id_}: its switch is in force, it only goes forward")
        return answered(summary)
