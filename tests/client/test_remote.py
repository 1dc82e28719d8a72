"""The client of a host elsewhere, against real sockets: what it sends, what it tries again, and what it makes of each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pvdify import errors
from pvdify.cli.failures import exit_status
from pvdify.client.address import RemoteHost
from pvdify.errors import (
    AppBusyError,
    ForbiddenError,
    HostError,
    NotFoundError,
    OperationFailedError,
    PvdifyError,
    SpecError,
    UnreachableError,
)
from pvdify.model.answers import Registries
from pvdify.model.requests import DestroyApp, ForApp, Init, ListOperations, Login, Nothing
from pvdify.model.scope import Scope
from pvdify.operations import apps, host, journal, ps, registry
from pvdify.operations.problem import Problem, problem_of, protocol_problem
from pvdify.operations.table import Operation, Route
from tests.client.asking import BACKENDS, FAILURE, ID, NO_APPS, PENDING, deploy, list_apps, on
from tests.client.canned import CannedHost, answers, breaks, refuses, says

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from pvdify.client.remote import Remote


@BACKENDS
def test_a_value_is_asked_for_as_the_table_says(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/operations", answers({"operations": []}))

    found = on(there, lambda one: one.ask(journal.LIST, ListOperations(app="blog", limit=7)), backend=backend)

    assert () == found.operations
    (seen,) = canned.seen
    assert ({"limit": "7"}, b"") == (seen.query, seen.body)
    assert ("Bearer pvd_secret", "application/json") == (seen.headers["Authorization"], seen.headers["Accept"])
    assert 8 <= len(seen.headers["X-Request-Id"])
    assert "Idempotency-Key" not in seen.headers


def test_a_host_without_a_token_is_sent_none(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", answers(NO_APPS))

    on(RemoteHost(url=there.url), list_apps)

    assert "Authorization" not in canned.seen[0].headers


def test_a_text_is_answered_as_it_is(canned: CannedHost, there: RemoteHost) -> None:
    metrics = Operation(
        name="metrics",
        summary="Count.",
        request=Nothing,
        answer=str,
        run="",
        route=Route(method="GET", path="/metrics", scope=Scope.READ, media="text/plain"),
    )
    canned.on("GET /metrics", says("pvdify_apps 3\n"))

    assert "pvdify_apps 3\n" == on(there, lambda one: one.ask(metrics, Nothing()))
    assert "text/plain" == canned.seen[0].headers["Accept"]


@BACKENDS
def test_a_change_is_accepted_with_a_key_of_its_own(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("POST /apps/blog/releases", answers(PENDING, 202))

    assert ID == on(there, deploy, backend=backend)
    assert ID == on(there, deploy, backend=backend)

    first, second = canned.seen
    assert {"image": "ghcr.io/org/blog:v2"} == msgspec.json.decode(first.body)
    assert ("application/json", "respond-async") == (first.headers["Content-Type"], first.headers["Prefer"])
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_what_is_wrong_is_not_even_asked_for(canned: CannedHost, there: RemoteHost) -> None:
    with pytest.raises(SpecError):
        on(there, lambda one: one.ask(apps.INFO, ForApp(app="../tokens")))
    with pytest.raises(NotFoundError, match="exists only on the host"):
        on(there, lambda one: one.ask(host.INIT, Init()))

    assert [] == canned.seen


def every_error() -> list[PvdifyError]:
    """One of each class, with words and a hint of its own."""
    classes = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, PvdifyError)}
    found = []
    for number, one in enumerate(sorted(classes - {PvdifyError}, key=lambda one: one.__name__)):
        error = one.__new__(one)
        PvdifyError.__init__(error, f"cannot do {number}", hint=f"type {number}")
        for name in ("pointer", "holder", "scope"):
            setattr(error, name, "")
        found.append(error)
    return found


def test_every_error_comes_back_as_it_was_raised(canned: CannedHost, there: RemoteHost) -> None:
    raised = every_error()
    canned.on("GET /apps", *(refuses(one) for one in raised for _ in range(2 if type(one) is UnreachableError else 1)))

    async def told(client: Remote) -> list[PvdifyError]:
        found = []
        for _ in raised:
            with pytest.raises(PvdifyError) as caught:
                await list_apps(client)
            found.append(caught.value)
        return found

    assert [(type(one), one.message, one.hint, exit_status(one)) for one in raised] == [
        (type(one), one.message, one.hint, exit_status(one)) for one in on(there, told, tries=1)
    ]


def test_what_an_error_knows_beside_its_words_comes_back(canned: CannedHost, there: RemoteHost) -> None:
    busy = AppBusyError("blog", "deploy 4f1c by ada")
    wrong = SpecError("cannot read the request", pointer="/image")
    forbidden = ForbiddenError("cannot do that", scope="deploy")
    canned.on("GET /apps", refuses(busy), refuses(wrong), refuses(forbidden))

    with pytest.raises(AppBusyError) as first:
        on(there, list_apps)
    with pytest.raises(SpecError) as second:
        on(there, list_apps)
    with pytest.raises(ForbiddenError) as third:
        on(there, list_apps)

    assert (busy.holder, wrong.pointer, forbidden.scope) == (
        first.value.holder,
        second.value.pointer,
        third.value.scope,
    )


def test_a_failure_comes_back_whole(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", refuses(OperationFailedError(FAILURE)))

    with pytest.raises(OperationFailedError) as caught:
        on(there, list_apps)

    assert FAILURE == caught.value.failure


@pytest.mark.parametrize(
    "step",
    [
        says("<h1>Bad Gateway</h1>", 502, "text/html"),
        says("[]"),
        says("{"),
        refuses(protocol_problem(404, "cannot find this route")),
        refuses(protocol_problem(405, "cannot GET this route; it takes POST")),
    ],
    ids=["a page", "another answer", "half an answer", "no such route", "no such method"],
)
def test_what_does_not_answer_as_pvdify_does_counts_as_unreachable(
    step: Any, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on("GET /apps", step)

    with pytest.raises(UnreachableError) as caught:
        on(there, list_apps)

    assert there.url in caught.value.message
    assert caught.value.hint
    assert 1 == len(canned.seen)


def test_a_bug_there_is_told_without_its_text(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", refuses(problem_of(ZeroDivisionError("secret"), request_id="r12345678")))

    with pytest.raises(PvdifyError, match="did not foresee") as caught:
        on(there, list_apps)

    assert "PVDIFY_REQUEST_ID=r12345678" in caught.value.hint


@BACKENDS
def test_a_get_whose_connection_breaks_is_sent_again(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", breaks, breaks, answers(NO_APPS))

    assert NO_APPS == on(there, list_apps, backend=backend)
    assert 3 == len(canned.seen)
    assert 1 == len({one.headers["X-Request-Id"] for one in canned.seen})


def test_it_is_not_sent_again_for_ever(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", breaks)

    with pytest.raises(UnreachableError, match="cannot reach unix:///"):
        on(there, list_apps)

    assert 4 == len(canned.seen)


@BACKENDS
def test_a_change_whose_connection_breaks_is_sent_again_with_its_key(
    backend: str, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on("POST /apps/blog/releases", breaks, answers(PENDING, 202))

    assert ID == on(there, deploy, backend=backend)
    assert 2 == len(canned.seen)
    assert 1 == len({one.headers["Idempotency-Key"] for one in canned.seen})


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        ("DELETE /apps/blog", lambda one: one.change(apps.DESTROY, DestroyApp(app="blog"))),
        (
            "POST /registries",
            lambda one: one.ask(registry.LOGIN, Login(registry="ghcr.io", user="a", password="b")),  # noqa: S106 - nobody's
        ),
    ],
    ids=["a removal", "a change at once"],
)
def test_what_might_happen_twice_is_sent_once(
    what: str, ask: Callable[[Remote], Awaitable[Any]], canned: CannedHost, there: RemoteHost
) -> None:
    canned.on(what, breaks, answers(Registries(registries=())))

    with pytest.raises(UnreachableError):
        on(there, ask)

    assert 1 == len(canned.seen)


def test_a_change_without_an_answer_says_that_it_may_have_been_accepted(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("POST /apps/blog/releases", breaks)

    with pytest.raises(UnreachableError) as caught:
        on(there, deploy)

    assert "pvdify operations" in caught.value.hint


@pytest.mark.parametrize(
    "step",
    [refuses(protocol_problem(503, "cannot serve this")), refuses(UnreachableError("cannot reach the host's service"))],
    ids=["a service that is about to go", "one whose other half is"],
)
def test_whoever_is_about_to_go_is_asked_again(step: Any, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", step, answers(NO_APPS))

    assert NO_APPS == on(there, list_apps)


@BACKENDS
def test_nobody_there_is_told_at_once(backend: str, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no such file") as caught:
        on(RemoteHost(url=f"unix://{tmp_path}/nobody.sock"), list_apps, backend=backend, tries=10_000)
    with pytest.raises(UnreachableError, match="connection refused"):
        on(RemoteHost(url="http://127.0.0.1:1"), list_apps, backend=backend, tries=10_000)

    assert "systemctl status pvdify-admin.socket" in caught.value.hint


def test_a_busy_app_is_refused_or_waited_for(canned: CannedHost, there: RemoteHost) -> None:
    busy = refuses(AppBusyError("blog", "deploy 4f1c by ada"))
    canned.on("POST /apps/blog/ps/stop", busy, busy, answers(PENDING, 202))

    with pytest.raises(AppBusyError):
        on(there, lambda one: one.change(ps.STOP, ForApp(app="blog")))
    assert ID == on(there, lambda one: one.change(ps.STOP, ForApp(app="blog"), waits=True))

    assert 3 == len({one.headers["Idempotency-Key"] for one in canned.seen})


def test_a_problem_of_a_newer_pvdify_is_still_told(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", refuses(Problem(title="New", status=409, detail="cannot do it now", code="moon-phase")))

    with pytest.raises(HostError, match="cannot do it now"):
        on(there, list_apps)
