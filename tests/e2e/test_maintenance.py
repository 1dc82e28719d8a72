"""Maintenance, pages and access logs of a real host: what visitors and operators see of them."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from tests.e2e.load import Load
from tests.e2e.operator import Operator

if TYPE_CHECKING:
    from tests.e2e.bed import Bed

PAGES = "/var/lib/pvdify/apps/{app}/pages"
_IMAGE = "127.0.0.1:5000/sample"
_IDLE = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
for _ in range(2):
    connection.request("GET", "/")
    answer = connection.getresponse()
    print(answer.status, answer.read()[:12].decode(), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog` and `calm` at v1."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
    for app in ("blog", "calm"):
        operator.create(app)
        operator.pvdify("deploy", app, "--image", f"{_IMAGE}:v1")
    return operator


@pytest.fixture
def front(operator: Operator) -> int:
    """The front of `blog`, which is open and at v1."""
    operator.pvdify("maintenance:off", "blog")
    if operator.live("blog") != 1:
        operator.pvdify("deploy", "blog", "--image", f"{_IMAGE}:v1")
    return int(operator.answer("apps:info", "blog")["bind_port"])


def test_maintenance_is_on_for_all_but_who_asked_before(operator: Operator, front: int) -> None:
    idle = operator.bed.spawn("python3", "-c", _IDLE, str(front))
    slow = operator.bed.spawn("curl", "-s", "-w", "%{http_code}", f"http://127.0.0.1:{front}/slow?ms=3000")
    with idle, slow:
        assert idle.stdin is not None
        assert idle.stdout is not None
        assert idle.stdout.readline().startswith("200 release=v1")
        operator.bed.wait_until(lambda: _is_asked(operator.bed, "v1-web-1"), what="the slow request to be asked")

        operator.pvdify("maintenance:on", "blog")
        new = operator.status(front)
        idle.stdin.write("again\n")
        idle.stdin.close()
        kept = idle.stdout.readline()
        asked_before = slow.communicate(timeout=10)[0]

    assert 503 == new
    assert kept.startswith("503 <!doctype")
    assert asked_before.endswith("200")
    assert operator.answer("apps:info", "blog")["in_maintenance"]
    assert "blog is in maintenance" in operator.pvdify("maintenance", "blog").stdout


def test_nobody_loses_a_request_while_it_is_turned_on_and_off(operator: Operator, front: int) -> None:
    calm = int(operator.answer("apps:info", "calm")["bind_port"])
    with Load(operator.bed, calm, keep_alive=4, new=3, slow=1, websockets=1, uploads=1, rate=400) as load:
        for _ in range(3):
            operator.pvdify("maintenance:on", "blog")
            assert 503 == operator.status(front)
            operator.pvdify("maintenance:off", "blog")
            assert 200 == operator.status(front)

    assert load.result is not None
    assert () == load.result.failures
    assert 0 == load.result.websocket.drops


def test_requests_that_wait_for_a_release_go_on_waiting_in_a_new_worker(operator: Operator) -> None:
    """Two releases of an app with a volume never run at once; meanwhile the router is reloaded for others, again and again."""
    front = operator.create("vault")
    operator.bed.path("/var/lib/pvdify/apps/vault/slot.toml").write_text(
        'name = "vault"\ndrain = "3s"\n[processes.web]\nvolumes = [{ name = "data", path = "/data" }]\n'
    )
    operator.pvdify("deploy", "vault", "--image", f"{_IMAGE}:v1")
    reloads = 0
    with Load(operator.bed, front, keep_alive=6, new=4, slow=0, websockets=0, rate=300) as load:
        for release in ("v2", "v1", "v2"):
            with operator.spawn("deploy", "vault", "--image", f"{_IMAGE}:{release}") as deploy:
                while deploy.poll() is None:
                    operator.pvdify("maintenance:off" if reloads % 2 else "maintenance:on", "calm")
                    reloads += 1
                assert 0 == deploy.returncode, deploy.communicate()
    operator.pvdify("maintenance:off", "calm")

    assert load.result is not None
    assert () == load.result.failures
    assert reloads >= 6


def test_behind_maintenance_work_goes_on_and_is_read_back(operator: Operator, front: int) -> None:
    operator.pvdify("maintenance:on", "blog")

    deployed = operator.answer("deploy", "blog", "--image", f"{_IMAGE}:v2")
    scaled = operator.answer("ps:scale", "blog", "web=2")
    rolled = operator.answer("rollback", "blog")
    again = operator.answer("deploy", "blog", "--image", f"{_IMAGE}:v2")

    assert ["done"] * 4 == [one["outcome"] for one in (deployed, scaled, rolled, again)]
    assert 503 == operator.status(front)
    operator.pvdify("ps:scale", "blog", "web=1")
    operator.pvdify("maintenance:off", "blog")
    assert "release=v2" in operator.curl(front)


def test_maintenance_outlives_a_boot(operator: Operator, front: int) -> None:
    operator.pvdify("maintenance:on", "blog")

    operator.bed.reboot()

    operator.bed.wait_until(lambda: "Back soon" in operator.curl(front), timeout=30, what="the page")
    operator.pvdify("maintenance:off", "blog")
    operator.wait_for(front, "release=v1")


def test_an_app_has_a_page_for_each_time_of_its_life(operator: Operator) -> None:
    front = operator.create("young")
    young = operator.curl(front)
    operator.pvdify("deploy", "young", "--image", f"{_IMAGE}:v1")
    live = operator.curl(front)
    operator.pvdify("ps:stop", "young")
    stopped = operator.curl(front)
    operator.pvdify("ps:start", "young")
    operator.bed.run("systemctl", "stop", *operator.units("young"))
    crashed = operator.curl(front)

    assert "Nothing here yet" in young
    assert "release=v1" in live
    assert "Not available right now" in stopped
    assert "Not available right now" in crashed


def test_pages_of_an_app_are_taken_up_by_apply_and_survive_its_deploys(operator: Operator, front: int) -> None:
    pages = operator.bed.path(PAGES.format(app="blog"))
    pages.mkdir(exist_ok=True)
    for name in ("down", "maintenance", "pending"):
        (pages / f"{name}.html").write_text(f"<!doctype html>\n<title>{name}</title>\n<p>Größer als 100% \"'\n")
    operator.pvdify("maintenance:on", "blog")

    assert "Back soon" in operator.curl(front)
    planned = operator.answer("plan", "-a", "blog")["steps"]
    operator.pvdify("apply", "-a", "blog")

    assert [("pages", "down, maintenance, pending")] == [(one["action"], one["detail"]) for one in planned]
    own = (pages / "maintenance.html").read_text()
    assert own == operator.curl(front)
    operator.pvdify("deploy", "blog", "--image", f"{_IMAGE}:v2")
    operator.bed.run("systemctl", "restart", "pvdify-router.service")
    assert own == operator.curl(front)
    for path in pages.iterdir():
        path.unlink()
    operator.pvdify("apply", "-a", "blog")
    assert "Back soon" in operator.curl(front)


def test_the_largest_page_that_is_taken_is_sent_whole(operator: Operator, front: int) -> None:
    page = operator.bed.path(f"{PAGES.format(app='blog')}/maintenance.html")
    page.parent.mkdir(exist_ok=True)
    page.write_text("x" * 14_863 + "\n")
    operator.pvdify("maintenance:on", "blog")
    operator.pvdify("apply", "-a", "blog")

    sent = operator.curl(front)
    page.write_text("x" * 14_900)
    refused = operator.pvdify("apply", "-a", "blog", check=False)
    page.unlink()
    operator.pvdify("apply", "-a", "blog")

    assert 14_864 == len(sent)
    assert "which has room for 15,000" in refused.stderr
    assert 0 != refused.returncode


def test_access_logs_stand_in_the_journal_and_not_among_the_apps_own_lines(operator: Operator, front: int) -> None:
    own = operator.pvdify("logs", "blog").stdout

    operator.curl(front, "/", "-H", "X-Request-Id: find-me-again")

    operator.bed.run("journalctl", "--sync")
    line = operator.bed.run("journalctl", "-t", "blog-access", "-o", "json", "-n", "1").stdout
    entry = json.loads(line)
    assert ("pvdify-router.service", "6") == (entry["_SYSTEMD_UNIT"], entry["PRIORITY"])
    assert " status=200 " in entry["MESSAGE"]
    assert " id=find-me-again " in entry["MESSAGE"]
    assert own == operator.pvdify("logs", "blog").stdout
    assert "listening on port" in own


def test_behind_caddy_a_visitor_comes_from_where_he_does(operator: Operator, front: int) -> None:
    operator.pvdify("edge:set", "caddy", "--internal-ca", "--domain", "apps.example.org")
    forged = ("-H", "X-Forwarded-For: 203.0.113.9", "-H", "X-Pvdify-Probe: 1", "-H", "X-Request-Id: by-the-edge")
    url = "https://blog.apps.example.org/"
    ask = ("curl", "-sik", "--resolve", "blog.apps.example.org:443:127.0.0.1", *forged, url)
    operator.bed.wait_until(
        lambda: "release=v1" in operator.bed.run(*ask, check=False).stdout, timeout=30, what="Caddy to serve"
    )

    answer = operator.bed.run(*ask).stdout

    operator.bed.run("journalctl", "--sync")
    line = operator.bed.run("journalctl", "-t", "blog-access", "-o", "cat", "-n", "1").stdout
    operator.pvdify("edge:set", "none")
    assert line.startswith("client=127.0.0.1 ")
    assert " id=by-the-edge " in line
    assert "x-request-id: by-the-edge" in answer.lower()
    assert "x-pvdify-instance" not in answer.lower()


def _is_asked(bed: Bed, server: str) -> bool:
    """Whether an instance of `blog` has a request that it did not answer yet."""
    with socket.socket(socket.AF_UNIX) as router:
        router.connect(str(bed.path("/run/pvdify/router.sock")))
        router.sendall(b"show servers conn blog\n")
        said = b"".join(iter(lambda: router.recv(65536), b"")).decode()
    fields = next(line.split() for line in said.splitlines() if f"blog/{server}" in line)
    return int(fields[6]) > 0
