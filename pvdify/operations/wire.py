"""A request as HTTP carries it, and back: the client writes it, both services read it, each with the same two functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from pvdify.errors import NotFoundError, SpecError
from pvdify.model.parse import from_value, json_object
from pvdify.operations.table import In

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.operations.table import A, Operation, Q, Route

PREFIX: Final = "/api/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An HTTP request without its connection: *path* and *query* are encoded, *body* is JSON or empty."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str]
    body: bytes = b""


def parts_of(operation: Operation[Q, A], request: Q) -> Parts:
    """*request* as the operation's route carries it; raise `NotFoundError` for an operation without one."""
    route = _route(operation)
    places: dict[In, dict[str, Any]] = {one: {} for one in In}
    for name, value in msgspec.to_builtins(request).items():
        where, key = route.place(name)
        places[where][key] = value
    path = route.path
    for name, value in places[In.PATH].items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    body = msgspec.json.encode(places[In.BODY]) if places[In.BODY] or _takes_body(route) else b""
    return Parts(
        method=route.method,
        path=f"{PREFIX}{path}",
        query=tuple((name, text) for name, value in places[In.QUERY].items() for text in _texts(value)),
        headers={name: str(value) for name, value in places[In.HEADER].items()},
        body=body,
    )


def request_of(
    operation: Operation[Q, A],
    *,
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]] = (),
    headers: Mapping[str, str],
    body: bytes = b"",
) -> Q:
    """The request that HTTP brought, proven; raise `SpecError` naming the field for what is unknown, twice there, or wrong."""
    route = _route(operation)
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(operation.request):
        where, key = route.place(field.name)
        if where is In.PATH:
            values[field.name] = _converted(path[key], field)
        elif where is In.HEADER and key in headers:
            values[field.name] = _converted(headers[key], field)
    values |= _from_query(operation, route, query)
    if body:
        values |= _from_body(operation, route, body)
    return from_value(values, operation.request)


def _from_query(operation: Operation[Q, A], route: Route[Q], query: Iterable[tuple[str, str]]) -> dict[str, object]:
    fields = {one.name: one for one in msgspec.structs.fields(operation.request)}
    found: dict[str, object] = {}
    for name, text in query:
        field = fields.get(name)
        if field is None or route.place(name)[0] is not In.QUERY:
            raise SpecError(f"cannot read the request: unknown parameter `{name[:60]}`", pointer=f"/{name}")
        if name in found:
            raise SpecError(f"cannot read the request: the parameter `{name}` is there twice", pointer=f"/{name}")
        found[name] = _converted(text, field)
    return found


def _from_body(operation: Operation[Q, A], route: Route[Q], body: bytes) -> dict[str, object]:
    if not _takes_body(route):
        raise SpecError(f"cannot read the request: {route.method} {route.path} takes no body")
    found = json_object(body, what="the body", limit=route.body_limit)
    known = {one.name for one in msgspec.structs.fields(operation.request) if route.place(one.name)[0] is In.BODY}
    for name in found:
        if name not in known:
            raise SpecError(f"cannot read the body: unknown field `{name[:60]}`", pointer=f"/{name}")
    return found


def _converted(text: str, field: msgspec.structs.FieldInfo) -> object:
    """*text* as the field's type has it: a number, a truth, or the text itself, also where that is `null`."""
    try:
        found = msgspec.convert(text, field.type, strict=False)
    except msgspec.ValidationError as error:
        problem = str(error)
        message = f"cannot read {field.name}: {problem[:1].lower()}{problem[1:]}"
        raise SpecError(message, pointer=f"/{field.name}") from error
    return text if found is None else found


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value),)


def _takes_body(route: Route[Q]) -> bool:
    return route.method not in {"GET", "DELETE"}


def _route(operation: Operation[Q, A]) -> Route[Q]:
    if operation.route is None:
        raise NotFoundError(
            f"cannot ask for {operation.name} from afar: it exists only on the host",
            hint="type the command as root, on the host itself",
        )
    return operation.route
