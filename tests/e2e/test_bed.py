import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.e2e import sample
from tests.e2e.bed import PASSWORD, USER, Bed, BedError, CommandFailedError, prepared
from tests.e2e.load import Load

STORE = ("--root", "/var/lib/pvdify/storage", "--runroot", "/run/pvdify/containers")
QUADLET = """\
[Container]
Image={image}
ContainerName=%N
PublishPort=127.0.0.1:{port}:8080
Pull=never
RunInit=true
ReadOnly=true
HealthCmd=none
UIDMap=0:2200000000:65536
GIDMap=0:2200000000:65536
GlobalArgs=--root /var/lib/pvdify/storage --runroot /run/pvdify/containers --transient-store

[Install]
WantedBy=multi-user.target
"""


def serve_sample(bed: Bed, *, release: str = "v1", port: int = 20000) -> None:
    """Have systemd run the sample app from a Quadlet, out of an image store of its own."""
    image = sample.push(bed, f"127.0.0.1:5000/sample:{release}", release=release)
    bed.run("podman", *STORE, "--transient-store", "pull", "--quiet", image)
    quadlet = bed.path("/etc/containers/systemd/sample.container")
    quadlet.write_text(QUADLET.format(image=image, port=port))
    bed.run("systemctl", "daemon-reload")
    bed.run("systemctl", "restart", "sample.service")
    wait_for_sample(bed, port=port)


def wait_for_sample(bed: Bed, *, port: int = 20000) -> str:
    bed.wait_until(lambda: bool(ask(bed, port)), what="the sample app to answer")
    return ask(bed, port)


def ask(bed: Bed, port: int, path: str = "/") -> str:
    return bed.run("curl", "-sf", f"http://127.0.0.1:{port}{path}", check=False).stdout


def test_systemd_is_process_1_and_every_unit_is_up(bare: Bed) -> None:
    assert "systemd\n" == bare.run("cat", "/proc/1/comm").stdout
    assert "running\n" == bare.run("systemctl", "is-system-running").stdout
    assert () == bare.failed_units
    assert "13" == bare.path("/etc/debian_version").read_text().split(".")[0]


def test_a_bed_has_a_network_of_its_own_with_nothing_but_loopback(bare: Bed) -> None:
    assert ["lo"] == bare.run("ls", "/sys/class/net").stdout.split()


def test_commands_run_in_a_control_group_that_the_bed_can_see(bare: Bed) -> None:
    groups = bare.run("cat", "/proc/self/cgroup").stdout.splitlines()

    assert "0::/operator" == groups[-1]


def test_a_command_that_fails_says_what_it_said(bare: Bed) -> None:
    with pytest.raises(CommandFailedError) as failed:
        bare.run("sh", "-c", "echo some; echo words >&2; exit 3")

    assert (3, "some\n", "words\n") == (
        failed.value.returncode,
        failed.value.stdout,
        failed.value.stderr,
    )
    assert "words" in str(failed.value)


def test_a_command_gets_input_environment_and_nothing_of_the_machines(bare: Bed) -> None:
    done = bare.run("sh", "-c", 'cat; echo "$WORD"; env', input="in ", env={"WORD": "word"})

    assert done.stdout.startswith("in word\n")
    assert {"HOME", "LANG", "PATH", "PWD", "TERM", "WORD"} == {
        line.partition("=")[0] for line in done.stdout.splitlines()[1:]
    } - {"_", "SHLVL", "OLDPWD"}


def test_a_signal_reaches_the_command_and_a_kill_kills_it(bare: Bed) -> None:
    with bare.spawn("sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; sleep 60 & wait") as told:
        assert told.stdout is not None
        assert "up\n" == told.stdout.readline()
        told.terminate()
        assert "bye\n" == told.stdout.readline()
        assert 7 == told.wait(10)

    with bare.spawn("sleep", "61") as killed:
        bare.wait_until(lambda: is_running(bare, "sleep 61"), what="the command")
        killed.kill()
    assert -signal.SIGKILL == killed.returncode
    bare.wait_until(lambda: not is_running(bare, "sleep 61"), what="the command to be gone")


def is_running(bed: Bed, command: str) -> bool:
    return bed.run("pgrep", "-fx", command, check=False).returncode == 0


def test_a_command_that_takes_too_long_is_killed(bare: Bed) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        bare.run("sleep", "62", timeout=0.2)

    bare.wait_until(lambda: not is_running(bare, "sleep 62"), what="the command to be gone")


def test_an_image_made_from_scratch_is_pulled_and_run(bare: Bed) -> None:
    name = sample.push(bare, "127.0.0.1:5000/shown:v1", env={"WORD": 'a "b" \\ é'}, user="app")

    shown = bare.run("podman", "run", "--rm", "--quiet", name, "/app", "show").stdout

    assert '"argv": ["/app", "show"]' in shown
    assert r'"WORD": "a \u0022b\u0022 \u005c é"' in shown


def test_the_same_image_has_the_same_digest() -> None:
    assert sample.image(release="v1").digest == sample.image(release="v1").digest
    assert sample.image(release="v1").digest != sample.image(release="v2").digest


def test_an_image_of_another_architecture_does_not_start(bare: Bed) -> None:
    name = sample.push(bare, "127.0.0.1:5000/foreign:v1", architecture="arm64")

    refused = bare.run("podman", "run", "--rm", name, check=False)

    assert 0 != refused.returncode
    assert "linux/arm64" in refused.stderr


def test_the_private_registry_wants_a_login(bare: Bed) -> None:
    name = sample.push(bare, "127.0.0.1:5001/sample:v1", release="v1")

    refused = bare.run("podman", "pull", "--quiet", name, check=False)
    bare.run("podman", "login", "-u", USER, "--password-stdin", "127.0.0.1:5001", input=PASSWORD)
    bare.run("podman", "pull", "--quiet", name)

    assert "authentication required" in refused.stderr


def test_tools_and_wheels_are_there(bare: Bed) -> None:
    wheels = bare.run("ls", "/opt/wheelhouse").stdout

    assert "systemd_python-" in wheels
    for program in ("podman", "haproxy", "caddy", "age", "curl", "systemd-analyze"):
        bare.run("sh", "-c", f"command -v {program}")


def test_a_power_cut_and_a_boot_keep_the_disks_and_nothing_else(fresh: Bed) -> None:
    serve_sample(fresh)
    for path in ("/var/lib/pvdify/kept", "/etc/kept", "/run/lost"):
        fresh.run("touch", path)

    fresh.cut()

    assert fresh.path("/etc/kept").exists()
    assert not fresh.path("/run/lost").exists()
    with pytest.raises(BedError, match="off"):
        fresh.run("true")

    fresh.boot()

    assert fresh.path("/var/lib/pvdify/kept").exists()
    assert "release=v1" in wait_for_sample(fresh)
    fresh.reboot()
    assert "release=v1" in wait_for_sample(fresh)
    assert "v1: leaving" in fresh.run("journalctl", "-u", "sample.service").stdout


def test_two_beds_do_not_see_each_other(fresh: Bed, bare: Bed) -> None:
    serve_sample(fresh, release="v1")
    serve_sample(bare, release="v2")

    assert "release=v1" in ask(fresh, 20000)
    assert "release=v2" in ask(bare, 20000)
    bare.run("systemctl", "stop", "sample.service")
    assert "release=v1" in ask(fresh, 20000)
    assert "sample" not in fresh.run("podman", "ps", "--all").stdout


def test_what_was_prepared_is_there_in_every_bed_made_of_it(bed_base: object) -> None:
    calls = []

    def prepare(bed: Bed) -> None:
        calls.append(bed)
        bed.run("sh", "-c", "rm -r /etc/caddy; mkdir /etc/caddy; echo 1 >/var/lib/pvdify/format")

    installed = prepared(f"test of process {os.getpid()}", prepare)
    for _ in range(2):
        with installed() as bed:
            bed.boot()
            bed.run("sh", "-c", "echo 2 >>/var/lib/pvdify/format")
            assert "1\n2\n" == bed.path("/var/lib/pvdify/format").read_text()
            assert "" == bed.run("ls", "/etc/caddy").stdout

    assert 1 == len(calls)


def test_a_bed_ends_with_the_process_that_made_it(bed_base: object) -> None:
    script = (
        "from tests.e2e.bed import Bed\n"
        "bed = Bed.create().boot()\n"
        "bed.spawn('sleep', '63')\n"
        "print(bed.directory, bed.path('/').parts[2], flush=True)\n"
        "input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        directory, systemd = maker.stdout.readline().split()
        assert Path(f"/proc/{systemd}").exists()
        maker.kill()

    for gone in (Path(directory), Path(f"/proc/{systemd}"), Path(f"{directory}.lock")):
        Bed.wait_until(partial(is_gone, gone), what=f"{gone} to go")


def is_gone(path: Path) -> bool:
    return not path.exists()


def test_load_on_a_good_server_fails_nothing(bare: Bed) -> None:
    serve_sample(bare, release="v3")

    with Load(bare, 20000, uploads=1, rate=1500) as load:
        load.wait_for("v3")
        bare.wait_until(lambda: load.snapshot().requests > 2000, what="2000 requests")

    result = load.result
    assert result is not None
    assert 0 == result.failed
    assert {"keep_alive", "new", "slow", "upload", "websocket"} == set(result.kinds)
    assert 2000 < result.requests == sum(kind.requests for name, kind in result.kinds.items() if name != "websocket")
    assert 0 == result.websocket.drops
    assert 0 < result.websocket.echoes


def test_load_counts_what_a_killed_server_did_not_answer(bare: Bed) -> None:
    serve_sample(bare, release="v4")

    with Load(bare, 20000, uploads=1) as load:
        load.wait_for("v4")
        bare.run("systemctl", "kill", "--signal=KILL", "sample.service")
        for kind in ("keep_alive", "new", "slow", "upload"):
            bare.wait_until(partial(has_failed, load, kind), what=f"a failure of {kind}")

    result = load.result
    assert result is not None
    assert 1 <= result.websocket.drops
    assert result.failed == sum(kind.failed for kind in result.kinds.values())
    assert len(result.failures) == min(20, result.failed)


def has_failed(load: Load, kind: str) -> bool:
    row = load.snapshot().kinds.get(kind)
    return row is not None and row.failed > 0


def test_load_counts_a_kept_connection_that_is_closed_between_two_requests(bare: Bed) -> None:
    serve_sample(bare, release="v5")

    with Load(bare, 20000, keep_alive=4, new=0, slow=0, websockets=0, rate=20) as load:
        load.wait_for("v5")
        bare.run("systemctl", "stop", "sample.service")
        bare.wait_until(lambda: load.snapshot().failed >= 4, what="failures")

    assert load.result is not None
    assert "closed while idle, unannounced" in {f.reason for f in load.result.failures}
