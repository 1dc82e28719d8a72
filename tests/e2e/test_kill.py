"""`kill -9` anywhere: the next command, or the recovery service, brings the app to the old or the new release, and nobody noticed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.e2e.journal import Line, has
from tests.e2e.kill import Point, killed, row, tag_of, wrong
from tests.e2e.load import Load
from tests.e2e.meanwhile import Deploys
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed

_IMAGE = "127.0.0.1:5000/sample"
Way = Callable[[Operator], int | None]
"""How a killed operation is recovered; the release that is live then, where that is not what `current` said before."""


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog` and `shop`, whose releases take a while to start: so its operations are under way most of the time."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
        operator.push(f"slow{release}", env={"APP_START_MS": "2500"})
    operator.push("crash", env={"APP_EXIT_AT_START": "3"})
    for app, releases in (("blog", ("v2", "v1")), ("shop", ("slowv1",))):
        operator.create(app)
        for release in releases:
            operator.pvdify("deploy", app, "--image", f"{_IMAGE}:{release}")
    return operator


@pytest.fixture
def loaded(operator: Operator) -> Iterator[None]:
    """Meanwhile both fronts are under load: not one request may fail."""
    fronts = (row(operator.bed, app).front for app in ("blog", "shop"))
    load = Load(operator.bed, *fronts, keep_alive=2, new=2, slow=0, websockets=0, rate=100, seconds=900)
    with load:
        yield
    assert load.result is not None
    assert () == load.result.failures
    assert load.result.requests >= 100


@pytest.fixture
def busy(operator: Operator, loaded: None) -> Iterator[None]:
    """Meanwhile `shop` is deployed again and again, too."""
    with Deploys(operator, "shop", f"{_IMAGE}:slowv2", f"{_IMAGE}:slowv1") as shop:
        yield
    assert shop.done >= 3


@dataclass(frozen=True, slots=True)
class Trial:
    """A command about `blog` that is killed somewhere; then what was left is recovered, and looked at from all sides."""

    operator: Operator
    problems: list[str] = field(default_factory=list)

    def kill(self, point: Point, argv: tuple[str, ...], then: Way) -> bool:
        """Whether the command was killed; False if it lived to its end."""
        bed = self.operator.bed
        old = row(bed, "blog").live
        lines = killed(bed, "blog", point, *argv)
        if lines is None:
            return False
        verdict = row(bed, "blog").live
        problems = []
        if has(lines, "done", "switch") and verdict != _release(lines):
            problems.append(f"v{verdict} is live, but the switch to v{_release(lines)} was done")
        if not has(lines, "begin", "switch") and verdict != old:
            problems.append(f"v{verdict} is live, but the switch from v{old} was not begun")
        live = then(self.operator) or verdict
        problems += wrong(self.operator, "blog", live=live)
        told = f"{argv[0]}, {point.told(lines)}, then {then.__name__.strip('_')}"
        self.problems.extend(f"{told}: {problem}" for problem in problems)
        return True

    def sweep(self, argv: Callable[[], tuple[str, ...]], *ways: Way, where: tuple[str, ...] = ("step",)) -> int:
        """Kill it at every place, one after the other, until it lives to its end; at how many it was killed.

        The places that there are by default lack those where a step is done: nothing is done between it and the beginning of the next.
        """
        by_turns = itertools.cycle(ways)
        points = (Point(one, number) for number in itertools.count() for one in where)
        return sum(1 for _ in itertools.takewhile(lambda point: self.kill(point, argv(), next(by_turns)), points))


@pytest.fixture
def trial(operator: Operator) -> Iterator[Trial]:
    trial = Trial(operator)
    yield trial
    assert [] == trial.problems


def test_a_deploy_killed_before_and_after_every_line(trial: Trial, busy: None) -> None:
    points = trial.sweep(
        lambda: _deploy(trial.operator), _next_command, _recovery_service, _next_deploy, where=("before", "after")
    )

    assert points >= 50


def test_a_deploy_that_fails_killed_at_every_step(trial: Trial, busy: None) -> None:
    live = row(trial.operator.bed, "blog").live

    points = trial.sweep(lambda: ("deploy", "blog", "--image", f"{_IMAGE}:crash"), _next_command, _recovery_service)

    assert points >= 6
    assert live == row(trial.operator.bed, "blog").live


def test_a_rollback_killed_at_every_step(trial: Trial, loaded: None) -> None:
    points = trial.sweep(
        lambda: ("rollback", "blog", f"v{row(trial.operator.bed, 'blog').warm}"), _next_command, _recovery_service
    )

    assert points >= 9


def test_a_restart_killed_at_every_step(trial: Trial, loaded: None) -> None:
    points = trial.sweep(lambda: ("ps:restart", "blog"), _next_command, _recovery_service)

    assert points >= 9


def test_scaling_up_killed_at_every_step(trial: Trial, loaded: None) -> None:
    points = trial.sweep(lambda: ("ps:scale", "blog", "web=2"), _next_command)

    assert points >= 9
    assert 2 == len(trial.operator.units("blog"))


def test_scaling_down_killed_at_every_step(trial: Trial, loaded: None) -> None:
    trial.operator.pvdify("ps:scale", "blog", "web=2")

    points = trial.sweep(lambda: ("ps:scale", "blog", "web=1"), _scale_to_two)

    assert points >= 6
    assert 1 == len(trial.operator.units("blog"))


def test_a_deploy_killed_at_every_change_of_a_name_on_the_disk(trial: Trial) -> None:
    """Nobody else is at work here, so that nobody else tidies up."""
    points = trial.sweep(lambda: _deploy(trial.operator), _next_command, _recovery_service, where=("names",))

    assert points >= 20


def test_after_all_of_it_the_app_is_deployed_and_rolled_back_as_ever(trial: Trial) -> None:
    live = row(trial.operator.bed, "blog").live

    trial.operator.pvdify(*_deploy(trial.operator))
    trial.operator.pvdify("rollback", "blog", f"v{live}")

    assert [] == wrong(trial.operator, "blog", live=live)
    assert [] == wrong(trial.operator, "shop", live=row(trial.operator.bed, "shop").live)


def _next_command(operator: Operator) -> int | None:
    operator.pvdify("ps:scale", "blog", "web=1")
    return None


def _scale_to_two(operator: Operator) -> int | None:
    operator.pvdify("ps:scale", "blog", "web=2")
    return None


def _recovery_service(operator: Operator) -> int | None:
    operator.bed.run("systemctl", "reset-failed", "pvdify-recover.service", check=False)  # of being started so often
    operator.bed.run("systemctl", "start", "pvdify-recover.service")
    return None


def _next_deploy(operator: Operator) -> int | None:
    return int(operator.answer(*_deploy(operator))["release"])


def _deploy(operator: Operator) -> tuple[str, ...]:
    """The command that deploys the image that is not live."""
    live = tag_of(operator.bed, "blog", row(operator.bed, "blog").live)
    return ("deploy", "blog", "--image", f"{_IMAGE}:{ {'v1': 'v2', 'v2': 'v1'}[live] }")


def _release(lines: list[Line]) -> int | None:
    return next((line["data"]["release"] for line in lines if "release" in line.get("data", {})), None)
