"""A stand-in for Cloudflare's API: its paths, envelopes, pages, errors and limits, over HTTP, with what goes wrong on a network."""

from __future__ import annotations

import json
import re
import ssl
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from pvdify.model.dns import NewRecord
from tests.fakes.cloudflare import AFTER, FakeAccount, Fault, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "/client/v4"
ID = r"(?P<id>[0-9a-f]{32})"
TUNNEL = rf"/accounts/{ID}/cfd_tunnel/(?P<tunnel>[0-9a-f-]{{36}})"
ROUTES = (
    ("GET", "/user/tokens/verify", "verify"),
    ("GET", "/zones", "zones"),
    ("GET", rf"/zones/{ID}/dns_records", "records"),
    ("POST", rf"/zones/{ID}/dns_records/batch", "change_records"),
    ("GET", TUNNEL, "tunnel"),
    ("GET", rf"{TUNNEL}/configurations", "ingress"),
    ("PUT", rf"{TUNNEL}/configurations", "put_ingress"),
)
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


@dataclass(frozen=True)
class Question:
    """One request."""

    what: str
    id: str
    tunnel: str
    query: dict[str, str]
    body: Any


class Standin(ThreadingHTTPServer):
    """The server, and what it keeps; *most* is the longest page, and *after* how long a rate limit says that it lasts."""

    daemon_threads = True

    def __init__(self, account: FakeAccount, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, Handler)
        self.account = account
        self.most = 50
        self.after = "1"
        self.seen: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.is_over = threading.Event()

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}{PREFIX}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # handed through


@contextmanager
def standing_in(account: FakeAccount) -> Iterator[Standin]:
    """Have the stand-in meanwhile."""
    server = Standin(account)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Standin

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        """Write nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append({name.lower(): value for name, value in self.headers.items()})
        try:
            question = self._question(body)
            with self.server.lock:
                fault = self.server.account.begin(question.what)
                if fault is not None and fault not in AFTER:
                    self._go_wrong(fault)
                    return
                self.server.account.interfere(question.what)
                result, info = _answer(self.server, question)
            if fault is not None:
                self._go_wrong(fault)
                return
            self._send(200, {"result": result, "success": True, "errors": [], "messages": [], **info})
        except Refused as error:
            self._refuse(error)

    def _question(self, body: bytes) -> Question:
        split = urlsplit(self.path)
        path = split.path.removeprefix(PREFIX)
        found = [
            (what, match.groupdict())
            for method, pattern, what in ROUTES
            if method == self.command and (match := re.fullmatch(pattern, path))
        ]
        if not found:
            raise Refused(404, 7000, "No route for that URI")
        given = self.headers.get("Authorization", "")
        if not re.fullmatch(r"Bearer [A-Za-z0-9_-]{30,}", given):
            raise Refused(400, 6003, "Invalid request headers")
        if given.removeprefix("Bearer ") != self.server.account.token:
            raise (
                Refused(401, 1000, "Invalid API Token")
                if found[0][0] == "verify"
                else Refused(403, 9109, "Invalid access token")
            )
        what, groups = found[0]
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        return Question(what, groups.get("id", ""), groups.get("tunnel", ""), query, json.loads(body or b"null"))

    def _go_wrong(self, fault: Fault) -> None:
        match fault:
            case Fault.FORBIDDEN:
                raise Refused(403, 10000, "Authentication error")
            case Fault.BUSY:
                limited = {"code": 971, "message": "Please wait and consider throttling your request speed"}
                body = {"result": None, "success": False, "errors": [limited], "messages": []}
                self._send(429, body, {"Retry-After": self.server.after})
            case Fault.BROKEN | Fault.BROKEN_AFTER:
                self._send_text(502, PAGE, {"Content-Type": "text/html"})
            case Fault.NONSENSE:
                self._send_text(200, PAGE, {"Content-Type": "text/html"})
            case Fault.CUT | Fault.CUT_AFTER:
                self.close_connection = True
            case Fault.HANGS_AFTER:
                self.server.is_over.wait()
                self.close_connection = True

    def _refuse(self, error: Refused) -> None:
        errors = [{"code": error.code, "message": error.message}]
        self._send(error.status, {"result": None, "success": False, "errors": errors, "messages": []})

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send_text(status, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})

    def _send_text(self, status: int, text: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())


def _answer(server: Standin, asked: Question) -> tuple[object, dict[str, object]]:
    account = server.account
    match asked.what:
        case "verify":
            return {"id": "ed17574386854bf78a67040be0a770b0", "status": account.verify()}, {}
        case "zones":
            return _page(server, asked, [_zone(account, one) for one in account.zones])
        case "records":
            found = account.zone_records(asked.id)
            wanted = asked.query.get("name.exact")
            return _page(server, asked, [_plain(one) for one in found if wanted in {None, one.name}])
        case "change_records":
            posts = msgspec.convert(asked.body.get("posts", []), tuple[NewRecord, ...])
            made = account.batch(asked.id, [one["id"] for one in asked.body.get("deletes", [])], posts)
            return {"deletes": [], "patches": [], "puts": [], "posts": [_plain(one) for one in made]}, {}
        case "tunnel":
            tunnel = account.tunnel(asked.id, asked.tunnel)
            return {
                "id": asked.tunnel,
                "account_tag": asked.id,
                "name": tunnel.name,
                "status": tunnel.status,
                "deleted_at": tunnel.deleted_at,
                "config_src": "cloudflare" if tunnel.is_remote else "local",
            }, {}
        case _:
            if asked.what == "put_ingress":
                account.configure(asked.id, asked.tunnel, asked.body["config"])
            return _configuration(account, asked), {}


def _configuration(account: FakeAccount, asked: Question) -> object:
    tunnel = account.tunnel(asked.id, asked.tunnel)
    return {
        "tunnel_id": asked.tunnel,
        "version": tunnel.version,
        "config": tunnel.config,
        "source": "cloudflare",
        "created_at": "2026-01-31T09:00:00.000000Z",
    }


def _zone(account: FakeAccount, id_: str) -> object:
    zone = account.zones[id_]
    return {"id": id_, "name": zone.name, "status": zone.status, "account": {"id": zone.account, "name": "ada"}}


def _plain(record: msgspec.Struct) -> object:
    plain: dict[str, object] = msgspec.to_builtins(record)
    plain.pop("app")
    return {**plain, "comment": plain["comment"] or None, "settings": {}, "proxiable": True}


def _page(server: Standin, asked: Question, found: list[object]) -> tuple[object, dict[str, object]]:
    size = min(int(asked.query.get("per_page", 20)), server.most)
    page = int(asked.query.get("page", 1))
    part = found[(page - 1) * size : page * size]
    info = {
        "page": page,
        "per_page": size,
        "count": len(part),
        "total_count": len(found),
        "total_pages": -(-len(found) // size) or 1,
    }
    return part, {"result_info": info}


def secured(server: Standin, certificate: str, key: str) -> None:
    """Have *server* speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
