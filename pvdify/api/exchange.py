"""What every request has, whatever it asks for: an id, limits, a line in the journal, and a problem where there is no answer."""

from __future__ import annotations

import re
import secrets
import traceback
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from pvdify.api.gate import TooSlowError
from pvdify.errors import ForbiddenError, PvdifyError, TokenInvalidError, UnauthorizedError
from pvdify.model.names import APP_PATTERN
from pvdify.model.patterns import closed
from pvdify.operations.problem import MEDIA, PROTOCOL, Problem, problem_of, protocol_problem
from pvdify.operations.wire import PREFIX
from pvdify.render.exposition import Metric, MetricKind, Sample

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware

    from pvdify.api.gate import Gate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ID_HEADER: Final = "X-Request-Id"
MAX_HEADERS: Final = 64
DESCRIPTION: Final = f"{PREFIX}/openapi.json"
REQUEST_ID: Final = web.RequestKey("request_id", str)
CALLER: Final = web.RequestKey("caller", str)
OPERATION: Final = web.RequestKey("operation", str)
_APP: Final = re.compile(closed(APP_PATTERN))
_ID: Final = re.compile(closed(r"[A-Za-z0-9_-]{8,64}"))
_REALM: Final = 'Bearer realm="pvdify"'
_ERROR: Final = 3
_INFO: Final = 6


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests that were served: each is a line in the journal, and counts.

    *send* takes the fields of a journal entry; *counts* has them by operation and status, *seconds* by operation.
    """

    identifier: str
    send: Callable[..., None]
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def served(self, request: web.Request, status: int, seconds: float) -> None:
        """Note that *request* was answered with *status*."""
        operation = request.get(OPERATION, "")
        self.counts[operation, status] += 1
        self.seconds[operation] += seconds
        route = request.match_info.route.resource
        path = route.canonical if route is not None else "(no route)"
        app = request.match_info.get("app", "")
        self.send(
            f"{request.method} {path} {status} {seconds * 1000:.1f} ms",
            PRIORITY=_INFO,
            SYSLOG_IDENTIFIER=self.identifier,
            PVDIFY_REQUEST_ID=request[REQUEST_ID],
            PVDIFY_OPERATION=operation,
            PVDIFY_STATUS=str(status),
            PVDIFY_MS=f"{seconds * 1000:.1f}",
            PVDIFY_CALLER=request.get(CALLER, ""),
            PVDIFY_REMOTE=request.remote or "",
            PVDIFY_API_APP=app if _APP.search(app) else "",  # what is put there by mistake may be a token
        )

    def metrics(self) -> tuple[Metric, ...]:
        """What this process has served since it started, which may be a moment ago."""
        return (
            Metric(
                "pvdify_api_requests_total",
                MetricKind.COUNTER,
                "Requests that this process of the service answered, by operation and status.",
                tuple(
                    Sample(count, {"operation": operation, "status": str(status)})
                    for (operation, status), count in sorted(self.counts.items())
                ),
            ),
            Metric(
                "pvdify_api_request_seconds",
                MetricKind.SUMMARY,
                "Seconds that these requests took, by operation; streams count as long as they were followed.",
                tuple(
                    sample
                    for operation, seconds in sorted(self.seconds.items())
                    for sample in (
                        Sample(seconds, {"operation": operation}, "_sum"),
                        Sample(self._served(operation), {"operation": operation}, "_count"),
                    )
                ),
            ),
        )

    def _served(self, operation: str) -> int:
        return sum(count for (name, _), count in self.counts.items() if name == operation)

    def bug(self, request_id: str, error: BaseException) -> None:
        """Keep the traceback of what nobody foresaw."""
        self.send(
            "".join(traceback.format_exception(error)),
            PRIORITY=_ERROR,
            SYSLOG_IDENTIFIER=self.identifier,
            PVDIFY_REQUEST_ID=request_id,
        )


def middleware(gate: Gate, requests: Requests) -> Middleware:
    """The outermost middleware of both services."""

    @web.middleware
    async def exchange(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = _request_id(request)
        began = monotonic()
        with gate.serving(request):
            response = await _answered(request, handler, requests)
            if not response.prepared:
                await gate.send(request, prepared(request, response))
        requests.served(request, response.status, monotonic() - began)
        return response

    return exchange


def prepared(request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """*response*, which is sent piece by piece, with what every answer has."""
    response.headers.update(_headers(request))
    return response


def refused(problem: Problem, error: BaseException | None = None) -> web.Response:
    """*problem* as an answer."""
    response = web.Response(body=msgspec.json.encode(problem), status=problem.status, content_type=MEDIA)
    if isinstance(error, TokenInvalidError):
        response.headers["WWW-Authenticate"] = f'{_REALM}, error="invalid_token"'
    elif isinstance(error, UnauthorizedError):
        response.headers["WWW-Authenticate"] = _REALM
    elif isinstance(error, ForbiddenError):
        scope = f', scope="{error.scope}"' if error.scope else ""
        response.headers["WWW-Authenticate"] = f'{_REALM}, error="insufficient_scope"{scope}'
    if problem.status == 503:  # noqa: PLR2004 - HTTP's number
        response.headers["Retry-After"] = "1"
    return response


async def _answered(request: web.Request, handler: Handler, requests: Requests) -> web.StreamResponse:
    id_ = request[REQUEST_ID]
    if (odd := _odd(request)) is not None:
        response = refused(odd)
        response.force_close()  # where the next request begins, nobody can say
        return response
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _without_route(request, error)
    except TooSlowError as error:
        return refused(_protocol(request, 408, error.message))
    except PvdifyError as error:
        return refused(problem_of(error, request_id=id_), error)
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - the one catch-all of the API: a bug costs one request
        requests.bug(id_, error)
        return refused(problem_of(error, request_id=id_))


def _odd(request: web.Request) -> Problem | None:
    """What is wrong with the head of *request*, if anything: two services must never read it in two ways."""
    if len(request.headers) > MAX_HEADERS:
        return _protocol(request, 431, f"cannot take more than {MAX_HEADERS} headers")
    if len(request.headers.getall("Host", [])) != 1:
        return _protocol(request, 400, "cannot read a request without its one Host header")
    if len(request.headers.getall("Authorization", [])) > 1:
        return _protocol(request, 400, "cannot read a request with two Authorization headers")
    if request.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        return _protocol(request, 400, "cannot read a body that is coded otherwise than chunked")
    return None


def _without_route(request: web.Request, error: web.HTTPException) -> web.Response:
    """What HTTP itself refuses, in the words of the API."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            response = refused(_protocol(request, 405, f"cannot {error.method} this route; it takes {allowed}"))
            response.headers["Allow"] = allowed
            return response
        case web.HTTPNotFound():
            return refused(_protocol(request, 404, "cannot find this route", hint=f"GET {DESCRIPTION}"))
        case _:
            reason = PROTOCOL.get(error.status, ("", error.reason))[1]
            detail = f"cannot serve this request: {reason[:1].lower()}{reason[1:]}"
            return refused(_protocol(request, error.status, detail))


def _protocol(request: web.Request, status: int, detail: str, *, hint: str = "") -> Problem:
    return protocol_problem(status, detail, request_id=request[REQUEST_ID], hint=hint)


def _request_id(request: web.Request) -> str:
    said = request.headers.get(ID_HEADER, "")
    return said if _ID.search(said) else secrets.token_urlsafe(12)


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {
        ID_HEADER: request[REQUEST_ID],
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
