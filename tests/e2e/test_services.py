"""The API's sockets and services, as `make install` leaves them: who may open what, and what each of the two may do."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bed import Bed
from tests.e2e.installed import CHECKOUT, make
from tests.e2e.operator import Operator

HOST = f"{CHECKOUT}/install/host"
TLS = "/etc/pvdify/tls"
SOCKETS = ("pvdifyd.socket", "pvdify-host.socket", "pvdify-admin.socket")
SERVICES = ("pvdifyd.service", "pvdify-host.service")
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
# What pvdifyd would find if somebody else wrote its program.
LOOK = """\
import json, os, socket, aiohttp.web
def tried(act):
    try:
        return act() or "yes"
    except OSError as error:
        return type(error).__name__
def connected(path):
    return tried(lambda: socket.socket(socket.AF_UNIX).connect(path))
found = {
    "state": os.path.exists("/var/lib/pvdify"),
    "key": os.access("/etc/pvdify/tls/key.pem", os.R_OK),
    "its copy of the key": os.access(os.environ["CREDENTIALS_DIRECTORY"] + "/tls-key", os.R_OK),
    "bus": os.path.exists("/run/dbus") or os.path.exists("/run/systemd/private"),
    "processes": sum(name.isdecimal() for name in os.listdir("/proc")),
    "host": connected("/run/pvdify/pvdify-host.sock"),
    "admin": connected("/run/pvdify/admin.sock"),
    "podman": connected("/run/pvdify/podman.sock"),
    "router": connected("/run/pvdify/router-master.sock"),
    "network": tried(lambda: socket.socket(socket.AF_INET).close()),
    "journal": connected("/run/systemd/journal/stdout"),
}
print(json.dumps(found))
"""
# New connections for as long as it may, and a line for each: what was answered, or the exit status of curl.
ASK_ON = """\
trap 'exit 0' TERM
while :; do curl -s --fail --max-time 20 --cacert "$1" https://localhost:9443/health -w '\\n' || echo "$?"; done
"""
HOLDER = """\
import anyio, sys
from pvdify.adapters.sockets import Sockets
print(anyio.run(Sockets().holder, int(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    operator = Operator(bed)
    operator.push("v1")
    return operator


@pytest.fixture
def stranger(bed: Bed) -> Iterator[int]:
    """A port that somebody without any right listens on."""
    port = 3055
    anybody = ("setpriv", "--reuid=nobody", "--clear-groups")
    with bed.spawn(*anybody, "python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)) as process:
        bed.wait_until(lambda: 200 == Operator(bed).status(port), what="the stranger")
        yield port
        process.terminate()


def in_sandbox_of(bed: Bed, service: str, *argv: str) -> str:
    """Run a command as *service* would be, with its user, its sandbox and its limits; what it says."""
    text = bed.path(f"/usr/lib/systemd/system/{service}").read_text()
    (program,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    words = " ".join(json.dumps(word.replace("%", "%%").replace("$", "$$")) for word in argv)
    changes = {
        program: f"ExecStart={words}\nStandardOutput=truncate:/tmp/trial\nStandardError=append:/tmp/trial",
        "Type=notify": "Type=oneshot",
        "Restart=on-failure": "Restart=no",
        "PartOf=": "#",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    bed.path("/run/systemd/system/trial.service").write_text(text)
    bed.run("systemctl", "daemon-reload")
    done = bed.run("systemctl", "start", "trial.service", check=False, timeout=120)
    said = bed.path("/tmp/trial").read_text()
    assert 0 == done.returncode, said
    return said


def exposure(bed: Bed, service: str) -> float:
    last = bed.run("systemd-analyze", "security", "--no-pager", service).stdout.splitlines()[-1]
    return float(last.split(":")[1].split()[0])


def test_an_installed_host_listens_and_runs_nothing(bed: Bed) -> None:
    states = bed.run("systemctl", "is-active", *SOCKETS, *SERVICES, check=False).stdout.split()
    enabled = bed.run("systemctl", "is-enabled", *SOCKETS).stdout.split()
    processes = bed.run("pgrep", "--full", "/usr/lib/pvdify", check=False).stdout

    assert ["active"] * 3 + ["inactive"] * 2 == states
    assert ["enabled"] * 3 == enabled
    assert "" == processes


def test_the_services_are_as_closed_as_their_work_allows(bed: Bed) -> None:
    assert 0.5 >= exposure(bed, "pvdifyd.service")
    assert 2.3 >= exposure(bed, "pvdify-host.service")  # 0.2 of it is pidfd_getfd


def test_the_api_listens_where_its_socket_says_and_nowhere_else(bed: Bed) -> None:
    assert ["127.0.0.1:9443"] == listening(bed)


@pytest.mark.parametrize(
    ("drop_in", "addresses"),
    [
        ("ListenStream=127.0.0.2:9443", ["127.0.0.1:9443", "127.0.0.2:9443"]),
        ("ListenStream=192.0.2.10:9443", ["127.0.0.1:9443", "192.0.2.10:9443"]),
        ("ListenStream=\nListenStream=[::]:9443", ["*:9443"]),
    ],
    ids=["one more", "one that is not there yet", "all"],
)
def test_a_drop_in_gives_it_other_addresses(bed: Bed, drop_in: str, addresses: list[str]) -> None:
    file = bed.path("/etc/systemd/system/pvdifyd.socket.d/override.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"[Socket]\n{drop_in}\n")
    bed.run("systemctl", "daemon-reload")

    bed.run("systemctl", "restart", "pvdifyd.socket")

    assert addresses == listening(bed)
    file.unlink()
    file.parent.rmdir()
    bed.run("systemctl", "daemon-reload")
    bed.run("systemctl", "restart", "pvdifyd.socket")


def listening(bed: Bed) -> list[str]:
    """The addresses at which port 9443 can be reached."""
    lines = bed.run("ss", "-Hltn", "sport = :9443").stdout.splitlines()
    return sorted(line.split()[3] for line in lines)


@pytest.mark.parametrize(
    ("who", "host", "admin"),
    [
        (("--reuid=pvdify", "--regid=pvdify", "--init-groups"), True, False),
        (("--reuid=nobody", "--regid=nogroup", "--groups=pvdify-admin"), False, True),
        (("--reuid=nobody", "--regid=nogroup", "--clear-groups"), False, False),
    ],
    ids=["pvdify", "an operator", "anybody"],
)
def test_a_socket_opens_for_those_it_is_meant_for(bed: Bed, who: tuple[str, ...], host: bool, admin: bool) -> None:  # noqa: FBT001 -- a table of rights
    def opens(socket: str) -> bool:
        done = bed.run("setpriv", *who, "python3", "-c", CONNECT, f"/run/pvdify/{socket}", check=False)
        assert not done.returncode or "PermissionError" in done.stderr
        return not done.returncode

    assert (host, admin) == (opens("pvdify-host.sock"), opens("admin.sock"))


def test_the_side_that_faces_the_network_sees_no_state_and_reaches_one_socket(bed: Bed) -> None:
    python = "/usr/lib/pvdify/venv/bin/python"

    found = json.loads(in_sandbox_of(bed, "pvdifyd.service", python, "-c", LOOK))

    assert {
        "state": False,
        "key": False,
        "its copy of the key": True,
        "bus": False,
        "processes": 1,
        "host": "yes",
        "admin": "PermissionError",
        "podman": "PermissionError",
        "router": "PermissionError",
        "network": "OSError",
        "journal": "yes",
    } == found


def test_the_user_of_the_api_in_the_group_of_operators_is_refused(bed: Bed) -> None:
    bed.run("usermod", "--append", "--groups", "pvdify-admin", "pvdify")

    refused = bed.run(HOST, "check", check=False)

    bed.run("gpasswd", "--delete", "pvdify", "pvdify-admin")
    assert 69 == refused.returncode
    assert "the user pvdify is in the group pvdify-admin" in refused.stderr
    bed.run(HOST, "check")


def test_operations_work_in_the_sandbox_of_the_host_side(operator: Operator) -> None:
    bed = operator.bed

    in_sandbox_of(bed, "pvdify-host.service", "/usr/bin/pvdify", "apps:create", "boxed", "--bind-port", "3050")
    in_sandbox_of(
        bed, "pvdify-host.service", "/usr/bin/pvdify", "deploy", "boxed", "--image", "127.0.0.1:5000/sample:v1"
    )
    looked = in_sandbox_of(bed, "pvdify-host.service", "/usr/bin/pvdify", "doctor")

    assert "release=v1" in operator.curl(3050)
    assert "1 instance of v1 is up" in looked
    assert "fail" not in looked
    in_sandbox_of(bed, "pvdify-host.service", "/usr/bin/pvdify", "apps:destroy", "boxed", "--confirm", "boxed")
    assert () == operator.containers("boxed")


def test_the_host_side_says_who_holds_a_port(bed: Bed, stranger: int) -> None:
    python = "/usr/lib/pvdify/venv/bin/python"

    said = in_sandbox_of(bed, "pvdify-host.service", python, "-c", HOLDER, str(stranger))

    assert said.startswith("python3 (pid ")


def test_the_host_side_removes_a_volume_whoever_owns_what_is_in_it(bed: Bed) -> None:
    volume = "/var/lib/pvdify/storage/volumes/pvdify-boxed-data"
    bed.run("install", "-d", "-o", "2200000000", "-m", "0700", volume)
    bed.run("install", "-d", "-o", "2200000033", "-m", "1777", f"{volume}/sticky")
    bed.run("install", "-o", "2200000034", "-m", "0600", "/dev/null", f"{volume}/sticky/file")

    in_sandbox_of(
        bed, "pvdify-host.service", "/usr/lib/pvdify/venv/bin/python", "-c", f"import shutil; shutil.rmtree('{volume}')"
    )

    assert not bed.path(volume).exists()


@pytest.mark.parametrize(
    "name", ["-verify_hostname localhost", "-verify_hostname bed", "-verify_ip 127.0.0.1", "-verify_ip ::1"]
)
def test_the_certificate_is_good_for_the_names_of_this_host(bed: Bed, name: str) -> None:
    said = bed.run(
        "openssl", "verify", "-purpose", "sslserver", "-CAfile", f"{TLS}/cert.pem", *name.split(), f"{TLS}/cert.pem"
    )

    assert f"{TLS}/cert.pem: OK\n" == said.stdout


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_api_answers_with_that_certificate(bed: Bed, name: str) -> None:
    answer = bed.run("curl", "-s", "--fail", "--cacert", f"{TLS}/cert.pem", f"https://{name}:9443/health").stdout

    assert "ok" == json.loads(answer)["status"]


def test_the_key_is_roots_alone_and_fits(bed: Bed) -> None:
    modes = bed.run("stat", "--format=%a %U %n", TLS, f"{TLS}/key.pem", f"{TLS}/cert.pem").stdout.splitlines()

    assert [f"700 root {TLS}", f"600 root {TLS}/key.pem", f"600 root {TLS}/cert.pem"] == modes
    certified = bed.run("openssl", "x509", "-in", f"{TLS}/cert.pem", "-noout", "-pubkey").stdout
    assert certified == bed.run("openssl", "pkey", "-in", f"{TLS}/key.pem", "-pubout").stdout


def test_installing_again_keeps_the_certificate(bed: Bed) -> None:
    before = bed.path(f"{TLS}/cert.pem").read_bytes()

    make(bed, "install")

    assert before == bed.path(f"{TLS}/cert.pem").read_bytes()
    assert ["active"] * 3 == bed.run("systemctl", "is-active", *SOCKETS).stdout.split()


def test_an_upgrade_under_load_loses_no_request(bed: Bed) -> None:
    version = bed.path(f"{CHECKOUT}/pvdify/__init__.py")
    text = version.read_text()
    version.write_text(text.replace("0.1.0", "0.1.1"))
    with bed.spawn("sh", "-c", ASK_ON, "ask", f"{TLS}/cert.pem") as asking:
        make(bed, "install")
        asking.terminate()
        said = asking.communicate()[0].splitlines()

    version.write_text(text)
    assert {"0.1.0", "0.1.1"} == {json.loads(line)["version"] for line in said}
    make(bed, "install")


def test_an_upgrade_waits_for_an_operation_of_the_api(bed: Bed) -> None:
    lock = "/var/lib/pvdify/apps/blog/lock"
    bed.run("mkdir", "-p", str(Path(lock).parent))
    bed.run("curl", "-s", "--fail", "--cacert", f"{TLS}/cert.pem", "https://localhost:9443/health")
    service = bed.run("systemctl", "show", "--value", "--property=MainPID", "pvdify-host.service").stdout
    with bed.spawn("flock", lock, "sh", "-c", "echo held; read -r _") as operation:
        assert operation.stdout is not None
        assert "held\n" == operation.stdout.readline()
        with bed.spawn(HOST, "install", env={"WHEELS": "/opt/wheelhouse"}) as installing:
            assert installing.stdout is not None
            said = next(line for line in installing.stdout if line.startswith("waiting"))
            still = bed.run("systemctl", "show", "--value", "--property=MainPID", "pvdify-host.service").stdout

            operation.communicate("\n")
            installing.communicate()

    assert "waiting for an operation on blog\n" == said
    assert service == still
    assert 0 == installing.returncode
    assert service != bed.run("systemctl", "show", "--value", "--property=MainPID", "pvdify-host.service").stdout
    bed.run("rm", "-r", str(Path(lock).parent))


@pytest.mark.parametrize("missing", ["cert.pem", "key.pem"])
def test_half_a_certificate_is_refused(bed: Bed, missing: str) -> None:
    bed.run("mv", f"{TLS}/{missing}", "/root/")

    refused = bed.run(HOST, "check", check=False)

    bed.run("mv", f"/root/{missing}", TLS)
    assert 69 == refused.returncode
    assert f"{TLS} lacks cert.pem or key.pem" in refused.stderr


def test_the_wheel_of_this_version_is_there_for_other_machines(bed: Bed) -> None:
    wheel = "/usr/lib/pvdify/venv/share/pvdify-0.1.0-py3-none-any.whl"

    listed = bed.run("setpriv", "--reuid=pvdify", "--clear-groups", "python3", "-m", "zipfile", "-l", wheel).stdout

    assert "pvdify/__main__.py" in listed
