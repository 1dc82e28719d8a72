#!/usr/lib/pvdify/venv/bin/python
"""Stands in for cloudflared: the same command line, configuration file, credentials and signals, and a Cloudflare in the same bed.

Like it, it reads its ingress once; it says that it is ready when it is connected; on SIGTERM it says goodbye to Cloudflare, lets open
requests end, and leaves. `cloudflared tunnel ingress validate` knows the rules of the real one, as its source has them.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, web

CLOUDFLARE = "http://127.0.0.1:8787"
GRACE = 30.0
_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}


def main() -> int:
    words = sys.argv[1:]
    if words == ["--version"]:
        print("cloudflared version 2026.1.0 (built 2026-01-15-1200 UTC)")
        return 0
    config = Path(words[words.index("--config") + 1])
    text = config.read_text()
    if words[-2:] == ["ingress", "validate"]:
        if problem := wrong(text):
            print(f"Validation failed: {problem}", file=sys.stderr)
            return 1
        print(f"Validating rules from {config}\nOK")
        return 0
    if words[-2:] != ["tunnel", "run"] or "--no-autoupdate" not in words:
        print(f"cannot understand {words}", file=sys.stderr)
        return 2
    tunnel = re.search(r"^tunnel: (\S+)$", text, re.MULTILINE)
    credentials = json.loads(Path(os.environ["TUNNEL_CRED_FILE"]).read_text())
    if tunnel is None or credentials["TunnelID"] != tunnel[1]:
        print("Tunnel credentials do not fit the tunnel", file=sys.stderr)
        return 1
    return asyncio.run(replica(rules(text), credentials))


def rules(text: str) -> list[tuple[str, str]]:
    """The ingress as pairs of hostname (empty: any) and service, in their order."""
    ingress = text.partition("\ningress:\n")[2]
    found = []
    for part in re.split(r"^  - ", ingress, flags=re.MULTILINE)[1:]:
        host = re.search(r'hostname: "?([^"\s]+)"?', part)
        service = re.search(r"service: (\S+)", part)
        found.append((host[1] if host else "", service[1] if service else ""))
    return found


def wrong(text: str) -> str:
    """What cloudflared would not take of the ingress; empty if nothing."""
    found = rules(text)
    if not found:
        return "no ingress rules were specified"
    for number, (host, service) in enumerate(found):
        if not re.fullmatch(r"https?://[^/\s]+|http_status:[1-9][0-9]{2}", service):
            return f"rule #{number + 1} has the service {service!r}, which has a path or no scheme"
        if not host and number != len(found) - 1:
            return f"rule #{number + 1} matches all and is not the last"
        if ":" in host or host.count("*") > 1 or ("*" in host and not host.startswith("*.")):
            return f"rule #{number + 1} has a hostname with a port, or a star that is not leftmost"
    return "" if not found[-1][0] else "the last rule must match all"


async def replica(ingress: list[tuple[str, str]], credentials: dict[str, str]) -> int:
    """Connect, serve, and leave when told to."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    open_ = 0
    idle = asyncio.Event()
    idle.set()
    async with ClientSession(timeout=ClientTimeout(total=None), auto_decompress=False) as session:

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal open_
            open_ += 1
            idle.clear()
            try:
                return await passed_on(session, ingress, request)
            finally:
                open_ -= 1
                if not open_:
                    idle.set()

        server = web.Server(serve)
        runner = web.ServerRunner(server, handle_signals=False)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        who = {
            "port": listening.getsockname()[1],
            "tunnel": credentials["TunnelID"],
            "secret": credentials["TunnelSecret"],
        }
        while True:
            try:
                async with session.post(f"{CLOUDFLARE}/_replicas", json=who) as answer:
                    if answer.status == 200:
                        break
                    print(f"Unauthorized: {await answer.text()}", file=sys.stderr)
                    return 1
            except OSError:
                await asyncio.sleep(0.2)
        notify("READY=1")
        print(f"Registered tunnel connection, pid {os.getpid()}", file=sys.stderr)
        await told.wait()
        notify("STOPPING=1")
        async with session.delete(f"{CLOUDFLARE}/_replicas", json=who):
            pass
        try:
            async with asyncio.timeout(GRACE):
                await idle.wait()
        except TimeoutError:
            print("grace period is over", file=sys.stderr)
        await runner.cleanup()
    return 0


async def passed_on(
    session: ClientSession, ingress: list[tuple[str, str]], request: web.BaseRequest
) -> web.StreamResponse:
    """What the service of the first rule that fits answers."""
    host = request.headers.get("Host", "").partition(":")[0]
    service = next(service for name, service in ingress if fits(name, host))
    if service.startswith("http_status:"):
        return web.Response(status=int(service.partition(":")[2]))
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
    body = await request.read()
    async with session.request(
        request.method, service + request.path_qs, headers=headers, data=body or None, allow_redirects=False
    ) as answer:
        back = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        return web.Response(status=answer.status, headers=back, body=await answer.read())


def fits(name: str, host: str) -> bool:
    return not name or name == host or (name.startswith("*.") and host.endswith(name[1:]))


def notify(text: str) -> None:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(address.replace("@", "\0", 1))
            channel.send(text.encode())


if __name__ == "__main__":
    sys.exit(main())
