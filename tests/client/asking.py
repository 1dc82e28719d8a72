"""Somebody who asks a canned host, and what they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import pytest

from pvdify.client.remote import Remote, remote
from pvdify.errors import Exit, Failure, Probe
from pvdify.model.answers import Apps, Changed, OperationSummary, Pending
from pvdify.model.event import Event, EventKind, Outcome
from pvdify.model.requests import Deploy, Nothing
from pvdify.operations import apps, releases

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pvdify.client.address import RemoteHost

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
