"""One operation, as the description of the API has it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pvdify.model.answers import AppInfo, AppSummary, Changed, LogEntry, Pending
from pvdify.model.config_answers import Config
from pvdify.model.scope import Scope
from pvdify.operations.components import Json, content, headers, in_body, parameter, problem_references, takes_body
from pvdify.operations.examples import pending
from pvdify.operations.problem import Problem
from pvdify.operations.table import In, Kind, Reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pvdify.operations.components import Schemas
    from pvdify.operations.example import Example
    from pvdify.operations.table import Operation, Route

ANYWHERE: Final = (400, 408, 431, 500, 503)
"""What any request may be answered with."""
WITH_TOKEN: Final = (*ANYWHERE, 401, 502)
"""What any request that the service of the host must answer may be answered with."""
_CREATED: Final = 201
_ACCEPTED: Final = 202
_NO_CONTENT: Final = 204
_LOCATED: Final = {
    "apps.create": ("name", "app", "/apps/{app}"),
    "tokens.create": ("id", "id", "/tokens/{id}"),
}
"""What an operation makes is named by a field of its answer, and a parameter of the routes from a path on."""
_REACHES: Final = {
    Reach.APP: "A token that is limited to some apps may ask it of those.",
    Reach.OPERATION: "A token that is limited to some apps may ask it of what was done to those.",
    Reach.LISTED: "A token that is limited to some apps is told of those only.",
    Reach.ANY: "Any token that has it will do.",
    Reach.HOST: "A token that is limited to some apps may not ask it.",
}


@dataclass(frozen=True, slots=True)
class Described:
    """An operation with all that its description is made of; *others* are those that a link may lead to.

    *about* is what its request says of itself, where it is this operation's own.
    """

    operation: Operation[Any, Any]
    route: Route[Any]
    schemas: Schemas
    example: Example | None
    about: str
    others: tuple[Operation[Any, Any], ...]

    def whole(self) -> Json:
        """The description."""
        needed = self._scopes()
        parameters = [*self._parameters(), *(parameter(name) for name in self._common())]
        return {
            "operationId": self.operation.name,
            "tags": [tag(self.operation.name)],
            "summary": self.operation.summary.rstrip("."),
            "description": "\n\n".join(filter(None, (self.about, self._needs(needed)))),
            "security": [{"bearer": [one]} for one in needed],
            "x-scope": list(needed),
            **({"parameters": parameters} if parameters else {}),
            **({"requestBody": self._body()} if takes_body(self.route) else {}),
            "responses": {**self._answers(), **problem_references(self._problems())},
        }

    def _scopes(self) -> tuple[str, ...]:
        """The scopes of which a caller needs one; where that depends on what is asked, the one that the example needs first."""
        also = tuple(one.value for one in self.route.also if one is not self.route.scope)
        if isinstance(self.route.scope, Scope):
            return (self.route.scope.value, *also)
        return (self.route.scope_of(self.example.request).value, *also) if self.example else also

    def _needs(self, scopes: tuple[str, ...]) -> str:
        depends = "" if isinstance(self.route.scope, Scope) else ", or another, by what is asked"
        return f"Needs the scope {' or '.join(f'`{one}`' for one in scopes)}{depends}. {_REACHES[self.route.touches]}"

    def _parameters(self) -> Iterator[Json]:
        said = msgspec.to_builtins(self.example.request) if self.example else {}
        for field in msgspec.structs.fields(self.operation.request):
            where, name = self.route.place(field.name)
            if where is In.BODY:
                continue
            schema = self.schemas.field(self.operation, field.name)
            about = schema.pop("description", None)
            is_required = self.schemas.is_required(self.operation, field.name)
            found: Json = {"name": name, "in": where.value, "required": is_required}
            if about:
                found["description"] = about
            found["schema"] = schema
            if field.name in said:
                found["example"] = said[field.name]
            yield found

    def _common(self) -> Iterator[str]:
        """The headers that belong to no operation, and that this one heeds."""
        is_value = self.operation.kind is Kind.VALUE and self.operation.is_change
        if self.route.method == "POST" and (is_value or self.operation.kind is Kind.CHANGE):
            yield "Idempotency-Key"
        if self._heeds_tag:
            yield "If-Match"
        if self.operation.kind is Kind.CHANGE and (self.route.status != _ACCEPTED or self.route.waits):
            yield "Prefer"

    @property
    def _heeds_tag(self) -> bool:
        return self.operation.kind is Kind.CHANGE and self.operation.locks in self.route.parameters()

    def _body(self) -> Json:
        fields = in_body(self.operation, self.route)
        found: Json = {"schema": self.schemas.body(self.operation, self.route)}
        if self.example:
            said = msgspec.to_builtins(self.example.request)
            found["example"] = {name: said[name] for name in fields if name in said}
        return {
            "description": f"At most {self.route.body_limit // 1024} KiB.",
            "required": any(self.schemas.is_required(self.operation, name) for name in fields),
            "content": {"application/json": found},
        }

    def _answers(self) -> Json:
        """What is answered if all goes well, by status."""
        match self.operation.kind:
            case Kind.STREAM:
                return {"200": self._stream()}
            case Kind.VALUE:
                return {str(self.route.status): self._value()}
            case Kind.CHANGE:
                return {**self._end(), "202": self._accepted()}

    def _value(self) -> Json:
        if self.operation.answer is str:
            media = (self.route.media or "text/plain").partition(";")[0]
            return content("The text.", {"type": "string"}, self._answer, media=media)
        tag_ = ("ETag",) if self.operation.answer in (AppInfo, Config) else ()
        found = content(first_line(self.operation.answer), self._schema(self.operation.answer), self._answer, *tag_)
        return {**found, **self._links(*_LOCATED.get(self.operation.name, ()))}

    def _stream(self) -> Json:
        """A stream, which may never end: the schema of server-sent events is that of each, `x-item` that of each line of JSON."""
        line = msgspec.json.encode(self._answer).decode() if self._answer is not None else ""
        cursor = getattr(self._answer, self.operation.cursor, "") if self.operation.cursor else ""
        item = self._schema(self.operation.answer)
        forms: Json = {
            "text/event-stream": {
                "schema": event_of({"anyOf": [item, self._schema(Problem)]}),
                "example": {**({"id": str(cursor)} if self.operation.cursor else {}), "data": line},
            },
            "application/x-ndjson": {"schema": {"type": "string"}, "x-item": item, "example": f"{line}\n"},
        }
        if self.operation.answer is LogEntry:
            forms = {"text/plain": {"schema": {"type": "string"}}, **forms}
        about = f"{first_line(self.operation.answer)} One after another, in the form that `Accept` asks for."
        return {"description": about, "headers": headers("X-Request-Id"), "content": forms}

    def _end(self) -> Json:
        """What a change answers whose end is waited for."""
        if self.route.status == _CREATED:
            found = content("What was made.", self._schema(AppSummary), self._answer, "Location", "Idempotent-Replayed")
            return {"201": {**found, **self._links(*_LOCATED.get(self.operation.name, ()))}}
        if self.route.status == _NO_CONTENT:
            return {"204": {"description": "It is done.", "headers": headers("X-Request-Id", "Idempotent-Replayed")}}
        if self.route.waits:
            found = content(
                "It is done, for what makes no release.", self._schema(Changed), self._answer, "Idempotent-Replayed"
            )
            return {"200": found}
        return {}

    def _accepted(self) -> Json:
        said = pending(self.operation.name, self.example.request) if self.example else None
        found = content(first_line(Pending), self._schema(Pending), said, "Location", "Idempotent-Replayed")
        return {**found, **self._links("operation", "id", "/operations/{id}")}

    def _links(self, field: str = "", name: str = "", path: str = "") -> Json:
        """Where one can go on from an answer: its *field* is the parameter *name* of the routes from *path* on."""
        if not field:
            return {}
        return {
            "links": {
                one.name: {"operationId": one.name, "parameters": {name: f"$response.body#/{field}"}}
                for one in self.others
                if one.route is not None and f"{one.route.path}/".startswith(f"{path}/")
            }
        }

    def _problems(self) -> set[int]:
        found = {*WITH_TOKEN, 403, 422, *self.route.problems}
        if self.route.method != "GET":
            found |= {404, 409}
        if self.route.parameters():
            found.add(404)
        if takes_body(self.route):
            found |= {413, 415}
        if self.operation.kind is Kind.STREAM:
            found.add(406)
        if self._heeds_tag:
            found.add(412)
        return found

    @property
    def _answer(self) -> object:
        return self.example.answer if self.example else None

    def _schema(self, type_: type) -> Json:
        return self.schemas.answer(type_)


def tag(name: str) -> str:
    """The noun that an operation is about, as its name says; the host where it does not.

    >>> tag("apps.info"), tag("doctor")
    ('apps', 'host')
    """
    noun, dot, _ = name.partition(".")
    return noun if dot else "host"


def event_of(item: Json) -> Json:
    """The schema of a server-sent event, whose data is JSON; that of the type `error` is a problem, and ends the stream."""
    return {
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": {"type": "string"},
            "event": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": item},
        },
    }


def first_line(type_: type) -> str:
    """What a struct says of itself, in a line."""
    return inspect.cleandoc(type_.__doc__ or "").partition("\n")[0]
