"""What the router adds to a request: the same load through a front, at the instance behind it, and through an HAProxy that does nothing else."""

from __future__ import annotations

import json
import statistics
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.e2e.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.operator import Operator

CONNECTIONS: Final = 32
ROUNDS: Final = 9
SECONDS: Final = 2
OK: Final = 200
CALM: Final = 500
"""Requests a second of which each is logged, and which leave the machine time."""
FLAT_OUT: Final = 1_000_000
BARE: Final = """
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 1s
frontend bare
    bind 127.0.0.1:3999
    default_backend instance
backend instance
    server instance 127.0.0.1:{port}
"""
BARE_PORT: Final = 3999


def measure(operator: Operator, app: str, say: Callable[..., None]) -> None:
    """Say what a request takes through the front of *app* and at its instance, in turn, access logs on.

    *say* takes a name, a value, a floor or None, a count, and a unit. The floor of what is added is the request without the router.
    """
    front, instance = int(operator.answer("apps:info", app)["bind_port"]), _instance_port(operator, app)
    with _bare(operator, instance):
        for what, rate in (("", FLAT_OUT), (f"_at_{CALM}_per_s", CALM)):
            rounds = [[_p50_us(operator, port, rate) for port in (instance, front, BARE_PORT)] for _ in range(ROUNDS)]
            direct = statistics.median(one[0] for one in rounds)
            for name, place in (("router", 1), ("bare_haproxy", 2)):
                added = statistics.median(one[place] - one[0] for one in rounds)
                say(f"{name}_added{what}_p50_us", added, direct, ROUNDS, unit="us")


@contextmanager
def _bare(operator: Operator, instance: int) -> Iterator[None]:
    """Have an HAProxy that only passes on what it is asked, before the same instance."""
    bed = operator.bed
    bed.path("/opt/bare.cfg").write_text(BARE.format(port=instance))
    process = bed.spawn("haproxy", "-db", "-f", "/opt/bare.cfg")
    try:
        bed.wait_until(lambda: operator.status(BARE_PORT) == OK, what="the bare HAProxy to pass requests on")
        yield
    finally:
        process.terminate()
        process.communicate()


def _p50_us(operator: Operator, port: int, rate: int) -> float:
    clients = {"keep_alive": CONNECTIONS, "new": 0, "slow": 0, "websockets": 0}
    with Load(operator.bed, port, **clients, rate=rate, seconds=SECONDS) as load:
        result = load.finish()
    assert 0 == result.failed, result.failures
    return result.kinds["keep_alive"].p50_ms * 1000


def _instance_port(operator: Operator, app: str) -> int:
    row = json.loads(operator.bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"][app]
    return next(int(one["port"]) for one in row["instances"] if one.get("is_live"))
