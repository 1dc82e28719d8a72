"""A certificate authority that speaks ACME (RFC 8555) on localhost: acme.py DIRECTORY.

DIRECTORY is for its keys; its root is DIRECTORY/root.crt, made once, before it says `ready`. It proves names by http-01, on this host
whatever DNS says, and does not look at signatures: it is whether one gets a certificate that is tried, not whether one may.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

PORT = 14000
BASE = f"https://localhost:{PORT}"
NUMBERS = count(time.time_ns())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Authority:
    """Its root and the thumbprints of its accounts' keys, which stay in its directory, and its orders by their numbers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.orders: dict[str, dict[str, Any]] = {}
        if not (directory / "root.crt").exists():
            self.make()

    def make(self) -> None:
        """Its root, and the certificate that it has itself."""
        self.openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"),
            *("-subj", "/CN=Stand-in for an ACME authority", "-keyout", "root.key", "-out", "root.crt"),
        )
        self.openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.csr"),
        )
        self.sign("server")

    def openssl(self, *argv: str) -> None:
        subprocess.run(("openssl", *argv), cwd=self.directory, check=True, capture_output=True)

    def sign(self, name: str) -> None:
        self.openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "root.crt", "-CAkey", "root.key", "-days", "20"),
            *("-copy_extensions", "copy", "-out", f"{name}.crt"),
        )

    def new_account(self, key: dict[str, str]) -> str:
        number = next(NUMBERS)
        thumbprint = hashlib.sha256(json.dumps(key, sort_keys=True, separators=(",", ":")).encode()).digest()
        (self.directory / f"account-{number}").write_text(encoded(thumbprint))
        return f"{BASE}/account/{number}"

    def new_order(self, identifiers: list[dict[str, str]]) -> str:
        number = str(next(NUMBERS))
        (one,) = identifiers
        self.orders[number] = {"name": one["value"], "token": encoded(f"token {number}".encode()), "is_proven": False}
        return number

    def prove(self, number: str, account: str) -> None:
        order = self.orders[number]
        connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
        connection.request("GET", f"/.well-known/acme-challenge/{order['token']}", headers={"Host": order["name"]})
        said = connection.getresponse().read().decode().strip()
        connection.close()
        thumbprint = (self.directory / f"account-{account.rpartition('/')[2]}").read_text()
        order["is_proven"] = said == f"{order['token']}.{thumbprint}"

    def certify(self, number: str, request: bytes) -> None:
        (self.directory / "der").write_bytes(request)
        self.openssl("req", "-inform", "DER", "-in", "der", "-out", f"{number}.csr")
        self.sign(number)

    def order(self, number: str) -> dict[str, Any]:
        order = self.orders[number]
        is_done = (self.directory / f"{number}.crt").exists()
        return {
            "status": "valid" if is_done else "ready" if order["is_proven"] else "pending",
            "identifiers": [{"type": "dns", "value": order["name"]}],
            "authorizations": [f"{BASE}/authz/{number}"],
            "finalize": f"{BASE}/finalize/{number}",
            "certificate": f"{BASE}/certificate/{number}",
        }

    def challenge(self, number: str) -> dict[str, Any]:
        order = self.orders[number]
        status = "valid" if order["is_proven"] else "pending"
        return {"type": "http-01", "url": f"{BASE}/challenge/{number}", "token": order["token"], "status": status}


class Handler(BaseHTTPRequestHandler):
    """One request; `authority` is the server's."""

    protocol_version = "HTTP/1.1"
    authority: Authority

    def do_HEAD(self) -> None:
        self.answer(200, {})

    def do_GET(self) -> None:
        ways = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "revoke"}
        self.answer(200, {name: f"{BASE}/{path}" for name, path in ways.items()})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        protected = json.loads(decoded(request["protected"]))
        payload = json.loads(decoded(request["payload"]) or b"{}")
        _, kind, number = f"{self.path}/".split("/")[:3]
        authority = self.authority
        match kind:
            case "account":
                self.answer(201, {"status": "valid"}, location=authority.new_account(protected["jwk"]))
            case "order" if not number:
                number = authority.new_order(payload["identifiers"])
                self.answer(201, authority.order(number), location=f"{BASE}/order/{number}")
            case "order":
                self.answer(200, authority.order(number))
            case "authz":
                proof = authority.challenge(number)
                name = {"type": "dns", "value": authority.orders[number]["name"]}
                self.answer(200, {"status": proof["status"], "identifier": name, "challenges": [proof]})
            case "challenge":
                authority.prove(number, protected["kid"])
                self.answer(200, authority.challenge(number))
            case "finalize" if not authority.orders[number]["is_proven"]:
                self.answer(403, {"type": "urn:ietf:params:acme:error:orderNotReady", "detail": "not proven"})
            case "finalize":
                authority.certify(number, decoded(payload["csr"]))
                self.answer(200, authority.order(number), location=f"{BASE}/order/{number}")
            case "certificate":
                self.answer(200, (authority.directory / f"{number}.crt").read_text())
            case _:
                self.answer(404, {"type": "urn:ietf:params:acme:error:malformed", "detail": self.path})

    def answer(self, status: int, body: object, *, location: str = "") -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Replay-Nonce", encoded(f"nonce {next(NUMBERS)}".encode()))
        self.send_header(
            "Content-Type", "application/pem-certificate-chain" if isinstance(body, str) else "application/json"
        )
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: whoever tests reads standard output."""


def main(directory: str) -> None:
    Handler.authority = Authority(Path(directory))
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(directory, "server.crt"), Path(directory, "server.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
