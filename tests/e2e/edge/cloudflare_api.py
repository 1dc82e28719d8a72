"""Stands in for Cloudflare's API in a bed, under its own name: a zone, a tunnel, and a token that is read from the input."""

import sys

from tests.fakes.cloudflare import ACCOUNT, TUNNEL, FakeAccount, FakeTunnel
from tests.fakes.cloudflare_server import Standin, secured

account = FakeAccount(token=sys.stdin.readline().strip())
account.add_zone("example.org")
account.tunnels[ACCOUNT, TUNNEL] = FakeTunnel("paas", config={"ingress": [{"service": "http_status:404"}]})
server = Standin(account, (sys.argv[1], 443))
secured(server, *sys.argv[2:])
print("ready", flush=True)
server.serve_forever()
