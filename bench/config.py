"""What config costs: a start with it, setting it up to the first answer, and 500 variables of 1 kB set and shown."""

from __future__ import annotations

import json
import statistics
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed
    from tests.e2e.operator import Operator

MANY: Final = 500
_ENV: Final = "/run/many.json"
_START: Final = """
import subprocess, sys, time
unit, name, value = sys.argv[1:]
for turn in range(int(value)):
    subprocess.run(["systemctl", "stop", unit], check=True)
    subprocess.run(["systemctl", "reset-failed", unit], stderr=subprocess.DEVNULL)  # so many starts are no crash loop
    began = time.perf_counter()
    subprocess.run(["systemctl", "start", unit], check=True)
    print((time.perf_counter() - began) * 1000)
"""
_TIMED: Final = """
import json, subprocess, sys, time
began = time.perf_counter()
subprocess.run(json.loads(sys.argv[1]), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print((time.perf_counter() - began) * 1000)
"""


def measure(operator: Operator, image: str, say: Callable[..., None]) -> None:
    """Measure with two apps that differ in nothing but their config."""
    bed = operator.bed
    operator.create("plain")
    operator.pvdify("deploy", "plain", "--image", image)
    operator.create("sealed")
    operator.pvdify("deploy", "sealed", "--image", image)
    _set_to_serving(operator, say)
    _many(operator, say)
    _added(bed, say)


def _set_to_serving(operator: Operator, say: Callable[..., None]) -> None:
    """Setting a variable up to the first answer of the release that has it; the floor is a deploy of the same image."""
    found, floor = [], []
    for turn in range(12):
        found.append(float(operator.answer("config:set", "sealed", f"TURN={turn}")["serving_ms"]))
        operator.pvdify("config:set", "plain", f"TURN={turn}", "--no-deploy")
        floor.append(_deploy(operator))
    say("config_set_to_serving_ms", statistics.median(found), statistics.median(floor), len(found))


def _deploy(operator: Operator) -> float:
    """A deploy of the same image, which takes the config that waits."""
    image = str(operator.answer("releases:info", "plain", f"v{operator.live('plain')}")["image"])
    return float(operator.answer("deploy", "plain", "--image", image)["serving_ms"])


def _many(operator: Operator, say: Callable[..., None]) -> None:
    """From the acceptance to the end, as a deploy is measured; and the whole commands, whose floor is the Python that they run in."""
    bed = operator.bed
    bed.path(_ENV).write_text(json.dumps({f"KEY_{number}": "v" * 1000 for number in range(MANY)}))
    bed.run("pvdify", "config:import", "sealed", _ENV)
    sets, whole, shows, floors = [], [], [], []
    for turn in range(9):
        whole.append(_timed(bed, "pvdify", "config:set", "sealed", "--no-deploy", f"TURN={turn}x"))
        sets.append(_operation(operator))
        shows.append(_timed(bed, "pvdify", "config", "sealed", "--reveal"))
        floors.append(_timed(bed, "python3", "-c", "pass"))
    say("config_set_500_ms", statistics.median(sets), None, len(sets))
    say("config_show_500_ms", statistics.median(shows), statistics.median(floors), len(shows))
    say("cli_config_set_500_ms", statistics.median(whole), statistics.median(floors), len(whole))


def _operation(operator: Operator) -> float:
    """How long the newest operation took, by its journal."""
    newest = max(operator.bed.path("/var/lib/pvdify/operations").glob("*.jsonl"))
    times = [datetime.fromisoformat(json.loads(line)["at"]) for line in newest.read_text().splitlines()]
    return (times[-1] - times[0]).total_seconds() * 1000


def _added(bed: Bed, say: Callable[..., None]) -> None:
    """A start of a unit with 500 sealed variables, less that of one without."""
    with_config = _started(bed, "sealed")
    without = _started(bed, "plain", has_config=False)
    say("sealed_config_added_ms", with_config - without, without, 9)


def _started(bed: Bed, app: str, *, has_config: bool = True) -> float:
    if not has_config:
        bed.run("pvdify", "config:unset", app, "TURN")
    listed = bed.run("systemctl", "list-units", "--plain", "--no-legend", f"pvdify-{app}-v*.service").stdout
    unit = listed.split()[0]
    said = bed.run("python3", "-c", _START, unit, app, "9", timeout=120).stdout
    return statistics.median(float(line) for line in said.splitlines())


def _timed(bed: Bed, *argv: str) -> float:
    return float(bed.run("python3", "-c", _TIMED, json.dumps(argv)).stdout)
