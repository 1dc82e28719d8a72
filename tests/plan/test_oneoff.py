"""The argument vectors of one-off commands."""

from __future__ import annotations

import msgspec
import pytest

from pvdify.model.config import ConfigPin
from pvdify.model.place import Place
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Resources, Volume
from pvdify.plan.oneoff import one_off, piped_one_off
from tests.plan.worlds import release, row

PROCESS = ReleaseProcess(
    resources=Resources(memory="512M", cpu=0.5, tasks=100), volumes=(Volume(name="data", path="/data"),)
)
PLAIN = msgspec.structs.replace(release(2), processes={"web": PROCESS}, env={"A": "1"}, stop="2500ms")
PIN = ConfigPin(version=7, sha256="ab" * 32, files=("cert.pem",))
SEALED = msgspec.structs.replace(PLAIN, env={"A": "1", "DSN": "declared"}, config=PIN, hidden_env=("DSN",))
CREDENTIAL = f"blog.c7.{'ab' * 8}"
NAME = "pvdify-blog-run-00c0ffee"
COMMAND = ("sh", "-c", "echo $A %n")
OPENED = f"/run/credentials/{NAME}.service"

either = pytest.mark.parametrize("one", [PLAIN, SEALED], ids=["plain", "sealed"])


def typed(one: Release, *, interactive: bool = False) -> tuple[str, ...]:
    return one_off(row(), one, name=NAME, command=COMMAND, interactive=interactive, place=Place())


def piped(one: Release) -> tuple[str, ...]:
    return piped_one_off(row(), one, name=NAME, command=COMMAND, timeout=600, place=Place())


def keeper(one: Release) -> list[str]:
    """The words of the service beside the scope."""
    argv = typed(one)
    start = next(number for number, word in enumerate(argv) if word.endswith("/beside")) + 2
    return list(argv[start : start + int(argv[start - 1])])


@either
def test_a_command_is_handed_on_as_it_is(one: Release) -> None:
    for argv in (typed(one), piped(one)):
        assert (one.image, *COMMAND) == argv[-4:]
        assert "--expand-environment=no" in argv


@either
def test_it_has_the_limits_the_volumes_and_the_environment_of_web_and_leaves_no_core_dump(one: Release) -> None:
    wanted = {
        "--property=MemoryMax=512M",
        "--property=CPUQuota=50%",
        "--property=TasksMax=100",
        "--slice=pvdify-blog.slice",
        "--volume=pvdify-blog-data:/data",
        "--env=A=1",
        "--env=PVDIFY_PROCESS=run",
        "--ulimit=core=0:0",
    }

    for argv in (typed(one), piped(one)):
        assert set() == wanted - set(argv)


@either
def test_what_is_typed_is_a_scope_with_a_terminal_if_there_is_one(one: Release) -> None:
    assert {"--scope", f"--unit={NAME}.scope", "--tty"} <= set(typed(one, interactive=True))
    assert "--tty" not in typed(one)


@either
def test_what_comes_from_afar_is_a_service_that_ends_by_itself_and_leaves_no_container(one: Release) -> None:
    argv = piped(one)

    assert {"--wait", "--pipe", f"--unit={NAME}.service"} <= set(argv)
    assert not {"--scope", "--tty"} & set(argv)
    assert {"--property=RuntimeMaxSec=605", "--property=TimeoutStopSec=8"} <= set(argv)
    removals = [one for one in argv if one.startswith("--property=ExecStop")]
    assert [True, True] == [f" rm --force --ignore --time=3 {NAME} >/dev/null" in one for one in removals]


def test_the_config_is_read_where_systemd_opens_it() -> None:
    for argv in (typed(SEALED), piped(SEALED)):
        assert {
            f"--env-file={OPENED}/{CREDENTIAL}.env",
            f"--volume=/run/pvdify-files/{NAME}/{CREDENTIAL}.cert.pem:/run/secrets/cert.pem:ro",
        } <= set(argv)
    assert not [word for argv in (typed(PLAIN), piped(PLAIN)) for word in argv if "/run/credentials" in word]


def test_it_is_opened_for_a_service_of_that_name() -> None:
    directory = "/var/lib/pvdify/apps/blog/config/c7"

    for argv in (keeper(SEALED), piped(SEALED)):
        assert {
            f"--unit={NAME}.service",
            f"--property=LoadCredentialEncrypted={CREDENTIAL}.env:{directory}/env.cred",
            f"--property=LoadCredentialEncrypted={CREDENTIAL}.cert.pem:{directory}/cert.pem.cred",
            f"--property=RuntimeDirectory=pvdify-files/{NAME}",
            f"--property=ExecStartPre=install -m 0444 -t /run/pvdify-files/{NAME} {OPENED}/{CREDENTIAL}.cert.pem",
        } <= set(argv)


def test_what_has_it_for_a_scope_ends_with_the_scope_and_with_whoever_typed() -> None:
    words = keeper(SEALED)

    assert {f"--property=BindsTo={NAME}.scope", f"--property=After={NAME}.scope"} <= set(words)
    assert "systemd-run" == words[0]
    assert 1 == len([one for one in words if one.startswith("--property=ExecStopPost=-sh -c ") and NAME in one])


def test_no_shell_stands_between_where_there_is_no_config() -> None:
    argv = typed(PLAIN)

    assert not [word for word in argv[: argv.index("podman")] if word.endswith("/beside")]


def test_what_the_config_sets_as_well_is_on_no_command_line() -> None:
    for argv in (typed(SEALED), piped(SEALED)):
        assert not [word for word in argv if "declared" in word]
