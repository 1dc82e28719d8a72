"""Who asks, and whether they may: checked in the service that holds the tokens, for each request anew."""

from __future__ import annotations

import pwd
import shlex
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pvdify.api.exchange import REQUEST_ID
from pvdify.errors import (
    AppNotFoundError,
    ForbiddenError,
    NotFoundError,
    PvdifyError,
    TokenInvalidError,
    UnauthorizedError,
)
from pvdify.model.answers import Apps
from pvdify.model.caller import Caller, Via
from pvdify.model.scope import Scope
from pvdify.model.token import digest, is_well_formed
from pvdify.operations.table import Reach

if TYPE_CHECKING:
    from aiohttp import web

    from pvdify.operations.table import Operation, Q
    from pvdify.ops.host import Host

SERVICE_USER: Final = "pvdify"
_SCHEME: Final = "bearer"
_CREDENTIALS: Final = "3i"


def bearer(request: web.Request) -> str:
    """The text of the token that came with *request*; raise `UnauthorizedError` where none did, or `TokenInvalidError` for what is none."""
    said = request.headers.get("Authorization")
    if said is None:
        raise UnauthorizedError(
            "cannot serve a request without a token",
            hint="send `Authorization: Bearer pvd_…`; `pvdify login` keeps one",
        )
    scheme, _, text = said.partition(" ")
    text = text.strip()
    if scheme.lower() != _SCHEME or not is_well_formed(text):
        raise TokenInvalidError
    return text


@dataclass(frozen=True, slots=True)
class Access:
    """The rights on one host; *admin* is the socket on which the uid of the other side counts, and no token."""

    host: Host
    admin: str

    def caller(self, request: web.Request) -> Caller:
        """Who asks; raise `UnauthorizedError` or `TokenInvalidError` if nobody can tell."""
        transport = request.transport
        if transport is not None and transport.get_extra_info("sockname") == self.admin:
            return _operator(transport.get_extra_info("socket"), request[REQUEST_ID])
        return self._holder(bearer(request), request[REQUEST_ID])

    def lasts(self, request: web.Request) -> bool:
        """Whether who asked would still be let in: a token may be revoked, or its time be over, while its holder reads."""
        try:
            self.caller(request)
        except PvdifyError:  # or nobody can tell
            return False
        return True

    def authorise(self, caller: Caller, operation: Operation[Q, Any], request: Q) -> None:
        """Raise unless *caller* may: `AppNotFoundError` or `NotFoundError` for what they may not even see, else `ForbiddenError`."""
        route = operation.route
        if route is None:
            raise NotFoundError(f"cannot find the operation {operation.name}")
        app = self._sees(caller, operation, request)
        scope = route.scope_of(request)
        if not route.is_open_to(caller, request):
            of = f" of {app}" if app else ""
            raise ForbiddenError(
                f"cannot do {operation.name}{of}: the token lacks the scope {scope.value}",
                scope=scope.value,
                hint=f"make one that has it: `{_creation(caller, scope)}`",
            )

    def narrowed(self, caller: Caller, answer: object) -> object:
        """*answer* without the apps that *caller* may not see."""
        if not caller.apps or not isinstance(answer, Apps):
            return answer
        return msgspec.structs.replace(answer, apps=tuple(one for one in answer.apps if caller.covers(one.name)))

    def _sees(self, caller: Caller, operation: Operation[Q, Any], request: Q) -> str:
        """The app that is touched, empty if none is; raise for what a limited token may not see."""
        route = operation.route
        reach = route.touches if route is not None else Reach.HOST
        match reach:
            case Reach.APP:
                app = str(getattr(request, route.app)) if route is not None else ""
                if not caller.covers(app):
                    if route is not None and route.app not in route.parameters():
                        raise ForbiddenError(
                            f"cannot name an app {app}: the token is for {', '.join(caller.apps)} only"
                        )
                    raise AppNotFoundError(app)
                return app
            case Reach.OPERATION:
                if not caller.apps:
                    return ""
                id_ = str(getattr(request, "id"))  # noqa: B009 - a request that reaches an operation has its id
                record = self.host.state.record(id_)
                if record is None or not record.app or not caller.covers(record.app):
                    raise NotFoundError(
                        f"cannot find operation {id_}", hint="list an app's with `pvdify operations APP`"
                    )
                return record.app
            case Reach.HOST:
                if caller.apps:
                    raise ForbiddenError(
                        f"cannot do {operation.name} of the whole host: the token is for {', '.join(caller.apps)} only"
                    )
                return ""
            case Reach.LISTED | Reach.ANY:
                return ""

    def _holder(self, text: str, request_id: str) -> Caller:
        now = self.host.clock.now()
        token = self.host.state.token_of(digest(text), now)
        if token is None:
            raise TokenInvalidError
        self.host.state.note_token_used(token.id, self.host.now())
        return Caller(
            name=token.name,
            via=Via.API,
            token=token.id,
            scopes=frozenset(token.scopes),
            apps=token.apps,
            expires_at=token.expires_at,
            request_id=request_id,
        )


def _operator(connection: socket.socket, request_id: str) -> Caller:
    """Who is on the other side of the host's own socket; only operators can open it, and they may do everything."""
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
    _, uid, _ = struct.unpack(_CREDENTIALS, said)
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    if name == SERVICE_USER:
        raise UnauthorizedError(f"cannot serve the user {SERVICE_USER} here: it has no right of its own")
    return Caller(name=name, via=Via.ADMIN, request_id=request_id)


def _creation(caller: Caller, scope: Scope) -> str:
    """The command that makes a token which may do what the caller's may, and what *scope* stands for."""
    scopes = [scope] if scope is Scope.ADMIN else sorted({*caller.scopes, scope})
    words = [f"--scope {one}" for one in scopes] + [f"--app {shlex.quote(one)}" for one in caller.apps]
    return " ".join(("pvdify tokens:create NAME", *words))
