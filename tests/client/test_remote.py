"""The client of a host elsewhere, against real sockets: what it sends, what it tries again, and what it makes of each answer."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import msgspec
import pytest

from pvdify import errors
from pvdify.cli.failures import exit_status
from pvdify.client.address import RemoteHost
from pvdify.client.outcome import end_of
from pvdify.client.remote import Remote, remote
from pvdify.errors import (
    AppBusyError,
    AppNotFoundError,
    CancelledOperationError,
    Exit,
    Failure,
    ForbiddenError,
    HostError,
    NotFoundError,
    OperationFailedError,
    PastTheSwitchError,
    Probe,
    PvdifyError,
    SpecError,
    StateError,
    UnreachableError,
)
from pvdify.model.answers import Apps, Changed, LogEntry, OperationSummary, Pending, Registries
from pvdify.model.event import Event, EventKind, Outcome
from pvdify.model.requests import Deploy, DestroyApp, ForApp, ListOperations, Login, Nothing, ReadLogs
from pvdify.model.scope import Scope
from pvdify.operations import apps, host, journal, logs, ps, registry, releases
from pvdify.operations.problem import BUG, Problem, problem_of, protocol_problem
from pvdify.operations.table import Operation, Route
from tests.client.canned import CannedHost, answers, breaks, refuses, says, served, streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

ID = "20260131-090000-123k7qz"
AT = "2026-01-31T09:00:00.123Z"
EVENTS = f"GET /operations/{ID}/events"
INFO = f"GET /operations/{ID}"
NO_APPS = Apps(apps=())
PENDING = Pending(operation=ID, name="releases.create", app="blog", status="pending", created_at=AT, created_by="ci")
SUMMARY = OperationSummary(
    id=ID, name="releases.create", app="blog", actor="ci", status="done", step="switch", started_at=AT, ended_at=AT
)
LIVE = Changed(operation=ID, outcome=Outcome.DONE, text="v2 of blog is live", app="blog", release=2)
BEGIN = Event(seq=0, at=AT, kind=EventKind.ACCEPTED)
PULL = Event(seq=1, at=AT, kind=EventKind.DONE, step="pull", ms=3.0)
END = Event(seq=2, at=AT, kind=EventKind.END, outcome=Outcome.DONE)
BACKENDS = pytest.mark.parametrize("backend", ["trio", "asyncio"])


@pytest.fixture
def canned() -> CannedHost:
    return CannedHost()


@pytest.fixture
def there(canned: CannedHost, tmp_path: Path) -> Iterator[RemoteHost]:
    with served(canned, socket=tmp_path / "host.sock") as there:
        yield there


def on(host: RemoteHost, ask: Callable[[Remote], Awaitable[T]], *, backend: str = "trio", tries: int = 3) -> T:
    """What *ask* answers with a client of *host* that is impatient."""

    async def run() -> T:
        async with remote(host, pauses=tries * (0.01,), long_pauses=tries * (0.01,)) as client:
            with anyio.fail_after(20):
                return await ask(client)

    return anyio.run(run, backend=backend)


def list_apps(client: Remote) -> Awaitable[Apps]:
    return client.ask(apps.LIST, Nothing())


def deploy(client: Remote) -> Awaitable[str]:
    return client.change(releases.CREATE, Deploy(app="blog", image="ghcr.io/org/blog:v2"))


def lines(request: ReadLogs) -> Callable[[Remote], Awaitable[list[str]]]:
    async def read(client: Remote) -> list[str]:
        return [line.text async for line in client.stream(logs.READ, request)]

    return read


def line(number: int) -> LogEntry:
    return LogEntry(at=AT, instance="web-1", release=1, text=f"line {number}", is_error=False, cursor=f"s={number}")


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
        on(there, lambda one: one.ask(host.INIT, Nothing()))

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


FAILURE = Failure(
    phase="probe",
    message="cannot give the traffic to v3 of blog: it never answered well",
    code="unhealthy",
    hint="read more with `pvdify logs blog --release v3`",
    probe=Probe(target="http://127.0.0.1:20001/health", status=503, body="no database", latency_ms=12.3, attempts=87),
    exit=Exit(unit="pvdify-blog-v3-web-1.service", status=1),
    log_tail=("starting", "giving up"),
    unchanged="v2 serves blog as before",
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

    with pytest.raises(HostError, match="did not foresee") as caught:
        on(there, list_apps)

    assert "PVDIFY_REQUEST_ID=r12345678" in caught.value.hint
    assert BUG == 500


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


@BACKENDS
def test_a_stream_comes_to_its_end(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(":\n\n", line(1), "retry: 3\n: alive\n", line(2)))

    assert ["line 1", "line 2"] == on(there, lines(ReadLogs(app="blog", lines=2)), backend=backend)
    assert ("text/event-stream", {"lines": "2"}) == (canned.seen[0].headers["Accept"], canned.seen[0].query)


@BACKENDS
def test_a_stream_goes_on_behind_the_last_line_that_came(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on(
        "GET /apps/blog/logs",
        streams(line(1), line(2), then_breaks=True),
        breaks,
        streams(line(3)),
        refuses(AppNotFoundError("blog")),
    )

    async def read(client: Remote) -> list[str]:
        found: list[str] = []
        with suppress(AppNotFoundError):
            async for one in client.stream(logs.READ, ReadLogs(app="blog", follow=True)):
                found += [one.text]
            found += ["an end"]
        return found

    assert ["line 1", "line 2", "line 3"] == on(there, read, backend=backend)
    assert [None, "s=2", "s=2", "s=3"] == [one.headers.get("Last-Event-ID") for one in canned.seen]


def test_a_stream_that_brings_nothing_is_given_up(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(line(1), then_breaks=True), streams())

    with pytest.raises(UnreachableError, match="it ended the stream"):
        on(there, lines(ReadLogs(app="blog", follow=True)))

    assert 4 == len(canned.seen)


def test_a_problem_within_a_stream_is_raised(canned: CannedHost, there: RemoteHost) -> None:
    problem = msgspec.json.encode(problem_of(StateError("cannot read the journal"))).decode()
    canned.on("GET /apps/blog/logs", streams(line(1), f"event: error\ndata: {problem}\n\n"))

    with pytest.raises(StateError, match="cannot read the journal"):
        on(there, lines(ReadLogs(app="blog", follow=True)))


def test_a_stream_that_is_refused_is_not_tried_again(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", refuses(ForbiddenError("cannot read logs", scope="logs")))

    with pytest.raises(ForbiddenError):
        on(there, lines(ReadLogs(app="blog", follow=True)))

    assert 1 == len(canned.seen)


@BACKENDS
def test_a_reader_may_leave_a_stream(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps/blog/logs", streams(line(1), then_hangs=True))

    async def first(client: Remote) -> list[str]:
        found: list[str] = []
        with anyio.move_on_after(0.2):
            async for one in client.stream(logs.READ, ReadLogs(app="blog", follow=True)):
                found += [one.text]
        return found

    assert ["line 1"] == on(there, first, backend=backend)


def test_a_stream_that_would_begin_again_is_asked_for_once(canned: CannedHost, there: RemoteHost) -> None:
    without_cursor = dataclasses.replace(logs.READ, cursor="")
    canned.on("GET /apps/blog/logs", streams(line(1)), streams(line(1), then_breaks=True))

    async def read(client: Remote) -> list[str]:
        return [one.text async for one in client.stream(without_cursor, ReadLogs(app="blog", follow=True))]

    assert ["line 1"] == on(there, read)
    with pytest.raises(UnreachableError):
        on(there, read)
    assert 2 == len(canned.seen)


async def seen_of(client: Remote) -> list[int]:
    return [event.seq async for event in client.events(ID)]


@BACKENDS
@pytest.mark.parametrize("last", [EventKind.END, EventKind.FAILED])
def test_events_end_with_the_operation_and_not_with_a_connection(
    last: EventKind, backend: str, canned: CannedHost, there: RemoteHost
) -> None:
    end = msgspec.structs.replace(END, kind=last)
    canned.on(EVENTS, streams(BEGIN), streams(PULL, then_breaks=True), streams(end, then_hangs=True))

    assert [0, 1, 2] == on(there, seen_of, backend=backend)
    assert [None, "0", "1"] == [one.headers.get("Last-Event-ID") for one in canned.seen]


@BACKENDS
def test_the_end_of_a_change_is_what_its_journal_says(backend: str, canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_breaks=True), streams(PULL, END))
    canned.on(INFO, answers(msgspec.structs.replace(SUMMARY, result=LIVE)))

    assert LIVE == on(there, lambda one: one.ended(ID), backend=backend)


@pytest.mark.parametrize(
    ("summary", "kind", "words", "status"),
    [
        ({"status": "failed", "failure": FAILURE}, OperationFailedError, "never answered well", 69),
        (
            {"status": "failed", "failure": Failure(phase="pull", message="cannot find", code="image-not-found")},
            errors.ImageNotFoundError,
            "cannot find",
            66,
        ),
        ({"status": "cancelled"}, CancelledOperationError, "cancelled, and everything was undone", 130),
        (
            {"status": "cancelled", "failure": Failure(phase="probe", message="cannot go on", code="cancelled")},
            CancelledOperationError,
            "cannot go on",
            130,
        ),
        ({"status": "undone"}, HostError, "recovery undid it", 69),
        (
            {"status": "dead", "failure": Failure(phase="swap", message="cannot move", code="router-failed", hint="h")},
            errors.RouterError,
            "cannot move",
            69,
        ),
    ],
    ids=["failed", "failed early", "cancelled", "cancelled with a word", "undone", "left"],
)
def test_an_operation_that_did_not_end_well_raises_what_it_would_have_where_it_ran(
    summary: dict[str, Any], kind: type[PvdifyError], words: str, status: int, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on(EVENTS, streams(BEGIN, END))
    canned.on(INFO, answers(msgspec.structs.replace(SUMMARY, **summary)))

    with pytest.raises(kind, match=words) as caught:
        on(there, lambda one: one.ended(ID))

    assert status == exit_status(caught.value)


def test_an_operation_that_nobody_takes_up_is_given_up(canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_hangs=True), streams(":\n\n", then_hangs=True))
    dead = answers(msgspec.structs.replace(SUMMARY, status="dead", ended_at=""))
    running = answers(msgspec.structs.replace(SUMMARY, status="running", ended_at=""))
    canned.on(INFO, dead, running, dead, dead)

    with pytest.raises(HostError, match="nobody took it up") as caught:
        on(there, lambda one: end_of(one, ID, look=0.1))

    assert "pvdify apply -a blog" in caught.value.hint
    assert 4 == canned.times(INFO)


def test_a_host_that_is_lost_for_good_leaves_a_way_back_to_the_operation(canned: CannedHost, there: RemoteHost) -> None:
    canned.on(EVENTS, streams(BEGIN, then_breaks=True), breaks)

    with pytest.raises(UnreachableError) as caught:
        on(there, lambda one: one.ended(ID))

    assert f"pvdify operations:follow {ID}" in caught.value.hint


@BACKENDS
def test_a_cancelled_change_undoes_itself_but_not_past_the_switch(
    backend: str, canned: CannedHost, there: RemoteHost
) -> None:
    canned.on(f"POST /operations/{ID}/cancel", answers(SUMMARY), refuses(PastTheSwitchError("cannot cancel")))

    assert on(there, lambda one: one.cancel(ID), backend=backend) is True
    assert on(there, lambda one: one.cancel(ID), backend=backend) is False


def test_a_problem_of_a_newer_pvdify_is_still_told(canned: CannedHost, there: RemoteHost) -> None:
    canned.on("GET /apps", refuses(Problem(title="New", status=409, detail="cannot do it now", code="moon-phase")))

    with pytest.raises(HostError, match="cannot do it now"):
        on(there, list_apps)
