"""The parts of the API's description that its operations share: schemas, problems, headers and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect

from pvdify import errors
from pvdify.errors import PvdifyError
from pvdify.model.answers import AppSummary, Health, Pending
from pvdify.model.scope import Scope
from pvdify.operations.examples import ETAG, ID, REQUEST_ID, problems
from pvdify.operations.problem import BUG, MEDIA, PROTOCOL, STATUSES, Problem
from pvdify.operations.table import In
from pvdify.operations.wire import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pvdify.operations.table import Operation, Route

Json = dict[str, Any]
"""A JSON object that others will read; nothing is ever read back from it."""

_SCHEMAS: Final = "#/components/schemas/"
_NO_NEWLINE: Final = r"(?!\n)"
_OTHER_CODES: Final = {BUG: ("bug",), 502: ("out-of-memory",)}
"""Codes without a class: of what nobody foresaw, and of a process that took too much memory."""

HEADERS: Final[Mapping[str, Json]] = {
    "X-Request-Id": {
        "description": "The id of this request in the host's journal and audit: the caller's own, if it sent a good one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
        "example": REQUEST_ID,
    },
    "Location": {
        "description": "Where to ask for what was made, or for the operation that goes on.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
        "example": f"{PREFIX}/operations/{ID}",
    },
    "ETag": {
        "description": "What is declared of the app, as one word: for `If-Match`.",
        "required": True,
        "schema": {"type": "string"},
        "example": ETAG,
    },
    "Idempotent-Replayed": {
        "description": "`true` where the `Idempotency-Key` was used before: this answers the change that it made then.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {
        "description": "What is missing (RFC 6750).",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="pvdify"',
    },
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    },
}
PARAMETERS: Final[Mapping[str, Json]] = {
    "Idempotency-Key": {
        "description": "Any text of the caller's choice. The same request with the same key, within a day, changes nothing twice.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "If-Match": {
        "description": "The `ETag` of the app as the caller knows it: where it is another by now, nothing is changed (412).",
        "schema": {"type": "string"},
    },
    "Prefer": {
        "description": "With `respond-async` the answer is 202, at once, as for changes that always take their time.",
        "schema": {"type": "string"},
        "example": "respond-async",
    },
}
_OF_PROBLEMS: Final = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 503: ("Retry-After",)}


@dataclass(frozen=True, slots=True)
class Schemas:
    """What msgspec says of the types: *named* ones are components; *parameters* are the requests as a whole, by type."""

    named: Mapping[str, Json]
    parameters: Mapping[type, Json]
    bodies: Mapping[tuple[type, tuple[str, ...]], Json]
    references: Mapping[type, Json]

    def field(self, operation: Operation[Any, Any], name: str) -> Json:
        """The schema of a field that travels as text: there, what is not said is left out, and never null."""
        schema = dict(self.parameters[operation.request]["properties"][name])
        if schema.get("default", "") is None:
            del schema["default"]
        one_of = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
        if len(one_of) == 1:
            del schema["anyOf"]
            schema = one_of[0] | schema
        return schema

    def is_required(self, operation: Operation[Any, Any], name: str) -> bool:
        """Whether the field must be said."""
        return name in self.parameters[operation.request]["required"]

    def body(self, operation: Operation[Any, Any], route: Route[Any]) -> Json:
        """A reference to the schema of the body."""
        return self.bodies[operation.request, in_body(operation, route)]

    def answer(self, type_: type) -> Json:
        """A reference to the schema of an answer."""
        return self.references[type_]


def schemas(operations: Iterable[Operation[Any, Any]]) -> Schemas:
    """The schemas of everything that *operations* take and answer."""
    routed = [(one, one.route) for one in operations if one.route is not None]
    requests = list(dict.fromkeys(one.request for one, _ in routed))
    replies = [one for one in dict.fromkeys(one.answer for one, _ in routed) if one is not str]
    replies += [one for one in (AppSummary, Pending, Health, Problem) if one not in replies]
    found, named = msgspec.json.schema_components([*requests, *replies], ref_template=f"{_SCHEMAS}{{name}}")
    references = dict(zip(replies, found[len(requests) :], strict=True))
    names = {one: schema["$ref"].removeprefix(_SCHEMAS) for one, schema in zip(requests, found, strict=False)}
    parameters = {one: named.pop(name) for one, name in names.items()}
    bodies: dict[tuple[type, tuple[str, ...]], Json] = {}
    for operation, route in routed:
        fields = in_body(operation, route)
        if takes_body(route) and (operation.request, fields) not in bodies:
            name = names[operation.request] if fields else "NoFields"
            if fields and name in named:
                name = f"{name}Of{operation.name.title().replace('.', '')}"
            named[name] = _only(parameters[operation.request], fields)
            bodies[operation.request, fields] = {"$ref": f"{_SCHEMAS}{name}"}
    _say_what_is_always_there(named, replies)
    _open_patterns([*named.values(), *parameters.values()])
    return Schemas(dict(sorted(named.items())), parameters, bodies, references)


def takes_body(route: Route[Any]) -> bool:
    """Whether a request has a body: whatever is said neither in the path nor in a header."""
    return route.place("")[0] is In.BODY


def in_body(operation: Operation[Any, Any], route: Route[Any]) -> tuple[str, ...]:
    """The fields of the request that travel in the body."""
    names = (field.name for field in msgspec.structs.fields(operation.request))
    return tuple(name for name in names if route.place(name)[0] is In.BODY)


def codes() -> Mapping[int, tuple[str, ...]]:
    """Every code that a problem may bear, by its status."""
    found: dict[int, set[str]] = {status: {code} for status, (code, _) in PROTOCOL.items()}
    for status, others in _OTHER_CODES.items():
        found.setdefault(status, set()).update(others)
    for kind in _classes():
        found.setdefault(_status(kind), set()).add(kind.code)
    return {status: tuple(sorted(found[status])) for status in sorted(found)}


def components(found: Schemas) -> Json:
    """The components of the description."""
    return {
        "schemas": dict(found.named),
        "responses": _problem_responses(),
        "headers": dict(HEADERS),
        "parameters": {name: {"name": name, "in": "header", **one} for name, one in PARAMETERS.items()},
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "pvd_…",
                "description": "A token that `pvdify tokens:create` made. It has some of the scopes "
                f"{', '.join(f'`{one}`' for one in Scope)}; `admin` includes the others.",
            }
        },
    }


def content(
    description: str, schema: Json, answer: object = None, *others: str, media: str = "application/json"
) -> Json:
    """An answer of one media type, with an example and the headers *others*."""
    body: Json = {"schema": schema}
    if answer is not None:
        body["example"] = msgspec.to_builtins(answer)
    return {"description": description, "headers": headers("X-Request-Id", *others), "content": {media: body}}


def problem_references(statuses: Iterable[int]) -> Json:
    """References to the problems that have one of *statuses*."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)}


def _problem_responses() -> Json:
    examples = problems()
    return {
        f"Problem{status}": {
            "description": f"{_meaning(status)}. Codes: {', '.join(f'`{code}`' for code in names)}.",
            "headers": headers("X-Request-Id", *_OF_PROBLEMS.get(status, ())),
            "content": {
                MEDIA: {
                    "schema": {
                        "allOf": [
                            {"$ref": f"{_SCHEMAS}Problem"},
                            {"properties": {"status": {"const": status}, "code": {"enum": list(names)}}},
                        ]
                    },
                    "example": msgspec.to_builtins(examples[status]),
                }
            },
        }
        for status, names in codes().items()
    }


def headers(*names: str) -> Json:
    """References to *names* among the headers of answers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def parameter(name: str) -> Json:
    """A reference to one of the headers that belong to no operation."""
    return {"$ref": f"#/components/parameters/{name}"}


def _classes() -> list[type[PvdifyError]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, PvdifyError)]


def _status(kind: type[PvdifyError]) -> int:
    return next((STATUSES[one] for one in kind.__mro__ if one in STATUSES), BUG)


def _meaning(status: int) -> str:
    """What a status says, in the words of the errors that have it."""
    families = [one for one, number in STATUSES.items() if number == status]
    found = [str(one.__doc__).partition("\n")[0].partition(";")[0].rstrip(".") for one in families]
    if status in PROTOCOL and not found:
        found = [PROTOCOL[status][1]]
    return ", or ".join((*found[:1], *(f"{one[:1].lower()}{one[1:]}" for one in found[1:])))


def _only(request: Json, fields: tuple[str, ...]) -> Json:
    """The schema of a *request*, without what travels elsewhere."""
    properties = {name: schema for name, schema in request["properties"].items() if name in fields}
    required = [name for name in request["required"] if name in fields]
    if not properties:
        return {"type": "object", "description": "Nothing has to be said.", "additionalProperties": False}
    return request | {"properties": properties, "required": required}


def _say_what_is_always_there(named: Mapping[str, Json], replies: list[type]) -> None:
    """What leaves out nothing has all of its fields, also those that have a default."""
    waiting: list[object] = list(inspect.multi_type_info(replies))
    seen: set[type] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, inspect.StructType):
            if one.cls in seen:
                continue
            seen.add(one.cls)
            if not one.cls.__struct_config__.omit_defaults:
                named[one.cls.__name__]["required"] = [field.encode_name for field in one.fields]
        if isinstance(one, inspect.Type | inspect.Field):
            for name in one.__struct_fields__:
                value = getattr(one, name)
                waiting += value if isinstance(value, tuple) else (value,)


def _open_patterns(schemas_: list[Json]) -> None:
    """Write patterns as ECMA 262 has them, where a `$` is content with nothing but the end."""
    waiting: list[object] = [*schemas_]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("pattern"), str):
                one["pattern"] = one["pattern"].removesuffix(_NO_NEWLINE)
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
