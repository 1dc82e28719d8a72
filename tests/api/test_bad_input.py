"""What cannot be served is refused at once: with a status, a stable code, and the field, and nothing has changed."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from pvdify.model.token import new_text
from pvdify.store.state import State
from tests.api.asking import Got, holder, operator
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.services import Services


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("services"))
    shell.type("init")
    shell.fake.boot()
    assert 0 == shell.type("apps:create blog").status
    return shell


@pytest.fixture(scope="module")
def services(shell: Shell) -> Iterator[Services]:
    with served(shell.settings.state.parent, shell.settings, shell.fake) as services:
        yield services


@pytest.fixture(scope="module")
def token(services: Services) -> str:
    async def made() -> str:
        async with operator(services) as ask:
            return str((await ask("POST", "/tokens", {"name": "ci", "scopes": ["admin"]})).json["token"])

    return asyncio.run(made())


def world(shell: Shell) -> tuple[object, ...]:
    """What a refused request must leave as it was."""
    state = State(shell.settings)
    operations = tuple(record.id for record in state.records())
    return state.current(), operations, state.slot_text("blog"), len(state.tokens())


DEEP = b'{"slots":' + b"[" * 5000 + b"]" * 5000 + b"}"
BAD: list[tuple[str, str, object, int, str, str]] = [
    # wrong types and unknown fields
    ("POST", "/apps", {"name": 3}, 422, "spec-invalid", "/name"),
    ("POST", "/apps", {"name": "shop", "bind_port": "3001"}, 422, "spec-invalid", "/bind_port"),
    ("POST", "/apps", {"name": "shop", "bind_port": 80}, 422, "spec-invalid", "/bind_port"),
    ("POST", "/apps", {"name": "shop", "colour": "red"}, 422, "spec-invalid", "/colour"),
    ("POST", "/apps", {}, 422, "spec-invalid", ""),
    ("POST", "/apps", [], 422, "spec-invalid", ""),
    ("POST", "/apps", b"", 422, "spec-invalid", ""),
    ("POST", "/apps/blog/releases", {"app": "shop", "image": "ghcr.io/org/blog:v1"}, 422, "spec-invalid", "/app"),
    ("POST", "/apps/blog/ps/scale", {"processes": {"web": -1}}, 422, "spec-invalid", "/processes"),
    ("POST", "/apps/blog/ps/scale", {"processes": {"web": 1.5}}, 422, "spec-invalid", "/processes"),
    ("POST", "/apps/blog/ps/scale", {"processes": {"web": True}}, 422, "spec-invalid", "/processes"),
    ("GET", "/apps/blog/logs?lines=many", None, 422, "spec-invalid", "/lines"),
    ("GET", "/apps/blog/logs?lines=1&lines=2", None, 422, "spec-invalid", "/lines"),
    ("GET", "/apps/blog/logs?colour=red", None, 422, "spec-invalid", "/colour"),
    ("GET", "/apps?limit=1", None, 422, "spec-invalid", "/limit"),
    ("GET", "/apps/blog/releases/none", None, 422, "spec-invalid", "/version"),
    ("GET", "/apps/blog/releases/99999999999999999999", None, 422, "spec-invalid", "/version"),
    ("DELETE", "/apps/blog", {"volumes": True}, 422, "spec-invalid", ""),
    # what is no JSON
    ("POST", "/apps", b'{"name": "shop", "name": "cafe"}', 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "shop", "bind_port": NaN}', 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "shop", "bind_port": Infinity}', 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "shop", "bind_port": 1e999}', 422, "spec-invalid", "/bind_port"),
    ("POST", "/apps", b'{"name": "shop", "bind_port": ' + b"9" * 5000 + b"}", 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "sh\xffop"}', 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "shop"', 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "shop"} trailing', 422, "spec-invalid", ""),
    ("POST", "/apply", DEEP, 422, "spec-invalid", ""),
    ("POST", "/apps", b'{"name": "' + b"a" * 70_000 + b'"}', 413, "too-large", ""),
    # names
    *[
        ("POST", "/apps", {"name": name}, 422, "spec-invalid", "/name")
        for name in (
            "",
            "Blog",
            "1blog",
            "blog-",
            "blog\n",
            "bl\0og",
            "\u202eblog",
            "blög",
            "a" * 41,
            "../blog",
            "host",
        )
    ],
    ("POST", "/apps", b'{"name": "\\ud800"}', 422, "spec-invalid", "/name"),
    ("GET", "/apps/..", None, 422, "spec-invalid", "/app"),
    ("GET", "/apps/%2e%2e", None, 422, "spec-invalid", "/app"),
    ("GET", "/apps/%2e%2e%2ftokens", None, 422, "spec-invalid", "/app"),
    ("GET", "/apps/..%2f..%2fetc%2fpasswd/releases", None, 422, "spec-invalid", "/app"),
    ("GET", "/apps/blog%00", None, 422, "spec-invalid", "/app"),
    ("GET", "/apps/blog%0a", None, 422, "spec-invalid", "/app"),
    ("GET", "/operations/..%2f..%2ftokens.json", None, 422, "spec-invalid", "/id"),
    ("GET", "/apps/nobody", None, 404, "app-not-found", ""),
    ("GET", "/operations/20260101-000000-000aaaa", None, 404, "not-found", ""),
    ("GET", "/nothing", None, 404, "no-such-route", ""),
    ("GET", "/../../etc/passwd", None, 404, "no-such-route", ""),
    ("PUT", "/apps", None, 405, "method-not-allowed", ""),
    ("HEAD", "/apps", None, 405, "", ""),
    # images that are options, paths or nothing
    *[
        ("POST", "/apps/blog/releases", {"image": image}, 422, "spec-invalid", "/image")
        for image in ("-v/:/host", "--privileged", "UPPER/case:v1", "ghcr.io/org/blog v1", "", "a" * 600)
    ],
    # requests to elsewhere, through the health path
    *[
        ("PATCH", "/apps/blog", {"healthcheck": {"path": path}}, 422, "spec-invalid", "/healthcheck/path")
        for path in (
            *(
                "//evil.example/",
                "http://169.254.169.254/",
                "health",
                "/a b",
                "/\r\nHost: evil",
                "/#fragment",
                "/\\evil",
            ),
            *("/../../etc/passwd", "/a/../b", "/%0d%0aHost:evil\n", "/" + "a" * 300),
        )
    ],
    ("PATCH", "/apps/blog", {"healthcheck": {"url": "http://evil.example/"}}, 422, "spec-invalid", "/healthcheck/url"),
    # keys and tokens
    ("POST", "/tokens", {"name": "a\u202eb"}, 422, "spec-invalid", "/name"),
    ("POST", "/tokens", {"name": "ci", "scopes": []}, 422, "spec-invalid", "/scopes"),
    ("POST", "/tokens", {"name": "ci", "scopes": ["root"]}, 422, "spec-invalid", "/scopes/0"),
    ("POST", "/tokens", {"name": "ci", "apps": ["*-blog"]}, 422, "spec-invalid", "/apps/0"),
    ("POST", "/tokens", {"name": "ci", "days": 0}, 422, "spec-invalid", "/days"),
    ("DELETE", "/tokens/t0000000000", None, 422, "spec-invalid", "/id"),
    ("DELETE", "/tokens/taaaaaaaa", None, 404, "not-found", ""),
]


@pytest.mark.parametrize("bad", BAD, ids=[f"{n}-{one[0]} {one[1][:40]}" for n, one in enumerate(BAD)])
@pytest.mark.parametrize("way", ["front", "admin"])
def test_bad_input_is_refused_with_its_field_and_changes_nothing(
    shell: Shell, services: Services, token: str, way: str, bad: tuple[str, str, Any, int, str, str]
) -> None:
    method, path, body, status, code, pointer = bad
    before = world(shell)

    got = asyncio.run(ask(services, token, way, method, path, body))

    assert status == got.status, got.body
    if method != "HEAD":
        assert "application/problem+json" == got.headers["Content-Type"]
        assert code == got.json["code"]
        assert pointer == (got.json["errors"][0]["pointer"] if "errors" in got.json else "")
        assert got.json["request_id"] == got.headers["X-Request-Id"]
    assert before == world(shell)


async def ask(services: Services, token: str, way: str, method: str, path: str, body: object) -> Got:
    async with holder(services, token) if way == "front" else operator(services) as asking:
        return await asking(method, path, body)


@pytest.mark.parametrize(
    ("said", "challenge"),
    [
        (None, 'Bearer realm="pvdify"'),
        ("Bearer", 'Bearer realm="pvdify", error="invalid_token"'),
        ("Bearer pvd_short", 'Bearer realm="pvdify", error="invalid_token"'),
        (f"Bearer {new_text()}", 'Bearer realm="pvdify", error="invalid_token"'),
        (f"Basic {new_text()}", 'Bearer realm="pvdify", error="invalid_token"'),
    ],
)
def test_a_request_without_a_good_token_is_told_so_as_the_standard_says(
    services: Services, said: str | None, challenge: str
) -> None:
    head = f"Authorization: {said}\r\n" if said else ""

    got = raw(services, f"GET /api/v1/apps HTTP/1.1\r\nHost: localhost\r\n{head}Connection: close\r\n\r\n".encode())

    assert got.startswith(b"HTTP/1.1 401 ")
    assert f"WWW-Authenticate: {challenge}\r\n".encode() in got


def test_a_token_in_the_wrong_place_is_not_written_down(services: Services, token: str) -> None:
    paths = (f"/apps/{token}", f"/apps/blog/{token}", f"/operations/{token}", f"/apps?token={token}", f"/{token}")

    statuses = [asyncio.run(ask(services, token, "front", "GET", path, None)).status for path in paths]

    assert [422, 404, 422, 422, 404] == statuses
    assert not [entry for entry in services.journal if token in str(entry)]


SMUGGLED = b"GET /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length : 5\r\n",
        b"Host: other\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"X: a\x00b\r\n",
        b" folded: yes\r\n",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(100)),
        b"X: " + b"a" * 20_000 + b"\r\n",
    ],
)
def test_a_head_that_two_services_could_read_in_two_ways_is_refused(services: Services, head: bytes) -> None:
    got = raw(services, b"POST /api/v1/apps HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n" + SMUGGLED)

    statuses = set(re.findall(rb"HTTP/1\.[01] ([0-9]{3})", got))
    assert statuses
    assert statuses <= {b"400", b"431"}
    assert b"Content-Type: application/problem+json" in got
    assert b"X-Request-Id: " in got


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", "other"])
def test_a_body_that_is_packed_is_refused_and_not_unpacked(services: Services, token: str, coding: str) -> None:
    packed = gzip.compress(b'{"name": "' + b"a" * 60_000_000 + b'"}')

    got = raw(
        services,
        b"POST /api/v1/apps HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + f"Authorization: Bearer {token}\r\nContent-Encoding: {coding}\r\n".encode()
        + f"Content-Length: {len(packed)}\r\n\r\n".encode()
        + packed,
    )

    assert got.startswith(b"HTTP/1.1 415 ")
    assert b'"code":"unsupported-media-type"' in got


def raw(services: Services, data: bytes) -> bytes:
    """What the service that faces the network answers to *data*, until it closes the connection."""
    context = ssl.create_default_context(cafile=str(services.certificate))
    with (
        socket.create_connection(("localhost", services.port), timeout=15) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(data)
        pieces = []
        while piece := connection.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)
