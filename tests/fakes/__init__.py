"""A host without a host: every role of `ports.py` in memory, with knobs to break it and a state to look at.

`FakeHost` wires them to each other: what `reload` reads is the tree at *current*, what answers on a port is an
active unit that publishes it, and behind a front are the servers that the router was given.
"""

from tests.fakes.edge import FakeEdge
from tests.fakes.host import FakeHost
from tests.fakes.journal import FakeClock, FakeConsole, FakeLogs
from tests.fakes.network import REFUSED, FakeNetwork, FakeResolver
from tests.fakes.podman import FakePodman
from tests.fakes.router import Backend, FakeRouter
from tests.fakes.secrets import FakeSeal, FakeSecrets
from tests.fakes.systemd import FakeQuadlet, FakeSystemd, made_by_quadlet

__all__ = [
    "REFUSED",
    "Backend",
    "FakeClock",
    "FakeConsole",
    "FakeEdge",
    "FakeHost",
    "FakeLogs",
    "FakeNetwork",
    "FakePodman",
    "FakeQuadlet",
    "FakeResolver",
    "FakeRouter",
    "FakeSeal",
    "FakeSecrets",
    "FakeSystemd",
    "made_by_quadlet",
]
