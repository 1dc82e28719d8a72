"""`make demo`: the main job, watched by a person, on real systemd, Podman, HAProxy, Caddy and a real registry, under real load."""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from tests.e2e.edge import asking
from tests.e2e.installed import installed, make
from tests.e2e.load import Load
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    import subprocess


NAME = "blog.example.org"


def main() -> int:
    """Play the demo; 0 if every promise held."""
    _say("preparing a Debian 13 with pvdify installed (the first time takes a few minutes)")
    with installed() as bed:
        bed.boot()
        operator = Operator(bed)
        operator.push("v1")
        operator.push("v2")
        operator.push("v3", env={"APP_HEALTH": "bad"}, labels={"pvdify.health": "/health"})
        front = operator.create("blog")
        _type(operator, "deploy", "blog", "--image", "127.0.0.1:5000/sample:v1")
        with Load(bed, front, keep_alive=6, new=3, slow=1, websockets=0, uploads=1, rate=1000) as load:
            _type(operator, "deploy", "blog", "--image", "127.0.0.1:5000/sample:v2")
            _say("v3 never becomes healthy; it must be refused, and v2 must go on serving")
            refused = _type(operator, "deploy", "blog", "--image", "127.0.0.1:5000/sample:v3", check=False)
            still = operator.curl(front)
            _type(operator, "rollback", "blog")
            back = operator.curl(front)
            _type(operator, "ps:scale", "blog", "web=3")
            _type(operator, "ps", "blog")
            _type(operator, "releases", "blog")
        result = load.result
        assert result is not None
        _say(
            "a name: Caddy answers for it over HTTPS, here with an authority of its own, while releases come and go behind it"
        )
        _type(operator, "edge:set", "caddy", "--internal-ca")
        _type(operator, "domains:add", "blog", NAME)
        with asking.load(bed, "https://127.0.0.1/", NAME, authority=asking.AUTHORITY) as by_name:
            _type(operator, "deploy", "blog", "--image", "127.0.0.1:5000/sample:v2")
            _type(operator, "rollback", "blog")
        named = asking.https(bed, NAME)
        _say(f"https://{NAME}/ answers: {named.strip()}")
        _say("measuring without load, against the least that systemd and Podman need for it")
        operator.pvdify("ps:scale", "blog", "web=1")
        first, second = (str(operator.answer("releases:info", "blog", one)["image"]) for one in ("v1", "v2"))
        deploys, rollbacks = [], []
        for _ in range(5):
            deploys.append(operator.answer("deploy", "blog", "--image", second)["serving_ms"])
            rollbacks.append(operator.answer("rollback", "blog")["serving_ms"])
        floor_ms = operator.floor_ms(first)
        operator.pvdify("ps:scale", "blog", "web=3")
        _say("uninstalling pvdify, then rebooting: the app must come back by itself")
        make(bed, "uninstall")
        bed.reboot()
        seconds = operator.wait_for(front, "release=v1")
        _say(f"blog answers {seconds:.1f} s after the boot: {operator.curl(front).strip()}")
        checks = {
            "v3 was refused": refused.returncode != 0,
            "v2 went on serving": "release=v2" in still,
            "the rollback led to v1": "release=v1" in back,
            "no request failed": result.failed == 0,
            "nor one by name over HTTPS": by_name.answers > 0 and not by_name.failures,
            "and the name led to v1": "release=v1" in named,
            "also after the boot": "release=v1" in asking.https(bed, NAME),
        }
        for promise, holds in checks.items():
            _say(f"{'ok  ' if holds else 'FAIL'} {promise}")
        print(
            f"demo: requests={result.requests} failed={result.failed} https={by_name.answers} "
            f"https_failed={sum(by_name.failures.values())} deploy_ms={statistics.median(deploys):.0f} "
            f"floor_ms={floor_ms:.0f} rollback_ms={statistics.median(rollbacks):.0f} reboot=ok"
        )
        return 0 if all(checks.values()) else 1


def _type(operator: Operator, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    print(f"\n$ pvdify {' '.join(argv)}", flush=True)
    began = time.monotonic()
    done = operator.pvdify(*argv, check=check)
    print(done.stdout + done.stderr, end="")
    print(f"  ({time.monotonic() - began:.2f} s, exit status {done.returncode})", flush=True)
    return done


def _say(text: str) -> None:
    print(f"-- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
