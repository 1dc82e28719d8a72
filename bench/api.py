"""What the API costs: cold, warm, when nobody asks, and in a crowd that never finishes a request."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from tests.e2e.api.ask import asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed
    from tests.e2e.operator import Operator

SERVICES = ("pvdifyd.service", "pvdify-host.service")
SLOW = 10_000


def measure(operator: Operator, say: Callable[..., None]) -> None:
    """Say every figure of the API; *say* takes a name, a value, a floor or None, a count, and a unit."""
    bed = operator.bed
    token = str(operator.answer("tokens:create", "bench", "--scope", "admin")["token"])

    bare = [_client(bed, token, "import") for _ in range(8)]
    health = [_cold(bed, token, "/health") for _ in range(10)]
    say("api_cold_health_ms", statistics.median(health), statistics.median(bare), len(health))
    both = [_cold(bed, token, "/api/v1/whoami") for _ in range(10)]
    say("api_cold_operation_ms", statistics.median(both), statistics.median(health), len(both))

    warm = asked(bed, token, "warm", "/api/v1/apps", "400")
    floor = asked(bed, token, "warm", "/health", "400")
    say("api_warm_apps_p50_ms", warm["p50"], floor["p50"], 400)
    refused = asked(bed, token, "warm", "/api/v1/apps/%2e%2e", "400")
    say("api_refused_p99_ms", refused["p99"], floor["p99"], 400)
    say("api_active_rss_mb", max(_rss_mb(bed, one) for one in SERVICES), None, 1, unit="MB")

    slow = asked(bed, token, "slow", "/api/v1/apps", str(SLOW), timeout=180)
    assert slow["closed"] == SLOW
    say("slow_clients_closed_s", slow["longest_s"], None, SLOW, unit="s")
    say("slow_clients_good_p99_ms", slow["p99"], warm["p99"], slow["good"])
    say("slow_clients_rss_mb", slow["rss_mb"], None, 1, unit="MB")

    bed.wait_until(lambda: not any(_is_up(bed, one) for one in SERVICES), timeout=90, what="both services to go")
    say("api_idle_processes", len(_processes(bed)), None, 1, unit="processes")


def _cold(bed: Bed, token: str, path: str) -> float:
    bed.run("systemctl", "stop", *SERVICES)
    return _client(bed, token, "once", path)


def _client(bed: Bed, token: str, *words: str) -> float:
    return float(asked(bed, token, *words)["ms"])


def _rss_mb(bed: Bed, service: str) -> float:
    pid = bed.run("systemctl", "show", "-P", "MainPID", service).stdout.strip()
    status = bed.path(f"/proc/{pid}/status").read_text()
    kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    return kib / 1024


def _is_up(bed: Bed, service: str) -> bool:
    return bed.run("systemctl", "is-active", service, check=False).stdout.strip() not in {"inactive", "failed"}


def _processes(bed: Bed) -> list[str]:
    """Command lines of what runs of pvdify's own programs."""
    listed = bed.run("ps", "-eo", "args", "--no-headers").stdout.splitlines()
    return [line for line in listed if "/usr/lib/pvdify/" in line or "pvdify.serve" in line]
