"""Runs in the testbed: asks the API over TLS as a stranger would, and says what it saw as one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

HOST, PORT = "127.0.0.1", 9443
TLS = ssl.create_default_context(cafile="/etc/pvdify/tls/cert.pem")
HEAD = f"Host: localhost\r\nAuthorization: Bearer {os.environ['TOKEN']}\r\n"
GOOD = 3
PATIENCE = 60.0


def connected() -> ssl.SSLSocket:
    """A connection over TLS."""
    plain = socket.create_connection((HOST, PORT), timeout=60)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return TLS.wrap_socket(plain, server_hostname="localhost")


def asked(connection: ssl.SSLSocket, path: str) -> int:
    """The status of one question over *connection*, its answer read to the end."""
    connection.sendall(f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionError(data)
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65_536)
    return int(head.split()[1])


def percentile(times: list[float], part: float) -> float:
    """The *part* of *times*, in milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def once(path: str) -> dict[str, float]:
    """From the connection to the answer."""
    began = time.perf_counter()
    with connected() as connection:
        status = asked(connection, path)
    return {"ms": (time.perf_counter() - began) * 1000, "status": status}


def bare() -> dict[str, float]:
    """What Python and the libraries of a service take to be there."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import ssl, aiohttp.web, msgspec"], check=True)
    return {"ms": (time.perf_counter() - began) * 1000}


def warm(path: str, count: int) -> dict[str, float]:
    """Many questions over one connection."""
    times = []
    with connected() as connection:
        for _ in range(20):
            asked(connection, path)
        for _ in range(count):
            began = time.perf_counter()
            asked(connection, path)
            times.append(time.perf_counter() - began)
    return {"p50": percentile(times, 0.5), "p99": percentile(times, 0.99)}


async def slow_client(number: int, context: ssl.SSLContext) -> float:
    """One that never finishes: the seconds until it was closed.

    Of ten, five say nothing, three send a byte a second that may yet become a TLS handshake, one sends its head and one its body like that.
    """
    kind = {8: 1, 9: 2}.get(number % 10, 0 if number % 10 < 5 else 3)
    tls = context if kind in {1, 2} else None
    began = time.monotonic()
    try:
        reader, writer = await asyncio.open_connection(
            HOST, PORT, ssl=tls, server_hostname="localhost" if tls else None
        )
    except OSError:
        return time.monotonic() - began
    try:
        if kind == 2:
            writer.write(f"POST /api/v1/apps HTTP/1.1\r\n{HEAD}Content-Length: 60000\r\n\r\n".encode())
        while kind != 0 and time.monotonic() - began < PATIENCE:
            writer.write({1: b"G", 2: b"{", 3: b"\x16"}[kind])
            try:
                if not await asyncio.wait_for(reader.read(4096), 1):
                    break
            except TimeoutError:
                continue
        if kind == 0:
            await asyncio.wait_for(reader.read(1), PATIENCE)
    except (OSError, TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return time.monotonic() - began


async def crowd(count: int) -> dict[str, float]:
    """*count* of them, a thousand a second: how many were closed, and how long the last one of those took."""
    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(slow_client(number, TLS)))
        if number % 50 == 49:
            await asyncio.sleep(0.05)
    closed = [one for one in await asyncio.gather(*tasks) if one < PATIENCE]
    return {"closed": len(closed), "longest_s": max(closed, default=0.0)}


async def burst(path: str, count: int) -> list[int]:
    """*count* requests at once, each over a connection of its own; their statuses, 0 for one that got no answer."""

    async def one() -> int:
        try:
            reader, writer = await asyncio.open_connection(HOST, PORT, ssl=TLS, server_hostname="localhost")
            writer.write(f"GET {path} HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode())
            said = await asyncio.wait_for(reader.read(-1), PATIENCE)
            writer.close()
            head, _, body = said.partition(b"\r\n\r\n")
            return int(head.split()[1]) if body else 0
        except (OSError, TimeoutError, IndexError):
            return 0

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def race(path: str, count: int) -> dict[str, object]:
    """*count* requests in bursts of 20, so far apart that the services are about to go, going or gone when the next one comes."""
    statuses: list[int] = []
    turns = count // 20
    for turn in range(turns):
        statuses += await burst(path, 20)
        await asyncio.sleep(0.2 + 0.6 * (turn * 7 % turns) / turns)
    return {"statuses": {str(one): statuses.count(one) for one in set(statuses)}}


def slow(path: str, count: int) -> dict[str, float]:
    """A crowd of slow clients, in a process of its own, and a good one that comes again and again meanwhile; and the memory of the service."""
    times: list[float] = []
    pid = subprocess.run(
        ["systemctl", "show", "-P", "MainPID", "pvdifyd.service"], check=True, capture_output=True, text=True
    ).stdout.strip()
    most = 0
    with subprocess.Popen([sys.executable, __file__, "crowd", str(count)], stdout=subprocess.PIPE, text=True) as others:
        while others.poll() is None:
            began = time.perf_counter()
            with connected() as connection:
                status = asked(connection, path)
            times.append(time.perf_counter() - began)
            if status != 200:
                raise RuntimeError(status)
            kib = next(
                line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
            )
            most = max(most, int(kib.split()[1]))
            time.sleep(0.02)
        said = others.stdout.read() if others.stdout else ""
    return {
        **json.loads(said),
        "p99": percentile(times, 0.99),
        "good": len(times),
        "rss_mb": most / 1024,
    }


def main(words: list[str]) -> None:
    """Do what the words say."""
    match words:
        case ["import"]:
            said: object = bare()
        case ["once", path]:
            said = once(path)
        case ["warm", path, count]:
            said = warm(path, int(count))
        case ["slow", path, count]:
            said = slow(path, int(count))
        case ["race", path, count]:
            said = asyncio.run(race(path, int(count)))
        case ["crowd", count]:
            said = asyncio.run(crowd(int(count)))
        case _:
            raise SystemExit(64)
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
