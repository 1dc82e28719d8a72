"""One-off commands and config: a command has it as an instance has, wherever it is typed, and nothing of it is left when the command ends."""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.configs import put
from tests.e2e.operator import PODMAN, REGISTRY, Operator, Way
from tests.e2e.typed import terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.bed import Bed

STATE = 74
CANARY = "canary-7f3a"
IMAGE = f"{REGISTRY}/tool:v1"
SEALED = "/var/lib/pvdify/apps/tool/config/c1"
HOST_KEY = "/var/lib/systemd/credential.secret"
SHELL = ("run", "tool", "--", "/busybox", "sh", "-c")
ENDLESS = ("run", "tool", "--no-tty", "--", "/busybox", "sleep", "1000")
EVERYWHERE = pytest.mark.parametrize("way", list(Way))


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `tool`, which is stopped: the only processes that have its config are those of its commands."""
    operator = Operator(bed)
    bed.run("mkdir", "-p", "/root/image/data", "/root/image/tmp")
    bed.run("cp", "/bin/busybox", "/root/image/busybox")
    bed.run("sh", "-c", f"tar -c -C /root/image . | podman import --quiet - {IMAGE}")
    bed.run("podman", "push", "--quiet", IMAGE)
    operator.pvdify("apps:create", "tool")
    bed.path("/var/lib/pvdify/apps/tool/slot.toml").write_text(
        f'name = "tool"\nimage = "{IMAGE}"\nstop = "1s"\n'
        '[processes.worker]\ncommand = "/busybox sleep 100000"\nvolumes = [{ name = "data", path = "/data" }]\n'
        '[env]\nBOTH = "declared"\n'
    )
    put(operator, "tool", {"TOKEN": f' "{CANARY}" ', "BOTH": CANARY}, {"cert.pem": f"{CANARY}\0\n".encode()})
    operator.pvdify("apply", "-a", "tool")
    operator.pvdify("ps:stop", "tool")
    return operator


def units(bed: Bed) -> list[str]:
    listed = bed.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvdify-tool-run-*").stdout
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def command(bed: Bed) -> str:
    """The container of the command that runs."""
    names = Operator(bed).containers("tool-run-")
    return names[0] if names else ""


def running(bed: Bed) -> str:
    """Wait for a command to run; its container."""
    state = ("inspect", "--format", "{{.State.Status}}")
    bed.wait_until(
        lambda: bool(name := command(bed)) and "running" in bed.run(*PODMAN, *state, name, check=False).stdout,
        timeout=30,
        what="the command to run",
    )
    return command(bed)


def plaintext(bed: Bed, *places: str) -> list[str]:
    """Files that say what the config holds."""
    return bed.run("grep", "-rlsa", "--devices=skip", CANARY, *places, check=False).stdout.splitlines()


def nothing_is_left(bed: Bed, *, within: float = 10) -> None:
    began = time.monotonic()
    bed.wait_until(lambda: units(bed) == [], timeout=30, what="the command's units to go")
    assert time.monotonic() - began < within
    assert "" == command(bed)
    assert [] == plaintext(bed, "/run", "/tmp", "/var", "/etc", "/root", "/dev/shm")
    assert [] == [one.name for one in bed.path("/run").glob("*/pvdify-tool-*")]
    assert () == bed.failed_units


@EVERYWHERE
def test_a_command_has_the_config_of_the_live_release(operator: Operator, way: Way) -> None:
    told = 'echo "$TOKEN"; echo "$BOTH"; /busybox od -An -c /run/secrets/cert.pem'

    done = operator.by(way).pvdify(*SHELL, told)

    token, both, file = done.stdout.splitlines()
    assert (f' "{CANARY}" ', CANARY) == (token, both)
    assert [*CANARY, "\\0", "\\n"] == file.split()
    nothing_is_left(operator.bed)


@EVERYWHERE
def test_its_status_and_what_it_writes_come_back_apart(operator: Operator, way: Way) -> None:
    done = operator.by(way).pvdify(*SHELL, "echo out; echo err >&2; exit 42", check=False)

    assert (42, "out\n", "err\n") == (done.returncode, done.stdout, done.stderr)


@EVERYWHERE
def test_what_it_holds_is_on_no_command_line_in_no_unit_in_no_journal_and_on_no_disk(
    operator: Operator, way: Way
) -> None:
    bed = operator.bed
    with operator.by(way).spawn(*ENDLESS) as asking:
        running(bed)

        arguments = bed.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", check=False).stdout
        shown = bed.run("systemctl", "show", *units(bed)).stdout + bed.run("systemctl", "cat", *units(bed)).stdout
        logged = bed.run("journalctl", "-o", "export", "--all").stdout
        kept = plaintext(bed, "/var", "/etc", "/root", "/tmp", "/usr/lib/pvdify", "/opt")

        asking.send_signal(signal.SIGINT)
        asking.communicate(timeout=30)
    assert "sleep 1000" in arguments
    assert "LoadCredentialEncrypted" in shown
    assert [] == [text for text in (arguments, shown, logged) if CANARY in text]
    assert [] == kept
    nothing_is_left(bed)


def test_what_is_piped_into_it_reaches_it(operator: Operator) -> None:
    done = operator.pvdify("run", "tool", "--", "/busybox", "cat", says="one\ntwo\n")

    assert "one\ntwo\n" == done.stdout


def test_on_a_terminal_it_has_that_terminal(operator: Operator) -> None:
    script = "/busybox stty size; /busybox stty -echo; read line; echo got:$line:$BOTH; /busybox sleep 1000"
    with terminal(
        operator.bed, "/bin/sh", "-c", f"stty rows 33 cols 111; exec pvdify {' '.join(SHELL)} '{script}'"
    ) as on:
        on.until("33 111")
        on.type("hello\r")
        on.until(f"got:hello:{CANARY}")

        on.type("\x03")

        assert 130 == on.process.wait(timeout=30)
    nothing_is_left(operator.bed)


def test_a_terminal_that_is_made_larger_is_larger_for_it(operator: Operator) -> None:
    script = "echo ready; read line; /busybox stty size"
    with terminal(operator.bed, "pvdify", *SHELL, script) as on:
        on.until("ready")

        on.resize(44, 122)
        time.sleep(0.5)
        on.type("\r")

        on.until("44 122")
        assert 0 == on.process.wait(timeout=30)


def test_it_ends_with_its_terminal(operator: Operator) -> None:
    with terminal(operator.bed, "pvdify", *SHELL, "echo ready; /busybox sleep 1000") as on:
        on.until("ready")

    nothing_is_left(operator.bed)


def _told(name: str, pattern: str) -> Callable[[Bed], object]:
    return lambda bed: bed.run("pkill", "--signal", name, "--full", pattern)


ENDINGS: dict[str, Callable[[Bed], object]] = {
    "pvdify is interrupted": _told("INT", "bin/pvdify run"),
    "pvdify is told to end": _told("TERM", "bin/pvdify run"),
    "pvdify is killed": _told("KILL", "bin/pvdify run"),
    "Podman is killed": _told("KILL", "podman .* run --rm"),
    "conmon is killed": _told("KILL", "conmon .*pvdify-tool-run"),
    "all of it is killed": _told("KILL", "(bin/pvdify run|podman .* run --rm|conmon .*pvdify-tool-run|sleep 1000)"),
    "the container is removed": lambda bed: bed.run(*PODMAN, "rm", "--force", "--time=0", command(bed)),
    "its scope is stopped": lambda bed: bed.run("systemctl", "stop", "pvdify-tool-run-*.scope"),
    "its config is taken": lambda bed: bed.run("systemctl", "stop", "pvdify-tool-run-*.service"),
    "the app is stopped by its slice": lambda bed: bed.run("systemctl", "stop", "pvdify-tool.slice"),
}


@pytest.mark.parametrize("how", list(ENDINGS))
def test_however_it_ends_nothing_is_left(operator: Operator, how: str) -> None:
    with operator.spawn(*ENDLESS) as asking:
        running(operator.bed)

        ENDINGS[how](operator.bed)

        asking.communicate(timeout=30)
    assert 0 != asking.returncode
    nothing_is_left(operator.bed)


@EVERYWHERE
def test_nothing_of_it_runs_where_the_config_does_not_open(operator: Operator, way: Way) -> None:
    sealed, key = operator.bed.path(f"{SEALED}/cert.pem.cred"), operator.bed.path(HOST_KEY)
    good, own = sealed.read_bytes(), key.read_bytes()
    run = (*SHELL, "echo it ran")

    sealed.write_bytes(good[:-9] + b"AAAAAAAA\n")
    tampered = operator.by(way).pvdify(*run, check=False)
    sealed.write_bytes(good)
    key.chmod(0o600)
    key.write_bytes(own[::-1])
    lost = operator.by(way).pvdify(*run, check=False)
    key.write_bytes(own)
    key.chmod(0o400)

    for done, words in ((tampered, "cert.pem.cred is not the file that pvdify sealed"), (lost, "cannot open it")):
        said = done.stdout + done.stderr
        assert STATE == done.returncode, said
        assert words in said
        assert "pvdify secrets:reseal" in said
        assert "it ran" not in said
    assert "it ran\n" == operator.by(way).pvdify(*run).stdout


def test_neither_a_command_nor_an_instance_nor_pvdify_leaves_a_core_dump(operator: Operator) -> None:
    bed = operator.bed
    none = ["0", "0"]

    aborted = operator.pvdify(*SHELL, "cd /data; grep core /proc/self/limits; kill -ABRT $$", check=False)
    operator.pvdify("ps:start", "tool")
    (instance,) = operator.containers("tool-v")
    with operator.spawn(*ENDLESS) as asking:
        pids = [
            bed.run(*PODMAN, "inspect", "--format", "{{.State.Pid}}", name).stdout for name in (instance, running(bed))
        ]
        pids += bed.run("pgrep", "--full", "bin/pvdify run|podman .* run --rm").stdout.split()
        limits = [bed.run("grep", "core", f"/proc/{pid.strip()}/limits").stdout.split()[4:6] for pid in pids]
        asking.send_signal(signal.SIGINT)
        asking.communicate(timeout=30)
    operator.pvdify("ps:stop", "tool")

    assert 128 + signal.SIGABRT == aborted.returncode
    assert [none] * len(pids) == limits
    assert 4 <= len(pids)
    assert [] == [*bed.path("/var/lib/pvdify/storage/volumes/pvdify-tool-data").rglob("*core*")]
    services = ("pvdify-host", "pvdifyd", "pvdify-podman", "pvdify-recover", "pvdify-failed@x")
    assert ["0"] * len(services) == [
        bed.run("systemctl", "show", "-P", "LimitCORE", f"{one}.service").stdout.strip() for one in services
    ]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("tool", "this host cannot open it"),
        ("beside", "worker-2 was not started, because its sealed config does not open on this host"),
    ],
)
def test_where_this_host_cannot_open_the_config_a_restart_says_so_and_leaves_all_as_it_was(
    operator: Operator, app: str, words: str
) -> None:
    bed = operator.bed
    if app == "beside":  # without a volume: its instances may overlap
        operator.pvdify("apps:create", app)
        bed.path(f"/var/lib/pvdify/apps/{app}/slot.toml").write_text(
            f'name = "{app}"\nimage = "{IMAGE}"\n[processes.worker]\ncommand = "/busybox sleep 100000"\n'
        )
        put(operator, app, {"TOKEN": "of another app"})
        operator.pvdify("apply", "-a", app)
    operator.pvdify("ps:start", app)
    key, before = bed.path(HOST_KEY), operator.units(app)
    own = key.read_bytes()
    key.chmod(0o600)
    key.write_bytes(own[::-1])
    try:
        done = operator.pvdify("ps:restart", app, "--json", check=False)
    finally:
        key.write_bytes(own)
        key.chmod(0o400)

    problem = json.loads(done.stdout)
    assert "config-not-sealed" == problem["code"]
    assert words in problem["detail"]
    assert "pvdify secrets:reseal" in problem["hint"]
    assert before == operator.units(app)
    assert [] == operator.leftovers(app)
    operator.pvdify("ps:stop", app)
