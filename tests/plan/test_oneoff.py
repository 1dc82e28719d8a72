"""The argument vectors of one-off commands."""

from __future__ import annotations

import msgspec

from pvdify.model.place import Place
from pvdify.model.release import ReleaseProcess
from pvdify.model.slot import Resources, Volume
from pvdify.plan.oneoff import one_off, piped_one_off
from tests.plan.worlds import release, row

PROCESS = ReleaseProcess(
    resources=Resources(memory="512M", cpu=0.5, tasks=100), volumes=(Volume(name="data", path="/data"),)
)
RELEASE = msgspec.structs.replace(release(2), processes={"web": PROCESS}, env={"A": "1"}, stop="2500ms")
NAME = "pvdify-blog-run-00c0ffee"
COMMAND = ("sh", "-c", "echo $A %n")


def typed(*, interactive: bool) -> tuple[str, ...]:
    return one_off(row(), RELEASE, name=NAME, command=COMMAND, interactive=interactive, place=Place())


PIPED = piped_one_off(row(), RELEASE, name=NAME, command=COMMAND, timeout=600, place=Place())


def test_a_command_is_handed_on_as_it_is() -> None:
    for argv in (typed(interactive=False), PIPED):
        assert (RELEASE.image, *COMMAND) == argv[-4:]
        assert "--expand-environment=no" in argv


def test_it_has_the_limits_the_volumes_and_the_environment_of_web() -> None:
    wanted = {
        "--property=MemoryMax=512M",
        "--property=CPUQuota=50%",
        "--property=TasksMax=100",
        "--slice=pvdify-blog.slice",
        "--volume=pvdify-blog-data:/data",
        "--env=A=1",
        "--env=PVDIFY_PROCESS=run",
    }

    for argv in (typed(interactive=False), PIPED):
        assert set() == wanted - set(argv)


def test_what_is_typed_is_a_scope_with_a_terminal_if_there_is_one() -> None:
    assert {"--scope", f"--unit={NAME}.scope", "--tty"} <= set(typed(interactive=True))
    assert "--tty" not in typed(interactive=False)


def test_what_comes_from_afar_is_a_service_that_ends_by_itself_and_leaves_no_container() -> None:
    assert {"--wait", "--pipe", f"--unit={NAME}.service"} <= set(PIPED)
    assert not {"--scope", "--tty"} & set(PIPED)
    assert {"--property=RuntimeMaxSec=605", "--property=TimeoutStopSec=8"} <= set(PIPED)
    removals = [one for one in PIPED if one.startswith("--property=ExecStop")]
    assert [True, True] == [f" rm --force --ignore --time=3 {NAME} >/dev/null" in one for one in removals]
