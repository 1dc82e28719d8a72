"""The table of operations: each is declared once, and every way in is made of it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import msgspec

from pvdify.model.answers import Changed
from pvdify.model.parse import from_value
from pvdify.model.requests import Request
from pvdify.model.scope import Scope

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping

    from pvdify.model.caller import Caller
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Q = TypeVar("Q", bound=Request)
A = TypeVar("A")

BODY_LIMIT: Final = 64 * 1024
_TOLD: Final = 200
_PARAMETER: Final = re.compile(r"\{(?P<name>[a-z_]+)\}")


class Kind(StrEnum):
    """How an operation answers."""

    VALUE = "value"
    CHANGE = "change"
    STREAM = "stream"


class Reach(StrEnum):
    """What of the host an operation touches, and so whether a token that is limited to some apps may ask for it.

    `app`: the one app that the request names. `operation`: the app of the operation that the request names. `listed`: all apps,
    of which the answer keeps those that the token covers. `any`: nothing of an app. `host`: all of the host; not for such tokens.
    """

    APP = "app"
    OPERATION = "operation"
    LISTED = "listed"
    ANY = "any"
    HOST = "host"


class In(StrEnum):
    """Where a field of a request travels."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Q]):
    """How an operation is reached over HTTP; its scope may depend on what is asked.

    A scope of *also* is enough as well. *media* is the type of an answer that is text; None where it is JSON, or the lines of a stream.
    A change of which *waits* says so is over in a moment, and answers 200 at its end.
    *app* is the field of the request that names the app, where it is not `app` in the path. *reach* is said only where the path does
    not show it, and so are statuses of *problems*.
    """

    method: str
    path: str
    scope: Scope | Callable[[Q], Scope]
    status: int = 200
    body_limit: int = BODY_LIMIT
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str | None = None
    app: str = "app"
    also: tuple[Scope, ...] = ()
    reach: Reach | None = None
    waits: Callable[[Q], bool] | None = None
    problems: tuple[int, ...] = ()

    def parameters(self) -> tuple[str, ...]:
        """The fields of the request that are part of the path."""
        return tuple(match["name"] for match in _PARAMETER.finditer(self.path))

    def place(self, field: str) -> tuple[In, str]:
        """Where *field* of the request travels, and its name there: read by server, client and description alike."""
        if field in self.parameters():
            return In.PATH, field
        if field in self.headers:
            return In.HEADER, self.headers[field]
        return (In.QUERY if self.method in {"GET", "DELETE"} else In.BODY), field

    def scope_of(self, request: Q) -> Scope:
        """What the caller of *request* must be allowed to do."""
        return self.scope if isinstance(self.scope, Scope) else self.scope(request)

    def is_open_to(self, caller: Caller, request: Q) -> bool:
        """Whether what *caller* may do is enough for *request*."""
        return any(caller.allows(scope) for scope in (self.scope_of(request), *self.also))

    @property
    def touches(self) -> Reach:
        """What of the host the operation touches: the whole of it, unless the path names an app or the route says otherwise."""
        return self.reach or (Reach.APP if self.app in self.parameters() else Reach.HOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Q, A]):
    """One thing that can be asked of pvdify.

    *run* is `module:function`, imported when it first runs; empty where the conductor itself answers. *route* is None for what
    exists only on the host. *locks* names the field of a change's request that holds the app to lock; empty for changes of the whole host.
    *cursor* is the field of a stream's answers that a reader who comes back names. A value that *is_change* changes something all the
    same, at once and without steps; one that only tells something *is_audited* where that says so of the request. One that *knows_caller*
    is told who asks. What the fields *secrets* hold is written nowhere.
    """

    name: str
    summary: str
    request: type[Q]
    answer: type[A]
    run: str
    kind: Kind = Kind.VALUE
    route: Route[Q] | None = None
    locks: str = ""
    cursor: str = ""
    is_change: bool = False
    is_audited: Callable[[Q], bool] | None = None
    knows_caller: bool = False
    secrets: tuple[str, ...] = ()

    def parsed(self, request: Q) -> Q:
        """*request*, checked: msgspec does not look at what a caller builds itself."""
        return from_value(request, self.request)

    def app_of(self, request: Q) -> str:
        """The app that the operation holds while it runs; empty if it concerns no single one."""
        return str(getattr(request, self.locks)) if self.locks else ""

    def audits(self, request: Q) -> bool:
        """Whether it is written down that a value was asked for with *request*."""
        return self.is_change or (self.is_audited is not None and self.is_audited(request))

    def told(self, request: Q) -> dict[str, str | int | float | bool | None]:
        """What the audit may keep of *request*, as far as it was said: no secret, of objects with texts only the names, and no long text whole."""
        said = {name: value for name, value in msgspec.to_builtins(request).items() if name not in self.secrets}
        return {name: value[:_TOLD] if isinstance(value, str) else value for name, value in _plain(said)}

    def value(self) -> Callable[[Host, Q], Awaitable[A]]:
        """The function of a value; one that *knows_caller* takes the caller as well."""
        return cast("Callable[[Host, Q], Awaitable[A]]", self._function())  # the table says what the module holds

    def value_for(self, caller: Caller) -> Callable[[Host, Q], Awaitable[A]]:
        """The function of a value, for *caller*."""
        if not self.knows_caller:
            return self.value()
        # the table says what the module holds
        function = cast("Callable[[Host, Q, Caller], Awaitable[A]]", self._function())
        return lambda host, request: function(host, request, caller)

    def stream(self) -> Callable[[Host, Q], AsyncGenerator[A, None]]:
        """The function of a stream."""
        return cast(
            "Callable[[Host, Q], AsyncGenerator[A, None]]", self._function()
        )  # the table says what the module holds

    def change(self) -> Callable[[Host, Running, Q], Awaitable[Changed]]:
        """The function of a change."""
        # the table says what the module holds
        return cast("Callable[[Host, Running, Q], Awaitable[Changed]]", self._function())

    def _function(self) -> object:
        module, _, name = self.run.partition(":")
        return getattr(import_module(module), name)


def _plain(said: Mapping[str, Any]) -> Iterator[tuple[str, str | int | float | bool | None]]:
    """What is said in plain values: lists of words as a shell would have them, counts by name, and of all else only the names."""
    for name, value in said.items():
        match value:
            case str() | int() | float() | None:
                yield name, value
            case list() | tuple() if all(isinstance(one, str) for one in value):
                yield name, shlex.join(value)
            case dict() if all(isinstance(one, int) for one in value.values()):
                yield from ((f"{name}.{key}", number) for key, number in value.items())
            case dict():
                yield name, ", ".join(value)
            case _:
                yield name, ", ".join(str(one["name"]) for one in value if isinstance(one, dict) and "name" in one)


Change = Operation[Q, Changed]
