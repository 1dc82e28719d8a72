"""Have Caddy take its file again and again, twenty times a second at most, as if names had changed: reload.py TIMES."""

import socket
import sys
import time
from pathlib import Path

FILE = Path("/var/lib/pvdify/current/caddy/Caddyfile")
HEAD = "POST /load HTTP/1.1\r\nHost:\r\nContent-Type: text/caddyfile\r\nCache-Control: must-revalidate\r\nConnection: close\r\n"


def main(times: int) -> None:
    text = FILE.read_bytes()
    for _ in range(times):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect("/run/pvdify-edge/admin.sock")
            admin.sendall(f"{HEAD}Content-Length: {len(text)}\r\n\r\n".encode() + text)
            said = b""
            while piece := admin.recv(65536):
                said += piece
            assert b" 200 " in said.splitlines()[0], said
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
