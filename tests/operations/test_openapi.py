"""The description of the API: valid, complete, and with examples that are true; and the two documents that are made of it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from pvdify import errors
from pvdify.api.exchange import MAX_HEADERS
from pvdify.api.gate import LIMITS
from pvdify.api.protocol import LONGEST_LINE
from pvdify.api.streams import HEARTBEAT, READERS, READERS_OF_ONE
from pvdify.errors import PvdifyError
from pvdify.model.answers import AppSummary, Changed
from pvdify.model.scope import Scope
from pvdify.operations import apps, logs, ps, tokens
from pvdify.operations.components import codes
from pvdify.operations.examples import EXAMPLES, problems
from pvdify.operations.openapi import document, openapi
from pvdify.operations.problem import PROTOCOL
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.table import BODY_LIMIT, Kind
from pvdify.operations.wire import PREFIX, request_of
from tests.operations.reference import MARK, pretty, reference
from tests.render.golden import GoldenFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syrupy.assertion import SnapshotAssertion

    from pvdify.operations.table import Operation

Json = dict[str, Any]

DOCS = Path(__file__).parents[2] / "docs"
OPENAPI: Json = json.loads(document())
ROUTED = {name: one for name, one in OPERATIONS.items() if one.route}
FIXED = {"health", "openapi", "install"}
EVERY = pytest.mark.parametrize("operation", ROUTED.values(), ids=ROUTED.keys())


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(GoldenFile)


def entries() -> Iterator[tuple[str, str, Json]]:
    for path, methods in OPENAPI["paths"].items():
        for method, one in methods.items():
            yield method.upper(), path, one


def entry(operation: Operation[Any, Any]) -> Json:
    return next(one for _, _, one in entries() if one["operationId"] == operation.name)


def resolved(value: Json) -> Json:
    found: Any = value
    while "$ref" in found:
        keys, found = found["$ref"].removeprefix("#/").split("/"), OPENAPI
        for key in keys:
            found = found[key]
    return dict(found)


def wrong_with(example: object, schema: Json) -> list[str]:
    """What is wrong with *example*, by the schema as others read it."""
    whole = {**schema, "components": OPENAPI["components"]}
    return [one.message for one in OAS31Validator(whole).iter_errors(example)]


def told_in(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_document_is_what_the_table_makes(golden: SnapshotAssertion) -> None:
    assert json.dumps(OPENAPI, indent=2, ensure_ascii=False) + "\n" == golden(name="../../docs/openapi.json")


def test_the_reference_is_what_the_table_says(golden: SnapshotAssertion) -> None:
    head, mark, _ = (DOCS / "api.md").read_text().partition(MARK)

    assert mark
    assert head + mark + reference(OPENAPI) + "\n" == golden(name="../../docs/api.md")


def test_the_document_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(OPENAPI).validate()


def test_what_is_served_is_made_once() -> None:
    assert msgspec.json.encode(openapi(OPERATIONS.values())) == document()
    assert document() is document()


def test_every_route_is_described_and_nothing_else() -> None:
    told = {(method, path.removeprefix(PREFIX), one["operationId"]) for method, path, one in entries()}

    routes = {(one.route.method, one.route.path, name) for name, one in ROUTED.items() if one.route}
    assert routes == {one for one in told if one[2] not in FIXED}
    assert FIXED == {one[2] for one in told} - ROUTED.keys()


def test_only_what_is_no_operation_needs_no_token() -> None:
    assert {"health", "install"} == {one["operationId"] for _, _, one in entries() if one.get("security") == []}


@EVERY
def test_an_operation_has_an_example(operation: Operation[Any, Any]) -> None:
    assert operation.name in EXAMPLES, (
        f"say in pvdify/operations/examples.py how {operation.name} is asked and answered"
    )

    example = EXAMPLES[operation.name]

    assert example.request == operation.parsed(example.request)
    match operation.kind:
        case Kind.CHANGE if operation.route and operation.route.status == 201:
            assert isinstance(example.answer, AppSummary)
        case Kind.CHANGE if operation.route and operation.route.waits:
            assert isinstance(example.answer, Changed)
        case Kind.CHANGE:
            assert example.answer is None
        case _:
            assert isinstance(example.answer, operation.answer)


def test_no_example_is_of_something_else() -> None:
    assert set() == EXAMPLES.keys() - ROUTED.keys()


@EVERY
def test_an_example_fits_its_schema(operation: Operation[Any, Any]) -> None:
    described = entry(operation)
    contents = [media for one in described["responses"].values() for media in resolved(one).get("content", {}).values()]
    contents += described.get("requestBody", {}).get("content", {}).values()
    parameters = [resolved(one) for one in described.get("parameters", ())]

    for one in [*contents, *parameters]:
        if "example" in one:
            assert [] == wrong_with(one["example"], one["schema"])
    assert all("example" in one for one in contents if one["schema"] != {"type": "string"})


@EVERY
def test_a_stream_tells_what_its_items_are(operation: Operation[Any, Any]) -> None:
    if operation.kind is not Kind.STREAM:
        return

    (answer,) = [one for status, one in entry(operation)["responses"].items() if status == "200"]

    item = json.loads(msgspec.json.encode(EXAMPLES[operation.name].answer))
    events, lines = answer["content"]["text/event-stream"], answer["content"]["application/x-ndjson"]
    assert item == json.loads(events["example"]["data"]) == json.loads(lines["example"])
    assert [] == wrong_with(item, events["schema"]["properties"]["data"]["contentSchema"])
    assert [] == wrong_with(item, lines["x-item"])


@EVERY
def test_a_change_says_where_it_goes_on(operation: Operation[Any, Any]) -> None:
    if operation.kind is not Kind.CHANGE:
        return

    accepted = entry(operation)["responses"]["202"]

    assert "Location" in accepted["headers"]
    assert {"operations.info", "operations.events", "operations.cancel"} == accepted["links"].keys()


@EVERY
def test_every_field_is_asked_for_where_it_travels(operation: Operation[Any, Any]) -> None:
    described, route = entry(operation), operation.route
    assert route is not None

    told = {(one["in"], one["name"]) for one in map(resolved, described.get("parameters", ()))}
    if "requestBody" in described:
        schema = resolved(described["requestBody"]["content"]["application/json"]["schema"])
        told |= {("body", name) for name in schema.get("properties", {})}

    places = [route.place(field.name) for field in msgspec.structs.fields(operation.request)]
    fields = {(where.value, name) for where, name in places}
    assert fields == {one for one in told if one[1] not in OPENAPI["components"]["parameters"]}


@EVERY
def test_the_scope_is_told(operation: Operation[Any, Any]) -> None:
    described, route = entry(operation), operation.route
    assert route is not None

    wanted = list(dict.fromkeys(one.value for one in (route.scope_of(EXAMPLES[operation.name].request), *route.also)))

    assert wanted == described["x-scope"]
    assert [{"bearer": [one]} for one in wanted] == described["security"]
    assert all(f"`{one}`" in described["description"] for one in wanted)


def test_the_headers_that_belong_to_no_operation_are_told_where_they_count() -> None:
    told = {
        header: {
            one["operationId"]
            for _, _, one in entries()
            if {"$ref": f"#/components/parameters/{header}"} in one.get("parameters", ())
        }
        for header in OPENAPI["components"]["parameters"]
    }

    posted = {name for name, one in ROUTED.items() if one.route and one.route.method == "POST"}
    assert {"plan", "operations.cancel", "ps.run"} == posted - told["Idempotency-Key"]
    assert set() == told["Idempotency-Key"] - posted
    assert {"apps.create", "apps.destroy", "config.set", "config.unset"} == told["Prefer"]
    assert {"apps.destroy", "releases.create", "releases.rollback", "ps.scale"} <= told["If-Match"]
    assert set() == told["If-Match"] & {"apps.create", "apps.info", "apply", "generations.switch"}


def test_every_code_is_told_with_its_status() -> None:
    classes = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, PvdifyError)}

    told = {code for names in codes().values() for code in names}

    assert {one.code for one in classes} | {code for code, _ in PROTOCOL.values()} | {"bug", "out-of-memory"} == told
    assert {str(status) for status in codes()} == {
        name.removeprefix("Problem") for name in OPENAPI["components"]["responses"]
    }


@pytest.mark.parametrize("status", codes())
def test_every_problem_has_an_example_that_fits(status: int) -> None:
    content = OPENAPI["components"]["responses"][f"Problem{status}"]["content"]["application/problem+json"]

    assert status == content["example"]["status"]
    assert [] == wrong_with(content["example"], content["schema"])


def test_a_pattern_is_one_that_others_know() -> None:
    (name,) = entry(apps.INFO)["parameters"]

    assert "^(?:[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?)$" == name["schema"]["pattern"]
    assert b"(?!\\n)" not in document()


def test_no_value_is_null_in_a_query() -> None:
    (process,) = [one for one in entry(logs.READ)["parameters"] if one["name"] == "process"]

    assert "string" == process["schema"]["type"]
    assert "default" not in process["schema"]
    assert "lowercase letters and digits, 1 to 16" == process["description"]


def test_a_body_is_the_request_without_what_travels_elsewhere() -> None:
    schemas = OPENAPI["components"]["schemas"]

    assert {"name", "environment", "bind_port", "image"} == schemas["CreateApp"]["properties"].keys()
    assert {"image"} == schemas["Deploy"]["properties"].keys()
    assert "ForApp" not in schemas
    assert entry(apps.CREATE)["requestBody"]["required"]
    assert not entry(ps.STOP)["requestBody"]["required"]


def test_an_answer_has_all_of_its_fields() -> None:
    schemas = OPENAPI["components"]["schemas"]

    assert set(schemas["AppSummary"]["properties"]) == set(schemas["AppSummary"]["required"])
    assert [] == schemas["Process"]["required"]
    assert {"title", "status", "detail", "code"} == set(schemas["Problem"]["required"])


def test_links_lead_to_what_can_be_asked_of_a_thing_that_was_made() -> None:
    app = entry(apps.CREATE)["responses"]["201"]["links"]
    token = entry(tokens.CREATE)["responses"]["201"]["links"]

    assert {one.name for one in ROUTED.values() if one.route and "app" in one.route.parameters()} == app.keys()
    assert {"tokens.rotate", "tokens.revoke"} == token.keys()


def test_a_scope_that_depends_is_told_as_the_one_of_the_example() -> None:
    route = apps.LIST.route
    assert route is not None
    depending = replace(apps.LIST, route=replace(route, scope=lambda _: Scope.CONFIG))

    described = openapi([depending])["paths"][f"{PREFIX}/apps"]["get"]

    assert ["config"] == described["x-scope"]
    assert "or another, by what is asked" in described["description"]


def test_what_the_head_shows_is_so() -> None:
    head, _, _ = (DOCS / "api.md").read_text().partition(MARK)

    assert [pretty(msgspec.to_builtins(problems()[422]))] == [one.strip() for one in told_in(head, "json")]


def test_the_limits_are_those_of_the_services() -> None:
    head, _, _ = (DOCS / "api.md").read_text().partition(MARK)
    told = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", head.partition("## Limits")[2], flags=re.MULTILINE))
    line, head_size, rate = LONGEST_LINE >> 10, LIMITS.head_size >> 10, LIMITS.rate >> 10

    assert (
        f"{head_size} KiB, {MAX_HEADERS} headers of 8 KiB, a path with its query of {line} KiB, within {LIMITS.head:.0f} seconds"
        == told["a request's head"]
    )
    assert (
        f"{BODY_LIMIT >> 10} KiB where nothing else is said, within {LIMITS.body:.0f} seconds; a larger one at {rate} KiB a second or faster"
        == told["a body"]
    )
    assert str(LIMITS.per_peer) == told["connections from one address (IPv6: one /64)"]
    assert f"is closed after {LIMITS.keep_alive:.0f} seconds" == told["an idle connection"]
    assert (
        f"{READERS_OF_ONE} of one token or person, {READERS} together; then `503`" == told["streams that are followed"]
    )
    assert f"comes every {HEARTBEAT:.0f} seconds" in head
    assert f"takes nothing for {LIMITS.stall:.0f} seconds is dropped" in head


def test_every_curl_is_a_request_that_would_be_served() -> None:
    routes = {
        one.name: (one.route.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", PREFIX + one.route.path)))
        for one in ROUTED.values()
        if one.route
    }

    lines = re.findall(r"^\$ (curl .*)$", (DOCS / "api.md").read_text(), flags=re.MULTILINE)

    assert len(lines) > len(ROUTED)
    for line in lines:
        method, url, headers, body = typed(line)
        if url.path in {"/health", "/install.sh", f"{PREFIX}/openapi.json"}:
            continue
        found = [
            (name, match)
            for name, (one, path) in routes.items()
            if one == method and (match := path.fullmatch(url.path))
        ]
        assert 1 == len(found), line
        name, match = found[0]
        request_of(
            ROUTED[name],
            path={key: unquote(value) for key, value in match.groupdict().items()},
            query=parse_qsl(url.query),
            headers=headers,
            body=body,
        )


def typed(line: str) -> tuple[str, Any, dict[str, str], bytes]:
    """Method, address, headers and body of a `curl` command."""
    words = shlex.split(line)[1:]
    said: dict[str, list[str]] = {}
    rest = []
    while words:
        word = words.pop(0)
        if word in {"-H", "-X", "--json"}:
            said.setdefault(word, []).append(words.pop(0))
        elif word != "-N":
            rest.append(word)
    (url,) = rest
    headers = dict(one.split(": ", 1) for one in said.get("-H", ()))
    method = said.get("-X", ["POST" if "--json" in said else "GET"])[0]
    return method, urlsplit(url.removeprefix("$PVDIFY_API_URL")), headers, said.get("--json", [""])[0].encode()


def test_links_lead_somewhere() -> None:
    text = (DOCS / "api.md").read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-")
        for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }

    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
        assert not target or (DOCS / target).exists(), target
        assert not anchor or anchor in headings, anchor
