"""The description of the API, OpenAPI 3.1: made of the table of operations and of nothing else."""

from __future__ import annotations

import inspect
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

import pvdify
from pvdify.model.answers import Health
from pvdify.operations.components import Json, components, content, problem_references, schemas
from pvdify.operations.described import ANYWHERE, WITH_TOKEN, Described, first_line, tag
from pvdify.operations.examples import EXAMPLES
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.wire import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pvdify.operations.components import Schemas
    from pvdify.operations.table import Operation

_ABOUT: Final = """\
Deploys, releases, processes, logs and the host itself, over HTTP: what the command line does, from the same table of operations.

A change answers `202` with the `Location` of an operation, which goes on by itself and tells of its steps as events.
What goes wrong is a problem (RFC 9457) with a stable `code`."""


@cache
def document() -> bytes:
    """The description of all operations, as JSON: made when it is first asked for."""
    return msgspec.json.encode(openapi(OPERATIONS.values()))


def openapi(operations: Iterable[Operation[Any, Any]]) -> Json:
    """The description of those of *operations* that have a route."""
    routed = tuple(one for one in operations if one.route is not None)
    found = schemas(routed)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pvdify",
            "summary": "A Heroku-like platform for one Linux host",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
            "version": pvdify.__version__,
        },
        "servers": [{"url": "/", "description": "The host that was asked for this"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(("host", *(tag(one.name) for one in routed)))],
        "paths": {**_fixed(found), **_paths(routed, found)},
        "components": components(found),
    }


def _paths(operations: tuple[Operation[Any, Any], ...], found: Schemas) -> Json:
    uses = Counter(one.request for one in operations)
    paths: Json = {}
    for one in operations:
        if one.route is not None:
            about = inspect.cleandoc(one.request.__doc__ or "") if uses[one.request] == 1 else ""
            described = Described(one, one.route, found, EXAMPLES.get(one.name), about, operations)
            paths.setdefault(f"{PREFIX}{one.route.path}", {})[one.route.method.lower()] = described.whole()
    return paths


def _fixed(found: Schemas) -> Json:
    """What is no operation."""
    health = Health(status="ok", version=pvdify.__version__)
    return {
        "/health": {
            "get": {
                "operationId": "health",
                "tags": ["host"],
                "summary": "Say that the API is there",
                "description": "Needs no token.",
                "security": [],
                "responses": {
                    "200": content(first_line(Health), found.answer(Health), health),
                    **problem_references(ANYWHERE),
                },
            }
        },
        f"{PREFIX}/openapi.json": {
            "get": {
                "operationId": "openapi",
                "tags": ["host"],
                "summary": "Describe the API",
                "description": "This document. Any token will do.",
                "responses": {
                    "200": content("OpenAPI 3.1.", {"type": "object"}),
                    **problem_references(WITH_TOKEN),
                },
            }
        },
        "/install.sh": {
            "get": {
                "operationId": "install",
                "tags": ["host"],
                "summary": "Install the command line",
                "description": "A script for `sh` that installs `pvdify` and points it at this host. Needs no token.",
                "security": [],
                "responses": {
                    "200": content("The script.", {"type": "string"}, media="text/x-shellscript"),
                    **problem_references(ANYWHERE),
                },
            }
        },
    }
