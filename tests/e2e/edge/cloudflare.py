#!/usr/lib/pvdify/venv/bin/python
"""Stands in for Cloudflare's side of a tunnel: whoever asks for a name of it is served by one of the replicas that are connected, in turn."""

import asyncio
import sys
from collections import Counter

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}


class Cloudflare:
    """The replicas of one tunnel, whose secret it knows."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.ports: list[int] = []
        self.open: Counter[int] = Counter()
        self.turn = 0
        self.session: ClientSession | None = None

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/_replicas":
            return await self._replicas(request)
        if not self.ports:
            return web.Response(status=530, text="1033: no replica of the tunnel is connected")
        self.turn += 1
        port = self.ports[self.turn % len(self.ports)]
        self.open[port] += 1
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        headers |= {"CF-Connecting-IP": "203.0.113.7", "X-Forwarded-Proto": "https"}
        try:
            return await self._sent(request, port, headers, await request.read())
        finally:
            self.open[port] -= 1

    async def _sent(self, request: web.BaseRequest, port: int, headers: dict[str, str], body: bytes) -> web.Response:
        assert self.session is not None
        async with self.session.request(
            request.method,
            f"http://127.0.0.1:{port}{request.path_qs}",
            headers=headers,
            data=body or None,
            allow_redirects=False,
        ) as answer:
            back = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, headers=back, body=await answer.read())

    async def _replicas(self, request: web.BaseRequest) -> web.Response:
        if request.method == "GET":
            return web.json_response(self.ports)
        who = await request.json()
        if who["secret"] != self.secret:
            return web.Response(status=401, text="wrong secret")
        if request.method == "POST":
            self.ports.append(who["port"])
        else:
            self.ports.remove(who["port"])
            # What is on its way to a replica comes before the answer to its goodbye: they share one connection.
            while self.open[who["port"]]:  # noqa: ASYNC110 - it is a count that is waited for
                await asyncio.sleep(0.01)
        return web.Response()


async def main(secret: str) -> None:
    cloudflare = Cloudflare(secret)
    # a connection for each request: which replica has a request open is then plain to see
    connector = TCPConnector(force_close=True, limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=None), auto_decompress=False) as session:
        cloudflare.session = session
        runner = web.ServerRunner(web.Server(cloudflare.serve))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 8787).start()
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
