"""The table of operations: each is declared once, and every way in is made of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from pvdify.model.answers import Changed
from pvdify.model.parse import from_value
from pvdify.model.requests import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

Q = TypeVar("Q", bound=Request)
A = TypeVar("A")

BODY_LIMIT: Final = 64 * 1024
_PARAMETER: Final = re.compile(r"\{(?P<name>[a-z_]+)\}")


class Kind(StrEnum):
    """How an operation answers."""

    VALUE = "value"
    CHANGE = "change"
    STREAM = "stream"


class Scope(StrEnum):
    """What a token must be allowed to do."""

    READ = "read"
    DEPLOY = "deploy"
    CONFIG = "config"
    DOMAINS = "domains"
    LOGS = "logs"
    ADMIN = "admin"


class In(StrEnum):
    """Where a field of a request travels."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"
    BODY = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Generic[Q]):
    """How an operation is reached over HTTP; its scope may depend on what is asked."""

    method: str
    path: str
    scope: Scope | Callable[[Q], Scope]
    status: int = 200
    body_limit: int = BODY_LIMIT
    headers: Mapping[str, str] = field(default_factory=dict)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Q, A]):
    """One thing that can be asked of pvdify.

    *run* is `module:function`, imported when it first runs; empty where the conductor itself answers. *route* is None for what
    exists only on the host. *locks* names the field of a change's request that holds the app to lock; empty for changes of the whole host.
    """

    name: str
    summary: str
    request: type[Q]
    answer: type[A]
    run: str
    kind: Kind = Kind.VALUE
    route: Route[Q] | None = None
    locks: str = ""

    def parsed(self, request: Q) -> Q:
        """*request*, checked: msgspec does not look at what a caller builds itself."""
        return from_value(request, self.request)

    def app_of(self, request: Q) -> str:
        """The app that the operation holds while it runs; empty if it concerns no single one."""
        return str(getattr(request, self.locks)) if self.locks else ""

    def value(self) -> Callable[[Host, Q], Awaitable[A]]:
        """The function of a value."""
        return cast("Callable[[Host, Q], Awaitable[A]]", self._function())  # the table says what the module holds

    def stream(self) -> Callable[[Host, Q], AsyncIterator[A]]:
        """The function of a stream."""
        return cast("Callable[[Host, Q], AsyncIterator[A]]", self._function())  # the table says what the module holds

    def change(self) -> Callable[[Host, Running, Q], Awaitable[Changed]]:
        """The function of a change."""
        # the table says what the module holds
        return cast("Callable[[Host, Running, Q], Awaitable[Changed]]", self._function())

    def _function(self) -> object:
        module, _, name = self.run.partition(":")
        return getattr(import_module(module), name)


Change = Operation[Q, Changed]
