"""`make bench`: boot a bed with pvdify installed, and print what was measured, one JSON object a line."""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import api, config, edge, router
from tests.e2e.installed import installed
from tests.e2e.load import Load
from tests.e2e.operator import REGISTRY, Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed

PYTHON = "/usr/lib/pvdify/venv/bin/python"
CROWD = "/opt/crowd.py"
RUNNING = 20
API_APPS = 100


def main() -> int:
    """Measure everything; see docs/why.md for what the floors are."""
    with installed() as bed:
        bed.boot()
        bed.path(CROWD).write_text((Path(__file__).parent / "crowd.py").read_text())
        operator = Operator(bed)
        images = [operator.push(release) for release in ("v1", "v2")]
        _say("cli_version_ms", *_timed(bed, ["pvdify", "--version"], ["python3", "-c", "pass"], rounds=15))
        pinned = _deploys(operator, "deploy_to_serving_ms", images, app="blog")
        _cli_start(operator, pinned)
        _rollbacks(operator, pinned)
        for count in (1, 100, 1000):
            _crowd(bed, "publish", count)
        for count in (1, 100, 1000):
            _crowd(bed, "render", count)
        _swaps(operator, pinned)
        config.measure(operator, pinned[0], _say)
        router.measure(operator, "blog", _say)
        edge.measure(operator, pinned, _say)
    with installed() as bed:
        bed.boot()
        bed.path(CROWD).write_text((Path(__file__).parent / "crowd.py").read_text())
        operator = Operator(bed)
        images = [operator.push(release) for release in ("v1", "v2")]
        _crowded(operator, images)
    with installed() as bed:
        bed.boot()
        bed.path(CROWD).write_text((Path(__file__).parent / "crowd.py").read_text())
        bed.run(PYTHON, CROWD, "seed", str(API_APPS), f"{REGISTRY}/sample@sha256:{'a' * 64}", timeout=300)
        api.measure(Operator(bed), _say)
        for count in (1, 100, 1000):
            image = f"{REGISTRY}/sample@sha256:{'a' * 64}"
            bed.run(PYTHON, CROWD, "seed", str(count), image, timeout=300)
            name = f"cli_apps_{count}_ms"
            _say(name, *_timed(bed, ["pvdify", "apps"], ["python3", "-c", "pass"], rounds=9))
    return 0


def _deploys(operator: Operator, name: str, images: list[str], *, app: str) -> list[str]:
    """Deploy two releases in turn, by digest, image local; the floor in the same run. The images by digest."""
    operator.create(app)
    pinned = []
    for image in images:
        operator.pvdify("deploy", app, "--image", image)
        pinned.append(str(operator.answer("releases:info", app, "v" + str(operator.live(app)))["image"]))
    floor = operator.floor_ms(pinned[0], rounds=5)
    found = [float(operator.answer("deploy", app, "--image", pinned[turn % 2])["serving_ms"]) for turn in range(12)]
    _say(name, statistics.median(found), (floor + operator.floor_ms(pinned[0], rounds=5)) / 2, len(found))
    return pinned


def _rollbacks(operator: Operator, pinned: list[str]) -> None:
    found = []
    floor = operator.floor_ms(pinned[0], rounds=7)
    for turn in range(8):
        operator.pvdify("deploy", "blog", "--image", pinned[turn % 2])
        found.append(float(operator.answer("rollback", "blog")["serving_ms"]))
    _say("rollback_to_serving_ms", statistics.median(found), floor, len(found))


def _cli_start(operator: Operator, pinned: list[str]) -> None:
    """From the start of the process to the first line of the operation's journal."""
    script = (
        "import datetime,json,pathlib,subprocess,sys,time\n"
        "began=time.time()\n"
        "subprocess.run(['pvdify','deploy','blog','--image',sys.argv[1]],check=True,stdout=subprocess.DEVNULL)\n"
        "journal=max(pathlib.Path('/var/lib/pvdify/operations').glob('*.jsonl'))\n"
        "first=json.loads(journal.read_text().splitlines()[0])\n"
        "print((datetime.datetime.fromisoformat(first['at']).timestamp()-began)*1000)\n"
    )
    found = [float(operator.bed.run("python3", "-c", script, pinned[turn % 2]).stdout) for turn in range(8)]
    floor = _median(lambda: _seconds(operator.bed, ["python3", "-c", "pass"]), 8)
    _say("cli_deploy_start_ms", statistics.median(found), floor, len(found))


def _crowd(bed: Bed, what: str, count: int) -> None:
    found = json.loads(bed.run(PYTHON, CROWD, what, str(count), timeout=300).stdout)
    _say(f"{what}_{count}_apps_ms", found["value"], found["floor"], 7)


def _crowded(operator: Operator, images: list[str]) -> None:
    """A host with 500 apps, their units loaded and 20 of them running, and one more that is deployed."""
    bed = operator.bed
    operator.create("first")
    operator.pvdify("deploy", "first", "--image", images[0])
    pinned = str(operator.answer("releases:info", "first", "v1")["image"])
    bed.run(PYTHON, CROWD, "seed", "499", pinned, timeout=300)
    bed.run("systemctl", "daemon-reload", timeout=120)
    bed.run("systemctl", "reload", "pvdify-router.service", timeout=120)
    for number in range(RUNNING - 1):
        bed.run("systemctl", "start", f"pvdify-crowd-{number}-v1-web-1.service")
    _deploys(operator, "deploy_to_serving_500_apps_ms", images, app="blog")


def _swaps(operator: Operator, pinned: list[str]) -> None:
    """Deploys, rollbacks, restarts and scales under load: how many requests, and how many failed."""
    front = int(operator.answer("apps:info", "blog")["bind_port"])
    with Load(operator.bed, front, keep_alive=6, new=3, slow=1, websockets=0, uploads=1, rate=1000) as load:
        for turn in range(4):
            operator.pvdify("deploy", "blog", "--image", pinned[turn % 2])
            operator.pvdify("rollback", "blog")
            operator.pvdify("ps:restart", "blog")
            operator.pvdify("ps:scale", "blog", f"web={1 + turn % 3}")
    result = load.result
    assert result is not None
    _say("swap_failed_requests", result.failed, None, 16, unit="requests")
    _say("swap_requests", result.requests, None, 16, unit="requests")


def _timed(bed: Bed, argv: list[str], floor: list[str], *, rounds: int) -> tuple[float, float, int]:
    """The median wall time of a whole process, and of its floor, in turn."""
    found, least = [], []
    for _ in range(rounds):
        found.append(_seconds(bed, argv))
        least.append(_seconds(bed, floor))
    return statistics.median(found), statistics.median(least), rounds


def _seconds(bed: Bed, argv: list[str]) -> float:
    script = (
        "import json,subprocess,sys,time\n"
        "began=time.perf_counter()\n"
        "subprocess.run(json.loads(sys.argv[1]),check=True,stdout=subprocess.DEVNULL)\n"
        "print((time.perf_counter()-began)*1000)\n"
    )
    return float(bed.run("python3", "-c", script, json.dumps(argv)).stdout)


def _median(once: Callable[[], float], rounds: int) -> float:
    return statistics.median(once() for _ in range(rounds))


def _say(name: str, value: float, floor: float | None, n: int, *, unit: str = "ms") -> None:
    ratio = round(value / floor, 2) if floor else None
    line = {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "floor": round(floor, 1) if floor else None,
        "ratio": ratio,
        "n": n,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
