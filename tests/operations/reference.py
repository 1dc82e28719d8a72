"""docs/api.md, as the description of the API tells it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from pvdify.operations.components import codes
from pvdify.operations.described import ANYWHERE, WITH_TOKEN
from pvdify.operations.examples import EXAMPLES
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.wire import Parts, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

MARK: Final = "<!-- From here on this file is made of the table of operations: pytest tests/operations/test_openapi.py --snapshot-update -->\n"
_USUAL: Final = frozenset(map(str, (*ANYWHERE, *WITH_TOKEN, 403, 422)))
_WIDTH: Final = 110


def reference(document: Json) -> str:
    """Every operation of *document*, by tag, and every problem."""
    return "\n".join([*_operations(document), *_problems(document)])


def _operations(document: Json) -> Iterator[str]:
    entries = [(path, method, one) for path, methods in document["paths"].items() for method, one in methods.items()]
    for tag in document["tags"]:
        yield f"\n## {tag['name'].capitalize()}"
        for path, method, one in entries:
            if tag["name"] in one["tags"]:
                yield from _operation(document, path, method.upper(), one)


def _operation(document: Json, path: str, method: str, one: Json) -> Iterator[str]:
    yield f"\n### `{method} {path}`\n"
    yield f"{one['summary']}. `{one['operationId']}`\n"
    yield one["description"]
    if fields := list(_fields(document, one)):
        yield ""
        yield from fields
    yield "\n```console"
    yield f"$ {_curl(method, path, one)}"
    yield "```"
    answers = {status: answer for status, answer in one["responses"].items() if status < "400"}
    for status, answer in answers.items():
        if status == "202" and len(answers) > 1:
            yield "\nWith `Prefer: respond-async` it answers `202`, as other [changes](#changes) do."
        else:
            yield from _answer(status, answer)
    if others := [f"`{status}`" for status in one["responses"] if status >= "400" and status not in _USUAL]:
        yield f"\nProblems: {', '.join(others)}, and the [usual ones](#problems)."


def _fields(document: Json, one: Json) -> Iterator[str]:
    for parameter in one.get("parameters", ()):
        if "$ref" in parameter:
            name = parameter["$ref"].rpartition("/")[2]
            yield f"- `{name}` (header): see [{_SECTIONS[name][0]}](#{_SECTIONS[name][1]})"
        else:
            schema = {"description": parameter.get("description")} | parameter["schema"]
            yield _field(document, parameter["name"], parameter["in"], schema, is_required=parameter["required"])
    if "requestBody" in one:
        schema = _resolved(document, one["requestBody"]["content"]["application/json"]["schema"])
        for name, field in schema.get("properties", {}).items():
            yield _field(document, name, "body", field, is_required=name in schema["required"])


_SECTIONS: Final = {
    "Idempotency-Key": ("sent twice, done once", "sent-twice-done-once"),
    "If-Match": ("only what you have seen", "only-what-you-have-seen"),
    "Prefer": ("changes", "changes"),
}


def _field(document: Json, name: str, where: str, schema: Json, *, is_required: bool) -> str:
    default = schema.get("default")
    unsaid = f"; {_compact(default)} if not said" if default not in (None, [], {}) else ""
    return f"- `{name}` ({where}{', required' if is_required else ''}): {_kind(document, schema)}{unsaid}"


def _kind(document: Json, schema: Json) -> str:
    """What a value may be, in words."""
    match schema:
        case {"anyOf": kinds}:
            found = " or ".join(_kind(document, one) for one in kinds if one != {"type": "null"})
        case {"$ref": name} if "enum" not in _resolved(document, schema):
            found = f"a [`{name.rpartition('/')[2]}`](openapi.json)"
        case {"$ref": _}:
            found = _kind(document, _resolved(document, schema) | {"description": None})
        case {"description": str(about)}:
            found = about
        case {"enum": values}:
            found = ", ".join(f"`{one}`" for one in values)
        case {"items": item}:
            found = f"a list: {_kind(document, item)}"
        case {"additionalProperties": item}:
            found = f"an object: {_kind(document, item)}"
        case _:
            found = _plain(schema)
    return found


def _plain(schema: Json) -> str:
    match schema:
        case {"minimum": least, "maximum": most}:
            return f"a number, {least} to {most}"
        case {"type": "integer"}:
            return "a number"
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"maxLength": most}:
            return f"text, up to {most} characters"
        case _:
            return "text"


def _curl(method: str, path: str, one: Json) -> str:
    words = ["curl"]
    if one.get("security") != []:
        words += ["-H", '"Authorization: Bearer $PVDIFY_TOKEN"']
    parts = _parts(method, path, one)
    if "text/event-stream" in one["responses"].get("200", {}).get("content", ()):
        words.insert(1, "-N")
    for name, value in parts.headers.items():
        words += ["-H", shlex.quote(f"{name}: {value}")]
    body = parts.body.decode()
    if body not in {"", "{}"}:
        words += ["--json", shlex.quote(_compact(json.loads(body)))]
    if method != ("POST" if "--json" in words else "GET"):
        words += ["-X", method]
    query = "&".join(f"{name}={value}" for name, value in parts.query)
    return " ".join([*words, f'"$PVDIFY_API_URL{parts.path}{"?" if query else ""}{query}"'])


def _parts(method: str, path: str, one: Json) -> Parts:
    operation = OPERATIONS.get(one["operationId"])
    if operation is None:
        return Parts(method=method, path=path, headers={})
    return parts_of(operation, EXAMPLES[operation.name].request)


def _answer(status: str, answer: Json) -> Iterator[str]:
    if "content" not in answer:
        yield f"\nAnswers `{status}`, and nothing else."
        return
    others = [f"`{name}`" for name in answer["headers"] if name in {"Location", "ETag"}]
    beside = f" with {' and '.join(others)}" if others else ""
    if status == "202":
        beside += ", and goes on by itself (see [changes](#changes))"
    example = next((one["example"] for one in answer["content"].values() if "example" in one), None)
    media = " or ".join(f"`{one}`" for one in answer["content"])
    yield f"\nAnswers `{status}`{beside}, as {media}{'.' if example is None else ':'}"
    if example is None:
        return
    if "text/event-stream" in answer["content"]:
        event = answer["content"]["text/event-stream"]["example"]
        example = "\n".join(f"{name}: {value}" for name, value in event.items())
    is_text = isinstance(example, str)
    yield f"\n```{'text' if is_text else 'json'}"
    yield example.strip() if is_text else pretty(example)
    yield "```"


def _problems(document: Json) -> Iterator[str]:
    yield "\n## Problems\n"
    yield "Any request may be answered with " + ", ".join(f"`{one}`" for one in sorted(_USUAL)) + "."
    yield "\n| status | what it means | codes |"
    yield "| --- | --- | --- |"
    for status, names in codes().items():
        about = document["components"]["responses"][f"Problem{status}"]["description"].partition(". Codes:")[0]
        yield f"| {status} | {about} | {', '.join(f'`{name}`' for name in names)} |"


def _resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        schema = found
    return schema


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def pretty(value: object, indent: str = "") -> str:
    """JSON with a line for each thing that does not fit into one."""
    line = _compact(value)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{inner}{_compact(key)}: {pretty(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{pretty(item, inner)}" for item in value) + f"\n{indent}]"
