"""What names cost: how soon one more is served beside a hundred others, and whether deploys behind an edge lose a request."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from typing import TYPE_CHECKING

from pvdify.render.edge import CADDY
from tests.e2e.edge import asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed
    from tests.e2e.operator import Operator

APP = "named"
NAMES = 100
ROUNDS = 8
DEPLOYS = 20
OPERATIONS = "/var/lib/pvdify/operations"
FILE = f"/var/lib/pvdify/current/{CADDY}"


def measure(operator: Operator, images: list[str], say: Callable[..., None]) -> None:
    """Say every figure of the edge; *say* takes a name, a value, a floor or None, a count, and a unit."""
    operator.create(APP)
    operator.pvdify("deploy", APP, "--image", images[0])
    operator.pvdify("edge:set", "caddy", "--internal-ca")
    operator.pvdify("domains:add", APP, *(f"n{number}.example.org" for number in range(NAMES - 1)))
    found, floor = [], []
    for _ in range(ROUNDS):
        for command in ("domains:add", "domains:remove"):
            operator.pvdify(command, APP, "last.example.org")
            found.append(_accepted_to_followed_ms(operator.bed))
            floor.append(_reload_ms(operator.bed))
    say(f"domains_{NAMES}_publish_ms", statistics.median(found), statistics.median(floor), len(found))

    with asking.load(operator.bed, "https://127.0.0.1/", "n0.example.org", authority=asking.AUTHORITY) as asked:
        for turn in range(DEPLOYS):
            operator.pvdify("deploy", APP, "--image", images[1 - turn % 2])
    say("edge_caddy_failed_requests", sum(asked.failures.values()), None, DEPLOYS, unit="requests")
    say("edge_caddy_requests", asked.answers, None, DEPLOYS, unit="requests")
    operator.pvdify("apps:destroy", APP, "--force")
    operator.pvdify("edge:set", "none")


def _accepted_to_followed_ms(bed: Bed) -> float:
    """From the first line of the newest operation's journal to the one that says that the edge serves the names."""
    journal = max(bed.path(OPERATIONS).glob(f"*.{APP}.jsonl"))
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    followed = next(line for line in lines if (line["kind"], line.get("step")) == ("done", "edge"))
    began, ended = (datetime.fromisoformat(line["at"]) for line in (lines[0], followed))
    return (ended - began).total_seconds() * 1000


def _reload_ms(bed: Bed) -> float:
    """The least that it takes: Caddy itself, as it checks the same file once, and takes it once."""
    script = (
        "import subprocess,sys,time\n"
        "file=('--adapter','caddyfile','--config',sys.argv[1])\n"
        "began=time.perf_counter()\n"
        "quiet={'stdout':subprocess.DEVNULL,'stderr':subprocess.DEVNULL,'check':True}\n"
        "subprocess.run(('caddy','validate',*file),**quiet)\n"
        "subprocess.run(('caddy','reload','--force','--address','unix//run/pvdify-edge/admin.sock',*file),**quiet)\n"
        "print((time.perf_counter()-began)*1000)\n"
    )
    return float(bed.run("python3", "-c", script, FILE).stdout)
