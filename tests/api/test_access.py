"""The authorisation matrix: every route, every kind of token, an own and a foreign app, asked of both services."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
import pytest

from pvdify.errors import RefusedError
from pvdify.model.requests import ShowConfig
from pvdify.model.scope import Scope
from pvdify.model.token import Token, digest, new_id, new_text
from pvdify.operations.door import Door
from pvdify.operations.example import Example
from pvdify.operations.examples import EXAMPLES
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.table import Kind, Reach
from pvdify.operations.wire import parts_of
from tests.api.services import served
from tests.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from pvdify.model.requests import Request
    from pvdify.operations.table import Operation
    from tests.api.services import Services

OWN, FOREIGN = "blog", "shop"
REACHED = "it was let in"


class Reached(Door):
    """Says of everybody who gets so far that they were let in, and does nothing."""

    async def ask(self, *_: object) -> Any:
        raise RefusedError(REACHED)

    async def change(self, *_: object, **__: object) -> str:
        raise RefusedError(REACHED)

    async def stream(self, *_: object) -> AsyncGenerator[Any, None]:
        raise RefusedError(REACHED)
        yield


@dataclass(frozen=True, slots=True)
class Kept:
    """A kind of token: its text, and what it may."""

    name: str
    text: str | None
    scope: Scope | None = None
    apps: tuple[str, ...] = ()


@dataclass(slots=True)
class World:
    """Two apps, an operation of each, and a token of every kind."""

    services: Services
    operations: dict[str, str]
    tokens: list[Kept] = field(default_factory=list)

    def expected(self, token: Kept, operation: Operation[Any, Any], app: str) -> tuple[int, str]:
        """The status and the code of one cell; being let in is `refused`, since nothing is done here."""
        route = operation.route
        assert route is not None
        if token.scope is None:
            return 401, "unauthorized" if token.text is None else "token-invalid"
        if token.apps and app == FOREIGN and route.touches is Reach.APP:
            return (404, "app-not-found") if "{app}" in route.path else (403, "forbidden")
        if token.apps and app == FOREIGN and route.touches is Reach.OPERATION:
            return 404, "not-found"
        if token.apps and route.touches is Reach.HOST:
            return 403, "forbidden"
        scope = route.scope_of(_about(self, operation, app))
        if token.scope not in {Scope.ADMIN, scope, *route.also}:
            return 403, "forbidden"
        return 409, "refused"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("services")
    shell = Shell(directory)
    shell.type("init")
    shell.fake.boot()
    operations = {}
    for app in (OWN, FOREIGN):
        assert 0 == shell.type(f"apps:create {app}").status
        operations[app] = str(shell.answer(f"operations {app}")["operations"][0]["id"])
    with served(directory, shell.settings, shell.fake, door=Reached) as services:
        world = World(services, operations)
        _tokens(world)
        yield world


REVEALED = {"config.show revealed": Example(ShowConfig(app=OWN, reveal=True))}
ROUTED = [one for one in OPERATIONS.values() if one.route]


@pytest.mark.parametrize("operation", ROUTED, ids=[one.name for one in ROUTED])
@pytest.mark.parametrize("service", ["front", "host"])
def test_exactly_the_declared_cells_are_let_in(world: World, operation: Operation[Any, Any], service: str) -> None:
    cells = [(token, app) for token in world.tokens for app in (OWN, FOREIGN)]

    answers = asyncio.run(_asked(world, operation, cells, service))

    wanted = {(token.name, app): world.expected(token, operation, app) for token, app in cells}
    assert wanted == {(token.name, app): answer for (token, app), answer in zip(cells, answers, strict=True)}


@pytest.mark.parametrize("service", ["front", "host"])
def test_values_of_a_config_are_for_the_scope_config_and_names_for_the_scope_read(world: World, service: str) -> None:
    names, values = OPERATIONS["config.show"], replace(OPERATIONS["config.show"], name="config.show revealed")
    cells = [(token, OWN) for token in world.tokens if token.scope and not token.apps]

    shown = dict(zip(cells, asyncio.run(_asked(world, names, cells, service)), strict=True))
    revealed = dict(zip(cells, asyncio.run(_asked(world, values, cells, service)), strict=True))

    let_in = (409, "refused")
    assert {Scope.READ, Scope.ADMIN} == {token.scope for (token, _), answer in shown.items() if let_in == answer}
    assert {Scope.CONFIG, Scope.ADMIN} == {token.scope for (token, _), answer in revealed.items() if let_in == answer}


@pytest.mark.parametrize("operation", ROUTED, ids=[one.name for one in ROUTED])
def test_an_operator_on_the_hosts_own_socket_may_everything(world: World, operation: Operation[Any, Any]) -> None:
    answers = asyncio.run(_asked(world, operation, [(Kept("operator", None), OWN)], "admin"))

    assert [(409, "refused")] == answers


def test_the_user_of_the_front_has_no_right_of_its_own(world: World) -> None:
    """On the socket that it may open a uid counts for nothing, not even root's, which asks here."""
    answers = asyncio.run(_asked(world, OPERATIONS["apps.list"], [(Kept("nobody", None), OWN)], "host"))

    assert [(401, "unauthorized")] == answers


async def _asked(
    world: World, operation: Operation[Any, Any], cells: list[tuple[Kept, str]], service: str
) -> list[tuple[int, str]]:
    sockets = {"host": world.services.inner, "admin": world.services.admin}
    connector: aiohttp.BaseConnector = (
        aiohttp.UnixConnector(str(sockets[service])) if service in sockets else aiohttp.TCPConnector(ssl=False)
    )
    base = "http://localhost" if service in sockets else world.services.url
    async with aiohttp.ClientSession(connector=connector) as session:
        return [await _cell(session, base, world, operation, token, app) for token, app in cells]


async def _cell(
    session: aiohttp.ClientSession, base: str, world: World, operation: Operation[Any, Any], token: Kept, app: str
) -> tuple[int, str]:
    parts = parts_of(operation, _about(world, operation, app))
    headers = {"Content-Type": "application/json", **parts.headers}
    if token.text is not None:
        headers["Authorization"] = f"Bearer {token.text}"
    url = f"{base}{parts.path}"
    async with session.request(
        parts.method, url, params=parts.query, headers=headers, data=parts.body or None
    ) as answer:
        problem = await answer.json(content_type=None)
        return answer.status, str(problem.get("code")) if isinstance(problem, dict) else ""


def _about(world: World, operation: Operation[Any, Any], app: str) -> Request:
    """The example of a request, made to be about *app*."""
    request = {**EXAMPLES, **REVEALED}[operation.name].request
    route = operation.route
    assert route is not None
    if route.touches is Reach.OPERATION:
        return msgspec.structs.replace(request, id=world.operations[app])
    if route.touches is Reach.APP:
        return msgspec.structs.replace(request, **{route.app: app})
    return request


def _tokens(world: World) -> None:
    host = world.services.host()
    now = host.clock.now()

    def kept(name: str, *scopes: Scope, apps: tuple[str, ...] = (), days: int = 1) -> str:
        text = new_text()
        then = (now + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        host.state.add_token(
            Token(
                id=new_id(),
                name=name,
                scopes=scopes,
                apps=apps,
                created_at=host.now(),
                created_by="ada",
                expires_at=then,
                digest=digest(text),
            )
        )
        return text

    world.tokens.append(Kept("none", None))
    world.tokens.append(Kept("malformed", "pvd_nonsense"))
    world.tokens.append(Kept("unknown", new_text()))
    world.tokens.append(Kept("expired", kept("expired", Scope.ADMIN, days=-1)))
    revoked = kept("revoked", Scope.ADMIN)
    host.state.remove_token(next(one.id for one in host.state.tokens() if one.name == "revoked"))
    world.tokens.append(Kept("revoked", revoked))
    for scope in Scope:
        world.tokens.append(Kept(scope.value, kept(scope.value, scope), scope))
        for apps in ((OWN,), ("bl*",)):
            name = f"{scope.value} of {apps[0]}".replace("*", "-")
            world.tokens.append(Kept(f"{scope.value} of {apps[0]}", kept(name, scope, apps=apps), scope, apps))


def test_the_matrix_has_every_kind_of_answer(world: World) -> None:
    kinds = {one.kind for one in ROUTED}
    seen = {world.expected(token, one, app)[1] for token in world.tokens for one in ROUTED for app in (OWN, FOREIGN)}

    assert set(Kind) == kinds
    assert {"unauthorized", "token-invalid", "app-not-found", "not-found", "forbidden", "refused"} == seen
