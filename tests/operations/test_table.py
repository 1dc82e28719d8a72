"""The table of operations: complete, consistent, and pointing at functions that are there."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from pvdify.errors import SpecError
from pvdify.model.answers import Changed
from pvdify.model.cloudflare_requests import PointDomain
from pvdify.model.edge_requests import AddDomains
from pvdify.model.requests import Deploy, Follow, ForRelease, Nothing, Scale
from pvdify.model.scope import Scope
from pvdify.operations import apps, cloudflare, domains, generations, journal, logs, ps, releases
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.table import In, Kind, Operation, Route

EVERY = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
ROUTED = pytest.mark.parametrize(
    "operation",
    [one for one in OPERATIONS.values() if one.route],
    ids=[name for name, one in OPERATIONS.items() if one.route],
)


def route_of(operation: Operation[Any, Any]) -> Route[Any]:
    assert operation.route is not None
    return operation.route


def test_what_exists_only_on_the_host_has_no_route() -> None:
    assert {"init", "run", "backup", "restore", "restore.check"} == {
        name for name, one in OPERATIONS.items() if one.route is None
    }


@EVERY
def test_a_name_is_declared_once_and_has_a_summary(operation: Operation[Any, Any]) -> None:
    assert operation is OPERATIONS[operation.name]
    assert operation.summary.endswith(".")


@EVERY
def test_every_run_is_a_function_of_the_declared_types(operation: Operation[Any, Any]) -> None:
    if operation is journal.CANCEL:
        assert "" == operation.run
        return

    function = {Kind.VALUE: operation.value, Kind.CHANGE: operation.change, Kind.STREAM: operation.stream}[
        operation.kind
    ]()

    assert callable(function)
    names = list(inspect.signature(function).parameters)
    assert (3 if operation.kind is Kind.CHANGE or operation.knows_caller else 2) == len(names)
    written = inspect.get_annotations(function)
    assert operation.request.__name__ == written[names[1 if operation.knows_caller else -1]]
    answer = operation.answer.__name__
    assert (f"AsyncIterator[{answer}]" if operation.kind is Kind.STREAM else answer) == written["return"]


@EVERY
def test_a_change_answers_with_its_end_and_names_what_it_locks(operation: Operation[Any, Any]) -> None:
    if operation.kind is not Kind.CHANGE:
        assert "" == operation.locks
        return

    assert Changed is operation.answer
    assert operation.locks in {"", *(field.name for field in msgspec.structs.fields(operation.request))}


@ROUTED
def test_every_parameter_of_a_path_is_a_field_that_is_asked_for(operation: Operation[Any, Any]) -> None:
    fields = {field.name for field in msgspec.structs.fields(operation.request)}

    assert set(route_of(operation).parameters()) <= fields
    assert set(route_of(operation).headers) <= fields


@ROUTED
def test_a_change_says_by_its_status_whether_the_caller_waits(operation: Operation[Any, Any]) -> None:
    wanted = {201, 202, 204} if operation.kind is Kind.CHANGE else {200, 201}

    assert route_of(operation).status in wanted


def test_no_two_operations_share_a_route() -> None:
    routes = [(one.route.method, one.route.path) for one in OPERATIONS.values() if one.route]

    assert len(routes) == len(set(routes))


@pytest.mark.parametrize(
    ("operation", "field", "place"),
    [
        (releases.INFO, "version", (In.PATH, "version")),
        (releases.CREATE, "image", (In.BODY, "image")),
        (apps.DESTROY, "volumes", (In.QUERY, "volumes")),
        (logs.READ, "grep", (In.QUERY, "grep")),
        (logs.READ, "after", (In.HEADER, "Last-Event-ID")),
        (generations.SWITCH, "exact", (In.BODY, "exact")),
    ],
)
def test_a_field_travels_where_its_route_says(
    operation: Operation[Any, Any], field: str, place: tuple[In, str]
) -> None:
    assert place == route_of(operation).place(field)


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        (
            Scope.READ,
            {
                *("apps.list", "apps.info", "releases.list", "releases.info", "ps.list", "whoami"),
                *(
                    "operations.list",
                    "operations.all",
                    "operations.info",
                    "operations.events",
                    "events.follow",
                    "releases.log",
                    "metrics",
                    "config.versions",
                    "config.diff",
                    "maintenance.show",
                    "domains.list",
                    "domains.check",
                ),
            },
        ),
        (Scope.LOGS, {"logs.read"}),
        (Scope.CONFIG, {"config.set", "config.unset"}),
        (Scope.DOMAINS, {"domains.remove", "cloudflare.zones", "cloudflare.dns"}),
        (
            Scope.DEPLOY,
            {
                *("releases.create", "releases.rollback", "operations.cancel"),
                *("ps.scale", "ps.restart", "ps.stop", "ps.start", "ps.run"),
                *("maintenance.on", "maintenance.off"),
            },
        ),
        (
            Scope.ADMIN,
            {
                *("apps.create", "apps.change", "apps.destroy", "plan", "apply", "gc", "doctor"),
                *("generations.list", "generations.diff", "generations.switch"),
                *("registry.login", "registry.list", "registry.logout", "edge.show", "edge.set"),
                *("cloudflare.login", "cloudflare.logout"),
                *("tokens.list", "tokens.create", "tokens.rotate", "tokens.revoke", "audit.list", "audit.verify"),
                *("secrets.show", "secrets.add", "secrets.remove", "secrets.rotate", "secrets.reseal"),
            },
        ),
    ],
)
def test_the_scopes_are_those_of_the_contract(scope: Scope, names: set[str]) -> None:
    assert names == {name for name, one in OPERATIONS.items() if one.route and scope is one.route.scope}


def test_a_scope_may_depend_on_what_is_asked() -> None:
    route: Route[Scale] = Route(
        method="POST",
        path="/apps/{app}/ps/scale",
        scope=lambda request: Scope.ADMIN if request.processes.get("web") == 0 else Scope.DEPLOY,
    )

    assert Scope.ADMIN is route.scope_of(Scale(app="blog", processes={"web": 0}))
    assert Scope.DEPLOY is route.scope_of(Scale(app="blog", processes={"web": 2}))
    assert Scope.READ is route_of(apps.LIST).scope_of(Nothing())


def test_to_overwrite_what_others_put_into_dns_takes_an_admin() -> None:
    adds = (AddDomains(app="blog", domains=("blog.example.org",), dns=True, force=force) for force in (False, True))
    points = (PointDomain(app="blog", domain="blog.example.org", force=force) for force in (False, True))

    assert [Scope.DOMAINS, Scope.ADMIN] == [route_of(domains.ADD).scope_of(one) for one in adds]
    assert [Scope.DOMAINS, Scope.ADMIN] == [route_of(cloudflare.POINT).scope_of(one) for one in points]


def test_a_request_that_a_caller_built_is_checked() -> None:
    with pytest.raises(SpecError, match="/app"):
        releases.CREATE.parsed(Deploy(app="blog\n"))
    with pytest.raises(SpecError, match="/version"):
        releases.INFO.parsed(ForRelease(app="blog", version=0))
    assert Follow(id="20260101-000000-abcd", after=4) == journal.EVENTS.parsed(
        Follow(id="20260101-000000-abcd", after=4)
    )


def test_a_change_names_the_app_that_it_holds() -> None:
    assert "blog" == ps.SCALE.app_of(Scale(app="blog", processes={"web": 2}))
    assert "" == generations.SWITCH.app_of(generations.SWITCH.request(number=3))


def test_functions_of_a_kind_are_what_the_conductor_expects() -> None:
    assert inspect.iscoroutinefunction(releases.CREATE.change())
    assert inspect.isasyncgenfunction(logs.READ.stream())
