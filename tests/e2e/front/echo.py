"""Runs in a bed: an app that answers with what it was asked, and with the status that the path ends in."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status = self.path.partition("?")[0].rpartition("/")[2]
        headers = [[name.lower(), value] for name, value in self.headers.items()]
        body = json.dumps({"release": sys.argv[2], "headers": headers}).encode()
        self.send_response(int(status) if status.isdigit() else 200)
        self.send_header("Content-Type", "application/x-echo")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_HEAD = do_GET  # noqa: N815 -- the names that the standard library looks for

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
