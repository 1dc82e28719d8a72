"""Whatever is done to an app, whoever uses it does not notice: many operations in a row, under load, with another app's going on."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest

from tests.e2e.journal import operations, unix_time
from tests.e2e.load import Load, Result
from tests.e2e.meanwhile import Deploys
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    import subprocess

    from tests.e2e.bed import Bed

OPERATIONS = 20
REQUESTS = 100_000
DRAIN_S = {"blog": 4.0, "shop": 5.0}

_IMAGE = "127.0.0.1:5000/sample"
_ROUND = (
    ("deploy", "blog", "--image", f"{_IMAGE}:v2"),
    ("ps:scale", "blog", "web=3"),
    ("deploy", "blog", "--image", f"{_IMAGE}:v3"),
    ("ps:restart", "blog"),
    ("rollback", "blog"),
    ("ps:scale", "blog", "web=1"),
    ("deploy", "blog", "--image", f"{_IMAGE}:v1"),
    ("ps:restart", "blog"),
    ("rollback", "blog"),
    ("deploy", "blog", "--image", f"{_IMAGE}:v3"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LongRequest:
    """A request that was asked before something happened, and what it got after it."""

    during: str
    status: str
    answered_by: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Afternoon:
    """What was done, and what the load had of it."""

    operator: Operator
    fronts: dict[str, int]
    done: list[str]
    done_to_shop: int
    reloads: int
    long_requests: list[LongRequest]
    result: Result


@pytest.fixture(scope="module")
def afternoon(bed: Bed) -> Afternoon:
    operator = Operator(bed)
    for release in ("v1", "v2", "v3"):
        operator.push(release)
    operator.push("crash", env={"APP_EXIT_AT_START": "3"})
    fronts = {app: operator.create(app) for app in ("blog", "shop", "calm")}
    for app, drain in DRAIN_S.items():
        # once drained, the app itself ends a websocket, 0.3 s after it was told to leave
        bed.path(f"/var/lib/pvdify/apps/{app}/slot.toml").write_text(
            f'name = "{app}"\ndrain = "{drain:.0f}s"\n\n[env]\nAPP_GRACE_MS = "300"\n'
        )
    for app in fronts:
        operator.pvdify("deploy", app, "--image", f"{_IMAGE}:v1")

    load = Load(
        bed, *fronts.values(), keep_alive=4, new=3, slow=1, websockets=1, uploads=1, rate=1000, seconds=900
    )  # fmt: skip
    with load, Deploys(operator, "shop", f"{_IMAGE}:v2", f"{_IMAGE}:v1") as shop:
        done, reloads, long_requests = _work(operator, load, fronts)
    assert load.result is not None
    return Afternoon(
        operator=operator,
        fronts=fronts,
        done=done,
        done_to_shop=shop.done,
        reloads=reloads,
        long_requests=long_requests,
        result=load.result,
    )


def test_no_request_fails_in_twenty_operations_and_a_hundred_thousand_requests(afternoon: Afternoon) -> None:
    assert () == afternoon.result.failures
    assert 0 == afternoon.result.failed
    assert afternoon.result.requests >= REQUESTS
    assert {"keep_alive", "new", "slow", "upload", "websocket"} == set(afternoon.result.kinds)
    assert len(afternoon.done) >= OPERATIONS
    assert {"deploy", "rollback", "ps:scale", "ps:restart"} == set(afternoon.done)
    assert afternoon.done_to_shop >= 5


def test_every_release_answered_while_it_was_live(afternoon: Afternoon) -> None:
    for release in ("v1", "v2", "v3"):
        assert afternoon.result.answered(release, front=afternoon.fronts["blog"])
    assert afternoon.result.answered("v1", front=afternoon.fronts["calm"])
    assert not afternoon.result.answered("v2", front=afternoon.fronts["calm"])


def test_long_requests_finish_at_the_instance_that_took_them(afternoon: Afternoon) -> None:
    told = [(one.during, "200", one.expected) for one in afternoon.long_requests]

    assert told == [(one.during, one.status, one.answered_by) for one in afternoon.long_requests]
    assert afternoon.result.kinds["slow"].requests >= 30
    assert {"a deploy", "a reload of the router", "a new app"} == {one.during for one in afternoon.long_requests}


def test_a_websocket_survives_what_is_done_to_others(afternoon: Afternoon) -> None:
    calm = f"127.0.0.1:{afternoon.fronts['calm']}"

    assert afternoon.reloads >= 4
    assert [] == [drop for drop in afternoon.result.websocket.dropped if drop.front == calm]
    assert afternoon.result.websocket.drops == len(afternoon.result.websocket.dropped)  # none was left out
    assert afternoon.result.websocket.longest_s > afternoon.result.seconds - 2


@pytest.mark.parametrize("app", ["blog", "shop"])
def test_a_websocket_has_the_drain_time_of_its_own_app(afternoon: Afternoon, app: str) -> None:
    front, drain = f"127.0.0.1:{afternoon.fronts[app]}", DRAIN_S[app]
    begun = sorted(
        unix_time(line)
        for lines in operations(afternoon.operator.bed, app)
        for line in lines
        if line["kind"] == "begin" and line.get("step") == "drain"
    )

    drops = [drop.at for drop in afternoon.result.websocket.dropped if drop.front == front]

    waited = [at - max(time for time in begun if time < at) for at in drops]
    assert len(drops) >= 5
    assert min(waited) >= drain - 0.05
    assert max(waited) < drain + 5


def test_afterwards_nothing_is_left_over(afternoon: Afternoon) -> None:
    for app in afternoon.fronts:
        assert [] == afternoon.operator.leftovers(app)


def _work(operator: Operator, load: Load, fronts: dict[str, int]) -> tuple[list[str], int, list[LongRequest]]:
    """Operate on `blog` until both numbers are reached; now and then a deploy fails, the router is reloaded, an app is made."""
    done: list[str] = []
    long_requests: list[LongRequest] = []
    reloads = 0
    for argv in itertools.cycle(_ROUND):
        if len(done) >= OPERATIONS and load.snapshot().requests >= REQUESTS:
            return done, reloads, long_requests
        serving = operator.curl(fronts["blog"]).split()[0]
        with _LongRequest(operator, fronts["blog"], ms=3000) as asked:
            assert "done" == operator.answer(*argv)["outcome"]
        done.append(argv[0])
        if argv[0] == "deploy":
            long_requests.append(asked.told(during="a deploy", expected=serving))
        if len(done) % 10 == 2:
            with _LongRequest(operator, fronts["calm"], ms=5000) as asked:
                operator.bed.run("systemctl", "reload", "pvdify-router")
                reloads += 1
            long_requests.append(asked.told(during="a reload of the router", expected="release=v1"))
        if len(done) % 10 == 6:
            with _LongRequest(operator, fronts["calm"], ms=5000) as asked:
                operator.create(f"new{len(done)}")
                reloads += 1
            long_requests.append(asked.told(during="a new app", expected="release=v1"))
        if len(done) % 10 == 8:
            refused = operator.pvdify("deploy", "blog", "--image", f"{_IMAGE}:crash", check=False)
            assert 0 != refused.returncode
    raise AssertionError


class _LongRequest:
    """A request that is under way while the block runs."""

    def __init__(self, operator: Operator, front: int, *, ms: int) -> None:
        self._bed = operator.bed
        self._url = f"http://127.0.0.1:{front}/slow?ms={ms}"
        self._process: subprocess.Popen[str] | None = None
        self._said = ""

    def __enter__(self) -> Self:
        self._process = self._bed.spawn("curl", "-s", "-m", "30", "-w", "%{json}", self._url)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            with self._process as process:
                self._said, _ = process.communicate(timeout=40)

    def told(self, *, during: str, expected: str) -> LongRequest:
        body, _, report = self._said.partition("\n")
        return LongRequest(
            during=during,
            status=str(json.loads(report)["http_code"]),
            answered_by=(body.split() or [""])[0],
            expected=expected,
        )
