"""`make install`, `make uninstall` and `make purge`, on a whole machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bed import Bed
from tests.e2e.edge import asking
from tests.e2e.installed import CHECKOUT, check_out, installed, make

HOST = f"{CHECKOUT}/install/host"
ROUTER = "pvdify-router.service"
# What is left of pvdify when its programs are gone.
STAYING = {
    "/usr/lib/systemd/system-generators/pvdify-generator",
    "/etc/systemd/system/multi-user.target.wants/pvdify-caddy.service",
    "/etc/systemd/system/multi-user.target.wants/pvdify-tunnel@a.service",
    "/usr/lib/systemd/system/pvdify-boot.service",
    "/usr/lib/systemd/system/pvdify-caddy.service",
    "/usr/lib/systemd/system/pvdify-tunnel@.service",
    "/usr/lib/systemd/system/pvdify-router.service",
    "/usr/lib/systemd/system/pvdify.slice",
    "/usr/lib/sysctl.d/50-pvdify.conf",
    "/usr/lib/sysusers.d/pvdify.conf",
    "/usr/lib/tmpfiles.d/pvdify.conf",
}
ASK = ("curl", "--silent", "--fail", "--cacert", "/etc/pvdify/tls/cert.pem", "https://localhost:9443/health")
API_SOCKETS = {"pvdify-host.sock", "admin.sock"}
CERTIFICATE = {
    "/etc/pvdify",
    "/etc/pvdify/tls",
    *(f"/etc/pvdify/tls/{name}" for name in ("cert.pem", "key.pem", "made-by-install")),
}


@pytest.fixture(scope="module")
def bare() -> Iterator[Bed]:
    """A booted bed with the project's files, nothing of it installed."""
    with Bed.create() as bed:
        check_out(bed.boot())
        yield bed


@pytest.fixture
def host() -> Iterator[Bed]:
    """A booted bed of the test's own, with pvdify installed."""
    with installed() as bed:
        yield bed.boot()


def files(bed: Bed) -> set[str]:
    """Return every path on the bed's disks and of pvdify in /run, but the logs and what a person's home holds."""
    pruned = " -o ".join(
        f"-path {top}" for top in ("/dev", "/proc", "/root", "/run", "/sys", "/tmp", "/var/log", "/var/tmp")
    )
    disks = bed.run("sh", "-c", f"find / \\( {pruned} \\) -prune -o -print").stdout
    runtime = bed.run("sh", "-c", "find /run /etc -name '*pvdify*'").stdout
    return {*disks.splitlines(), *runtime.splitlines()}


def of_pvdify(bed: Bed) -> set[str]:
    return {path for path in files(bed) if "pvdify" in path and not path.startswith((CHECKOUT, "/var/lib/", "/run/"))}


def property_of(bed: Bed, unit: str, name: str) -> str:
    return bed.run("systemctl", "show", "--value", "--property", name, unit).stdout.strip()


@pytest.mark.parametrize(
    ("program", "says", "reason"),
    [
        ("podman", "podman version 5.2.5", "podman is 5.2.5, and 5.3 is needed"),
        ("systemctl", "systemd 252 (252.38-1~deb12u1)", "systemd is 252, and 254 is needed"),
        ("python3", "Python 3.10.12", "python3 is 3.10.12, and 3.11 is needed"),
        ("haproxy", "HAProxy version 3.0.11", "haproxy is built without Lua"),
    ],
)
def test_a_host_that_is_too_old_is_refused_and_not_touched(bare: Bed, program: str, says: str, reason: str) -> None:
    old = bare.path(f"/tmp/old-{program}/{program}")
    old.parent.mkdir()
    old.write_text(f"#!/bin/sh\necho '{says}'\n")
    old.chmod(0o755)
    before = files(bare)

    refused = bare.run(
        *(HOST, "install"),
        check=False,
        env={"PATH": f"/tmp/old-{program}:/usr/sbin:/usr/bin:/sbin:/bin", "WHEELS": "/opt/wheelhouse"},
    )

    assert 69 == refused.returncode
    assert f"cannot install pvdify: {reason}" in refused.stderr
    assert "Nothing was touched." in refused.stderr
    assert before == files(bare)


def test_everything_that_is_missing_is_told_at_once(bare: Bed) -> None:
    few = bare.path("/tmp/few")
    few.mkdir()
    for name in ("bash", "dirname", "grep", "head", "id", "sort", "systemctl", "env"):
        (few / name).symlink_to(f"/usr/bin/{name}")

    refused = bare.run("/tmp/few/bash", HOST, "install", check=False, env={"PATH": "/tmp/few"})

    assert 69 == refused.returncode
    for package in ("haproxy", "iproute2", "openssl", "gcc", "python3-dev", "libsystemd-dev"):
        assert re.search(rf"install the packages? .*\b{package}\b", refused.stderr), package
    assert "podman is missing, and 5.3 is needed" in refused.stderr


@pytest.mark.parametrize("verb", ["install", "uninstall", "purge"])
def test_only_root_may(bare: Bed, verb: str) -> None:
    refused = bare.run("setpriv", "--reuid=nobody", "--clear-groups", HOST, verb, check=False)

    assert (77, f"cannot {verb} pvdify: not root; try `sudo make {verb}`\n") == (refused.returncode, refused.stderr)


def test_an_installed_host_is_complete(host: Bed) -> None:
    version = host.run("pvdify", "--version").stdout.split()[-1]
    asking.put(host, "cloudflared.py", "/usr/local/bin/cloudflared")  # a unit whose program is missing is not well

    assert () == host.failed_units
    assert "" == host.run("sh", "-c", "systemd-analyze verify /usr/lib/systemd/system/pvdify* 2>&1").stdout
    assert "active" == property_of(host, ROUTER, "ActiveState")
    assert "active" == property_of(host, "pvdify-podman.socket", "ActiveState")
    assert of_pvdify(host) >= STAYING
    assert "0.1.0" == version
    assert host.path(f"/var/lib/pvdify/libexec/{version}/hold.lua").exists()
    assert "/var/lib/pvdify/current/quadlet" == str(host.path("/etc/containers/systemd/pvdify").readlink())
    assert "1" == host.run("cat", "/proc/sys/net/ipv4/tcp_migrate_req").stdout.strip()
    assert "20000-29999" == host.run("cat", "/proc/sys/net/ipv4/ip_local_reserved_ports").stdout.strip()


def test_what_guards_the_host_is_in_place(host: Bed) -> None:
    modes = host.run(
        *("stat", "--format=%a %U %n"),
        *("/run/pvdify", "/run/pvdify/podman.sock", "/run/pvdify/router-master.sock", "/var/lib/pvdify"),
    ).stdout
    exposure = host.run("systemd-analyze", "security", "--no-pager", ROUTER).stdout.splitlines()[-1]

    assert [
        "711 root /run/pvdify",
        "600 root /run/pvdify/podman.sock",
        "600 root /run/pvdify/router-master.sock",
        "700 root /var/lib/pvdify",
    ] == modes.splitlines()
    assert 2.0 > float(exposure.split(":")[1].split()[0])


def test_the_image_store_answers_on_its_socket(host: Bed) -> None:
    answer = host.run(
        *("curl", "--silent", "--fail", "--unix-socket", "/run/pvdify/podman.sock"),
        "http://store/v5.0.0/libpod/info",
    ).stdout

    assert '"graphRoot":"/var/lib/pvdify/storage"' in answer
    assert '"transientStore":true' in answer


def test_installing_again_reloads_the_router_and_does_not_restart_it(host: Bed) -> None:
    process = property_of(host, ROUTER, "MainPID")

    make(host, "install")

    assert process == property_of(host, ROUTER, "MainPID")
    assert "success" == property_of(host, ROUTER, "ReloadResult")


def test_an_upgrade_is_one_rename_and_keeps_the_version_before(host: Bed) -> None:
    version = host.path(f"{CHECKOUT}/pvdify/__init__.py")
    version.write_text(version.read_text().replace("0.1.0", "0.1.1"))
    process = property_of(host, ROUTER, "MainPID")

    make(host, "install")

    assert "0.1.1" == host.run("pvdify", "--version").stdout.split()[-1]
    assert {"0.1.0", "0.1.1"} == {
        name.partition("-")[0]
        for name in host.run("sh", "-c", "ls -d /usr/lib/pvdify/*-* | xargs -n 1 basename").stdout.split()
    }
    assert process == property_of(host, ROUTER, "MainPID")


def test_a_killed_install_is_finished_by_the_next() -> None:
    with Bed.create() as bed:
        check_out(bed.boot())
        running = bed.spawn(HOST, "install", env={"WHEELS": "/opt/wheelhouse"})
        bed.wait_until(lambda: any(bed.path("/usr/lib/pvdify").glob("*/lib/python3*/site-packages/anyio")), timeout=60)
        bed.run("pkill", "-KILL", "-f", HOST)
        running.communicate()
        assert 0 != running.returncode
        assert not bed.path("/usr/bin/pvdify").exists()

        make(bed, "install")

        assert "0.1.0" == bed.run("pvdify", "--version").stdout.split()[-1]
        assert () == bed.failed_units


def test_a_state_of_a_newer_version_is_refused_and_not_touched(host: Bed) -> None:
    host.path("/var/lib/pvdify/format").write_text("999\n")
    before = files(host)

    refused = host.run(HOST, "install", env={"WHEELS": "/opt/wheelhouse"}, check=False, timeout=300)

    assert 0 != refused.returncode
    assert "999" in refused.stderr
    assert before == files(host)


def test_somebody_elses_quadlets_are_not_replaced(bare: Bed) -> None:
    theirs = bare.path("/etc/containers/systemd/pvdify")
    theirs.mkdir(parents=True)

    refused = bare.run(HOST, "install", env={"WHEELS": "/opt/wheelhouse"}, check=False)

    assert 69 == refused.returncode
    assert "/etc/containers/systemd/pvdify is not ours: move it away" in refused.stderr
    theirs.rmdir()


def test_uninstall_leaves_what_apps_need_and_nothing_else(host: Bed) -> None:
    process = property_of(host, ROUTER, "MainPID")
    host.run(*ASK)

    make(host, "uninstall")

    enabled = {"/etc/containers/systemd/pvdify", "/etc/systemd/system/multi-user.target.wants/pvdify-boot.service"}
    assert STAYING | CERTIFICATE | enabled == of_pvdify(host)
    assert [] == [path.name for path in host.path("/run/pvdify").glob("*.sock") if path.name in API_SOCKETS]
    assert process == property_of(host, ROUTER, "MainPID")
    assert "" == host.run("pgrep", "--full", "pvdify.serve", check=False).stdout
    host.reboot()
    assert () == host.failed_units
    assert "active" == property_of(host, ROUTER, "ActiveState")
    make(host, "install")
    assert "0.1.0" == host.run("pvdify", "--version").stdout.split()[-1]


def test_uninstall_waits_for_no_operation_but_refuses(host: Bed) -> None:
    lock = "/var/lib/pvdify/apps/blog/lock"
    host.run("mkdir", "-p", str(Path(lock).parent))
    with host.spawn("flock", lock, "sh", "-c", "echo held; read -r _") as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()

        refused = host.run(HOST, "uninstall", check=False)

        assert 75 == refused.returncode
        assert "an operation on blog is running" in refused.stderr
        assert host.path("/usr/bin/pvdify").is_symlink()
        holder.communicate("\n")


def test_purge_asks_and_leaves_nothing(bare: Bed) -> None:
    before = files(bare)
    make(bare, "install")
    bare.run("curl", "--silent", "--unix-socket", "/run/pvdify/podman.sock", "http://store/v5.0.0/libpod/info")
    bare.run(*ASK)

    refused = bare.run(HOST, "purge", input="yes\n", check=False)
    kept = of_pvdify(bare)
    make(bare, "purge", "YES=1")

    assert (1, "cannot purge pvdify: not confirmed; nothing was touched\n") == (refused.returncode, refused.stderr)
    assert kept >= STAYING
    # systemd's own key for credentials, of which others may have made use since
    assert before | {"/var/lib/systemd/credential.secret"} == files(bare)
    assert "" == bare.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvdify*").stdout
    assert "" == bare.run("sh", "-c", "getent passwd pvdify; getent group pvdify-admin; true").stdout


def test_a_purge_leaves_a_certificate_that_somebody_put_there(bare: Bed) -> None:
    make(bare, "install")
    bare.path("/etc/pvdify/tls/cert.pem").write_text("a better one\n")

    said = make(bare, "purge", "YES=1")

    assert "/etc/pvdify/tls stays" in said
    assert "a better one\n" == bare.path("/etc/pvdify/tls/cert.pem").read_text()
    bare.run("rm", "-r", "/etc/pvdify")


def test_a_state_on_a_file_system_that_is_mounted_late_is_loaded_at_boot(host: Bed) -> None:
    late = "/srv/late"
    host.run("mkdir", "-p", late, "/var/lib/containers/late")
    host.run("mv", "/var/lib/pvdify/generations", "/var/lib/containers/late/")
    host.run("ln", "-s", f"{late}/generations", "/var/lib/pvdify/generations")
    host.path("/etc/fstab").write_text(f"/var/lib/containers/late {late} none bind 0 0\n")
    for unit in ("pvdify-boot.service", ROUTER):
        drop_in = host.path(f"/etc/systemd/system/{unit}.d/late.conf")
        drop_in.parent.mkdir()
        drop_in.write_text(f"[Unit]\nRequiresMountsFor={late}\n")

    host.reboot()

    assert "success" == property_of(host, "pvdify-boot.service", "Result")
    assert "" != property_of(host, "pvdify-boot.service", "ExecMainStartTimestamp")
    host.wait_until(lambda: "active" == property_of(host, ROUTER, "ActiveState"), what="the router")
    assert "active" == property_of(host, "pvdify.target", "ActiveState")


def test_a_boot_unit_does_nothing_where_the_generation_is_loaded(host: Bed) -> None:
    assert "active" == property_of(host, "pvdify.target", "ActiveState")
    assert "no" == property_of(host, "pvdify-boot.service", "ConditionResult")


def test_a_wheel_that_somebody_changed_is_refused(bare: Bed) -> None:
    bare.run("cp", "-r", "/opt/wheelhouse", "/tmp/spoiled")
    (wheel,) = bare.path("/tmp/spoiled").glob("msgspec-*.whl")
    wheel.write_bytes(wheel.read_bytes() + b"\n")

    refused = bare.run(HOST, "install", env={"WHEELS": "/tmp/spoiled"}, check=False, timeout=300)

    assert 1 == refused.returncode
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not bare.path("/usr/bin/pvdify").exists()
