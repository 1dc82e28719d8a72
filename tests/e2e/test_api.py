"""Both services under systemd: started by a connection, gone when idle, nothing lost in between, and killed at any moment."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from pvdify.operations.registered import OPERATIONS
from tests.e2e.api.ask import asked
from tests.e2e.journal import has, operations
from tests.e2e.kill.state import row, wrong
from tests.e2e.load import Load
from tests.e2e.operator import ADDRESS, CERTIFICATE, REGISTRY, Operator, Way

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

SERVICES = ("pvdifyd.service", "pvdify-host.service")
REQUESTS = 1000
SLOW = 10_000


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone elsewhere, with `blog` at v1."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
        operator.push(f"slow{release}", env={"APP_START_MS": "1200"})
    operator.create("blog")
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:slowv1")
    return operator.by(Way.HTTPS)


@pytest.fixture(scope="module")
def token(operator: Operator) -> str:
    return str(operator.answer("tokens:create", "tests", "--scope", "admin")["token"])


def up(bed: Bed) -> list[str]:
    """Which of the services are there."""
    return [one for one in SERVICES if bed.run("systemctl", "is-active", one, check=False).stdout.strip() != "inactive"]


def main_pid(bed: Bed, service: str) -> str:
    return bed.run("systemctl", "show", "-P", "MainPID", service).stdout.strip()


def starts(bed: Bed, service: str) -> int:
    """How many processes of it have served somebody."""
    name = service.removesuffix(".service")
    said = bed.run("journalctl", f"SYSLOG_IDENTIFIER={name}", "-o", "json", "--output-fields=_PID").stdout
    return len({json.loads(line)["_PID"] for line in said.splitlines()})


def gone_soon(bed: Bed, seconds: str) -> None:
    """Let the services go when nobody asked for so long."""
    for service, role in zip(SERVICES, ("api", "host"), strict=True):
        drop_in = bed.path(f"/run/systemd/system/{service}.d/idle.conf")
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        run = f"/usr/lib/pvdify/venv/bin/python -m pvdify.serve --role {role} --idle {seconds}"
        drop_in.write_text(f"[Service]\nExecStart=\nExecStart={run}\n")
    bed.run("systemctl", "daemon-reload")
    bed.run("systemctl", "stop", *SERVICES)


def gone_as_installed(bed: Bed) -> None:
    for service in SERVICES:
        bed.path(f"/run/systemd/system/{service}.d/idle.conf").unlink()
    bed.run("systemctl", "daemon-reload")
    bed.run("systemctl", "stop", *SERVICES)


def test_anybody_may_ask_whether_it_is_there_and_nobody_else_anything(operator: Operator) -> None:
    curl = ("curl", "-s", "--cacert", CERTIFICATE)

    health = json.loads(operator.bed.run(*curl, f"{ADDRESS}/health").stdout)
    refused = operator.bed.run(*curl, "-i", f"{ADDRESS}/api/v1/apps").stdout

    assert "ok" == health["status"]
    assert refused.startswith("HTTP/1.1 401 ")
    assert 'WWW-Authenticate: Bearer realm="pvdify"' in refused


def test_a_request_is_in_the_journal_of_both_services_under_its_id(operator: Operator, token: str) -> None:
    id_ = "a-request-to-look-for"
    head = ("-H", f"Authorization: Bearer {token}", "-H", f"X-Request-Id: {id_}")

    operator.bed.run("curl", "-s", "--cacert", CERTIFICATE, *head, f"{ADDRESS}/api/v1/apps/blog/logs?grep=canary-text")

    def lines() -> list[dict[str, str]]:
        found = operator.bed.run("journalctl", f"PVDIFY_REQUEST_ID={id_}", "-o", "json").stdout
        return [json.loads(line) for line in found.splitlines()]

    operator.bed.wait_until(lambda: len(lines()) == 2, what="both lines")
    assert {"pvdifyd", "pvdify-host"} == {one["SYSLOG_IDENTIFIER"] for one in lines()}
    assert {"logs.read"} == {one["PVDIFY_OPERATION"] for one in lines()}
    written = operator.bed.run("journalctl", "-o", "export").stdout
    assert "canary-text" not in written
    assert token not in written


def test_both_go_when_nobody_asks_and_come_with_the_next_connection(operator: Operator, token: str) -> None:
    gone_soon(operator.bed, "1")
    try:
        assert 200 == asked(operator.bed, token, "once", "/api/v1/apps")["status"]
        operator.bed.wait_until(lambda: up(operator.bed) == [], timeout=30, what="both services to go")

        assert 200 == asked(operator.bed, token, "once", "/api/v1/apps")["status"]
    finally:
        gone_as_installed(operator.bed)
    assert () == operator.bed.failed_units


def test_a_thousand_requests_that_race_with_idle_exits_and_restarts_are_all_answered(
    operator: Operator, token: str
) -> None:
    gone_soon(operator.bed, "0.3")
    before = [starts(operator.bed, one) for one in SERVICES]
    restarts = operator.bed.spawn(
        *("bash", "-c", "while sleep 1.7; do systemctl try-restart pvdifyd.service pvdify-host.service; done"),
    )
    try:
        found = asked(operator.bed, token, "race", "/api/v1/apps", str(REQUESTS), timeout=240)
    finally:
        restarts.kill()
        restarts.communicate()
        started = [starts(operator.bed, one) - was for one, was in zip(SERVICES, before, strict=True)]
        gone_as_installed(operator.bed)

    assert {"200": REQUESTS} == found["statuses"]
    assert min(started) >= 10
    assert () == operator.bed.failed_units


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("pull", "done"),
        ("prepare", "begin"),
        ("start", "begin"),
        ("probe", "begin"),
        ("switch", "done"),
        ("route", "done"),
    ],
)
def test_a_deploy_whose_service_is_killed_is_finished_or_undone_and_its_client_learns_which(
    operator: Operator, step: str, kind: str
) -> None:
    bed, before = operator.bed, row(operator.bed, "blog")
    tag = "slowv2" if "slowv1" in _source(operator) else "slowv1"
    count = len(operations(bed, "blog"))
    deploy = operator.spawn("deploy", "blog", "--image", f"{REGISTRY}/sample:{tag}", "--json")
    bed.wait_until(
        lambda: len(operations(bed, "blog")) > count and has(operations(bed, "blog")[-1], kind, step),
        timeout=60,
        what=f"{kind} {step}",
    )

    bed.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "pvdify-host.service")
    said, complained = deploy.communicate(timeout=120)

    went_forward = has(operations(bed, "blog")[-1], "done", "switch")
    assert (0 if went_forward else 69) == deploy.returncode, said + complained
    live = row(bed, "blog").live
    assert went_forward == (live != before.live)
    assert "Traceback" not in said + complained
    id_ = str(operations(bed, "blog")[-1][0]["data"]["id"])
    assert ("done" if went_forward else "undone") == operator.answer("operations:info", id_)["status"]
    assert [] == wrong(operator, "blog", live=live)


def test_a_deploy_goes_on_while_the_service_that_faces_the_network_is_killed_again_and_again(
    operator: Operator,
) -> None:
    bed = operator.bed
    tag = "slowv2" if "slowv1" in _source(operator) else "slowv1"
    deploy = operator.spawn("deploy", "blog", "--image", f"{REGISTRY}/sample:{tag}")
    count = len(operations(bed, "blog"))

    bed.wait_until(lambda: len(operations(bed, "blog")) > count, timeout=30, what="the operation")
    for _ in range(3):
        bed.wait_until(lambda: main_pid(bed, "pvdifyd.service") != "0", what="the service")
        bed.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "pvdifyd.service", check=False)
    said, complained = deploy.communicate(timeout=120)

    assert 0 == deploy.returncode, said + complained
    assert "is live" in said
    assert tag in _source(operator)


def test_a_stream_that_has_nothing_to_say_gives_a_sign_of_life(operator: Operator, token: str) -> None:
    head = f"-H 'Authorization: Bearer {token}' -H 'Accept: text/event-stream'"
    url = f"{ADDRESS}/api/v1/apps/blog/logs?follow=true&lines=0"

    heard = operator.bed.run(
        "bash", "-c", f"curl -sN --max-time 40 --cacert {CERTIFICATE} {head} '{url}' | grep -m 1 '^:$'", timeout=60
    )

    assert ":\n" == heard.stdout


def test_no_request_of_an_app_fails_while_it_is_changed_over_the_api(operator: Operator) -> None:
    front = row(operator.bed, "blog").front
    load = Load(operator.bed, front, keep_alive=3, new=2, slow=1, websockets=0, uploads=1, rate=400, seconds=300)

    with load:
        for argv in (
            ("deploy", "blog", "--image", f"{REGISTRY}/sample:v1"),
            ("ps:scale", "blog", "web=3"),
            ("deploy", "blog", "--image", f"{REGISTRY}/sample:v2"),
            ("ps:restart", "blog"),
            ("rollback", "blog"),
            ("ps:scale", "blog", "web=1"),
        ):
            assert "done" == operator.answer(*argv)["outcome"]

    assert load.result is not None
    assert () == load.result.failures
    assert load.result.requests >= 1000
    assert [] == wrong(operator, "blog", live=row(operator.bed, "blog").live)


def test_whoever_takes_over_the_service_that_faces_the_network_gets_nothing_without_a_token(operator: Operator) -> None:
    bed = operator.bed
    script = (
        "import json,os,socket,sys\n"
        "os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1]))\n"
        "def ask(path, line):\n"
        "    s=socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(path)\n"
        "    s.sendall(f'{line} HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\n{{}}'.encode())\n"
        "    said=b''\n"
        "    while piece:=s.recv(65536): said+=piece\n"
        "    return said.split()[1].decode()\n"
        "found={}\n"
        "for line in sys.stdin.read().splitlines(): found[line]=ask('/run/pvdify/pvdify-host.sock', line)\n"
        "for path in ('/run/pvdify/admin.sock','/run/pvdify/podman.sock','/run/pvdify/router-master.sock'):\n"
        "    try: found[path]=ask(path, 'GET /')\n"
        "    except OSError as error: found[path]=type(error).__name__\n"
        "for path in ('/var/lib/pvdify/tokens.json','/var/lib/pvdify','/etc/pvdify/tls/key.pem'):\n"
        "    try: found[path]=str(len(os.listdir(path) if os.path.isdir(path) else open(path).read()))\n"
        "    except OSError as error: found[path]=type(error).__name__\n"
        "print(json.dumps(found))\n"
    )
    routes = [(one.route.method, one.route.path) for one in OPERATIONS.values() if one.route]
    asked_for = [f"{method} /api/v1{re.sub(r'{[a-z]+}', 'blog', path)}" for method, path in routes]
    ids = [bed.run("id", flag, "pvdify").stdout.strip() for flag in ("-u", "-g")]

    said = json.loads(bed.run("python3", "-c", script, *ids, input="\n".join(asked_for)).stdout)

    assert {"401"} == {said[line] for line in asked_for}
    assert {"PermissionError"} == {answer for path, answer in said.items() if path.startswith("/")}


def test_ten_thousand_clients_that_never_finish_are_all_closed_and_the_others_answered(
    operator: Operator, token: str
) -> None:
    found = asked(operator.bed, token, "slow", "/api/v1/apps", str(SLOW), timeout=240)

    assert SLOW == found["closed"]
    assert found["good"] >= 50
    assert found["longest_s"] < 30  # 15 s on a quiet machine: `make bench` says how long
    assert found["rss_mb"] < 250


def test_the_installer_puts_the_command_line_on_a_machine_and_points_it_at_the_host(
    operator: Operator, token: str
) -> None:
    bed = operator.bed
    home = {"HOME": "/var/tmp/ada", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/opt/wheelhouse"}
    bed.run("mkdir", "-p", home["HOME"])
    bed.run("chown", "nobody:", home["HOME"])
    as_ada = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")

    said = bed.run(*as_ada, "sh", "-c", f"curl -fsSk {ADDRESS}/install.sh | sh", env=home, timeout=120).stdout
    command = (*as_ada, "/var/tmp/ada/.local/bin/pvdify")
    bed.run(*command, "login", "--token-stdin", env=home, input=token)
    listed = json.loads(bed.run(*command, "apps", "--json", env=home).stdout)

    assert "pvdify is installed" in said
    assert ["blog"] == [one["name"] for one in listed["apps"]]
    again = bed.run(*as_ada, "sh", "-c", f"curl -fsSk {ADDRESS}/install.sh | sh", env=home, timeout=120).stdout
    assert "pvdify is installed" in again


def _source(operator: Operator) -> str:
    """Which image is live."""
    live = row(operator.bed, "blog").live
    return str(operator.answer("releases:info", "blog", f"v{live}")["source"])
