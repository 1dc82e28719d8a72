"""What the router adds to a request: the same load through a front, and at the instance behind it."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Final

from tests.e2e.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.operator import Operator

CONNECTIONS: Final = 32
ROUNDS: Final = 9
SECONDS: Final = 2
CALM: Final = 500
"""Requests a second of which each is logged, and which leave the machine time."""
FLAT_OUT: Final = 1_000_000


def measure(operator: Operator, app: str, say: Callable[..., None]) -> None:
    """Say what a request takes through the front of *app* and at its instance, in turn, access logs on.

    *say* takes a name, a value, a floor or None, a count, and a unit. The floor of what is added is the request without the router.
    """
    front, instance = int(operator.answer("apps:info", app)["bind_port"]), _instance_port(operator, app)
    for name, rate in (("router_added_p50_us", FLAT_OUT), (f"router_added_at_{CALM}_per_s_p50_us", CALM)):
        pairs = [(_p50_us(operator, instance, rate), _p50_us(operator, front, rate)) for _ in range(ROUNDS)]
        added = statistics.median(through - direct for direct, through in pairs)
        say(name, added, statistics.median(direct for direct, _ in pairs), ROUNDS, unit="us")


def _p50_us(operator: Operator, port: int, rate: int) -> float:
    clients = {"keep_alive": CONNECTIONS, "new": 0, "slow": 0, "websockets": 0}
    with Load(operator.bed, port, **clients, rate=rate, seconds=SECONDS) as load:
        result = load.finish()
    assert 0 == result.failed, result.failures
    return result.kinds["keep_alive"].p50_ms * 1000


def _instance_port(operator: Operator, app: str) -> int:
    row = json.loads(operator.bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"][app]
    return next(int(one["port"]) for one in row["instances"] if one.get("is_live"))
