"""What a front makes of a request: its id, who asks, what is logged, and what is said where nobody answers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.model.edge import EdgeKind, EdgeSettings
from pvdify.model.manifest import AppRow, InstanceRow
from pvdify.model.page import Page
from pvdify.model.slot import Environment
from tests.e2e.bed import Bed
from tests.e2e.front.fronts import Fronts

if TYPE_CHECKING:
    from collections.abc import Iterator

FRONT, INSTANCE = 3001, 20000
OWN_ID = "4711-abc_DEF"
BLOG = AppRow(
    name="blog",
    environment=Environment.PRODUCTION,
    front=FRONT,
    ids=2_200_000_000,
    created_at="",
    live=1,
    instances=(InstanceRow(release=1, process="web", ordinal=1, port=INSTANCE, is_live=True),),
)
DOWN = msgspec.structs.replace(BLOG, name="down", front=3002, is_stopped=True)
REFUSED = msgspec.structs.replace(
    BLOG,
    name="refused",
    front=3003,
    instances=(InstanceRow(release=1, process="web", ordinal=1, port=20009, is_live=True),),
)
PENDING = msgspec.structs.replace(BLOG, name="young", front=3004, live=None, instances=())
CLOSED = msgspec.structs.replace(BLOG, name="closed", front=3005, in_maintenance=True)
APPS = (BLOG, DOWN, REFUSED, PENDING, CLOSED)
TITLES = {
    DOWN.front: "Not available right now",
    REFUSED.front: "Not available right now",
    PENDING.front: "Nothing here yet",
    CLOSED.front: "Back soon",
}
CADDY = EdgeSettings(kind=EdgeKind.CADDY)
TUNNEL = EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel="f70ff985-a4ef-4643-bbbc-4a0ed4fc8415")
OWN_PROXY = EdgeSettings(forwards=True)
FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Forwarded": "for=203.0.113.9",
    "Forwarded": "for=203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "X-Client-IP": "203.0.113.9",
    "True-Client-IP": "203.0.113.9",
    "CF-Connecting-IP": "203.0.113.9",
    "X_Forwarded_For": "203.0.113.9",
    "X-Forwarded_For": "203.0.113.9",
    "X-Real_IP": "203.0.113.9",
    "Client_IP": "203.0.113.9",
}
AWKWARD = '<!doctype html>\n<pre>it\'s "100%" ($5, %[uuid()] \\o/)\n\n\tGrüße   </pre>\n'


@pytest.fixture(scope="module")
def fronts() -> Iterator[Fronts]:
    with Bed.create() as bed:
        bed.boot()
        fronts = Fronts(bed)
        fronts.start()
        fronts.listen(INSTANCE)
        yield fronts


@pytest.fixture(autouse=True)
def _served(fronts: Fronts) -> None:
    fronts.serve(*APPS)


def headers(given: dict[str, str]) -> list[str]:
    return [word for name, value in given.items() for word in ("-H", f"{name}: {value}")]


def test_a_request_without_an_id_is_given_one(fronts: Fronts) -> None:
    one, other = fronts.ask(FRONT), fronts.ask(FRONT)

    assert [one.headers["x-request-id"]] == one.asked["x-request-id"]
    assert 36 == len(one.headers["x-request-id"])
    assert one.headers["x-request-id"] != other.headers["x-request-id"]


def test_a_request_keeps_the_id_that_it_has(fronts: Fronts) -> None:
    answer = fronts.ask(FRONT, "/", "-H", f"X-Request-Id: {OWN_ID}")

    assert ([OWN_ID], OWN_ID) == (answer.asked["x-request-id"], answer.headers["x-request-id"])
    assert f" id={OWN_ID} " in fronts.log("blog")[-1]


@pytest.mark.parametrize(
    "id_",
    [
        *("short-7", "x" * 65, "with space", "<script>alert(1)", "grüße-grüße"),
        *("one,two-three", "a.dot.in.it", "~tilde-in-it", "100%-percent"),
    ],
)
def test_what_is_no_id_is_replaced(fronts: Fronts, id_: str) -> None:
    answer = fronts.ask(FRONT, "/", "-H", f"X-Request-Id: {id_}")

    assert [answer.headers["x-request-id"]] == answer.asked["x-request-id"]
    assert 36 == len(answer.headers["x-request-id"])


def test_of_two_ids_one_is_left(fronts: Fronts) -> None:
    answer = fronts.ask(FRONT, "/", "-H", "X-Request-Id: first-of-two", "-H", "X-Request-Id: second-of-two")

    assert [answer.headers["x-request-id"]] == answer.asked["x-request-id"]


def test_without_an_edge_nobody_chooses_where_they_come_from(fronts: Fronts) -> None:
    asked = fronts.ask(FRONT, "/", *headers(FORGED)).asked

    assert {
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["http"],
        "x-forwarded-host": [f"127.0.0.1:{FRONT}"],
    } == {
        name: value for name, value in asked.items() if "forward" in name or "ip" in name.replace("_", "-").split("-")
    }


def test_caddy_says_who_asks(fronts: Fronts) -> None:
    fronts.serve(*APPS, edge=CADDY)
    said = {"X-Forwarded-For": "2001:db8::7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "blog.example.org"}

    asked = fronts.ask(FRONT, "/", *headers({**FORGED, **said, "Host": "blog.example.org"})).asked

    assert {
        "x-forwarded-for": ["2001:db8::7"],
        "x-forwarded-proto": ["https"],
        "x-forwarded-host": ["blog.example.org"],
    } == {
        name: value for name, value in asked.items() if "forward" in name or "ip" in name.replace("_", "-").split("-")
    }
    assert fronts.log("blog")[-1].startswith("client=2001:db8::7 ")


def test_cloudflare_says_who_asks(fronts: Fronts) -> None:
    fronts.serve(*APPS, edge=TUNNEL)
    said = {"CF-Connecting-IP": "198.51.100.7", "X-Forwarded-Proto": "https", "Host": "blog.example.org"}

    asked = fronts.ask(FRONT, "/", *headers({**FORGED, **said})).asked

    assert {
        "x-forwarded-for": ["198.51.100.7"],
        "x-forwarded-proto": ["https"],
        "x-forwarded-host": ["blog.example.org"],
        "cf-connecting-ip": ["198.51.100.7"],
    } == {
        name: value for name, value in asked.items() if "forward" in name or "ip" in name.replace("_", "-").split("-")
    }


def test_a_proxy_of_ones_own_says_what_it_likes_but_for_misspelt_names(fronts: Fronts) -> None:
    fronts.serve(*APPS, edge=OWN_PROXY)

    asked = fronts.ask(FRONT, "/", *headers(FORGED)).asked

    kept = {name.lower(): [value] for name, value in FORGED.items() if "_" not in name}
    assert kept == {name: asked.get(name) for name in kept}
    assert [] == [name for name in asked if "_" in name]
    assert fronts.log("blog")[-1].startswith("client=203.0.113.9 ")


@pytest.mark.parametrize("nonsense", ["unknown", "1.2.3", "'; DROP", "203.0.113.9, unknown"])
def test_what_is_no_address_is_nobodys(fronts: Fronts, nonsense: str) -> None:
    fronts.serve(*APPS, edge=CADDY)

    asked = fronts.ask(FRONT, "/", "-H", f"X-Forwarded-For: {nonsense}", "-H", "X-Forwarded-Proto: gopher").asked

    assert (["127.0.0.1"], ["http"]) == (asked["x-forwarded-for"], asked["x-forwarded-proto"])


def test_pvdify_is_told_who_answered_its_probe(fronts: Fronts) -> None:
    probe, visitor = fronts.ask(FRONT, "/", "-H", "X-Pvdify-Probe: 4711"), fronts.ask(FRONT)

    assert "v1-web-1" == probe.headers["x-pvdify-instance"]
    assert "x-pvdify-probe" not in probe.asked
    assert "x-pvdify-instance" not in visitor.headers


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For: 203.0.113.9", "CF-Connecting-IP: 203.0.113.9", "Forwarded: for=1"]
)
def test_what_comes_by_an_edge_is_no_probe(fronts: Fronts, header: str) -> None:
    forged = ("-H", "X-Pvdify-Probe: 4711", "-H", header)

    assert "x-pvdify-instance" not in fronts.ask(FRONT, "/", *forged).headers
    assert 503 == fronts.ask(CLOSED.front, "/", *forged).status


def test_a_probe_gets_behind_maintenance(fronts: Fronts) -> None:
    answer = fronts.ask(CLOSED.front, "/", "-H", "X-Pvdify-Probe: 4711")

    assert (200, "v1-web-1") == (answer.status, answer.headers["x-pvdify-instance"])


def test_a_request_is_logged_in_one_line_without_its_query(fronts: Fronts) -> None:
    before = len(fronts.log("blog"))

    fronts.ask(FRONT, "/account/201?token=s3cret", "-X", "POST", "-H", f"X-Request-Id: {OWN_ID}")

    (line,) = fronts.log("blog")[before:]
    said = dict(word.partition("=")[::2] for word in line.split())
    assert {
        "client": "127.0.0.1",
        "method": "POST",
        "status": "201",
        "instance": "v1-web-1",
        "id": OWN_ID,
        "one_in": "1",
        "path": '"/account/201"',
    } == {name: said[name] for name in ("client", "method", "status", "instance", "id", "one_in", "path")}
    assert all(said[name].isdigit() for name in ("bytes", "total_ms", "waited_ms", "connect_ms", "answer_ms"))
    assert "s3cret" not in line


def test_a_path_cannot_forge_a_line_or_what_stands_before_it(fronts: Fronts) -> None:
    before = len(fronts.log("blog"))

    fronts.ask(FRONT, '/a"status=200%0aMESSAGE=x', "--path-as-is")
    fronts.ask(FRONT, f"/{'x' * 9000}")

    one, long = fronts.log("blog")[before:]
    assert " status=200 " in one.partition(" path=")[0]
    assert "MESSAGE=x" in one
    assert " status=200 " in long.partition(" path=")[0]


def test_pvdifys_own_probes_are_no_lines_and_whoever_comes_by_an_edge_is_one(fronts: Fronts) -> None:
    before = len(fronts.log("blog"))

    fronts.ask(FRONT, "/", "-H", "X-Pvdify-Probe: 1", "-H", "X-Request-Id: its-own-probe")
    fronts.ask(FRONT, "/", "-H", "X-Pvdify-Probe: 1", "-H", "X-Request-Id: somebody-else", "-H", "X-Forwarded-For: ::1")

    (line,) = fronts.log("blog")[before:]
    assert " id=somebody-else " in line


def test_what_the_router_answers_itself_is_a_warning(fronts: Fronts) -> None:
    fronts.ask(DOWN.front)
    fronts.ask(FRONT, "/503")
    fronts.bed.run("journalctl", "--sync")

    found = {
        app: fronts.bed.run("journalctl", "-t", f"{app}-access", "-o", "json", "-n", "1").stdout
        for app in ("down", "blog")
    }

    assert '"PRIORITY":"4"' in found["down"]
    assert '"PRIORITY":"6"' in found["blog"]


def test_of_more_requests_than_the_journal_should_bear_a_sample_is_logged(fronts: Fronts) -> None:
    before, asked = len(fronts.log("down")), 40_000

    fronts.bed.run("python3", "-c", _HAMMER, str(DOWN.front), str(asked))

    lines = fronts.log("down")[before:]
    stand_for = [int(line.partition(" one_in=")[2].split()[0]) for line in lines]
    assert 1 in stand_for
    assert max(stand_for) > 2
    assert asked * 0.7 < sum(stand_for) < asked * 1.3
    assert len(lines) < asked * 0.2


@pytest.mark.parametrize("front", TITLES)
def test_a_person_gets_a_page_where_nobody_answers(fronts: Fronts, front: int) -> None:
    answer = fronts.ask(front, "/", "-H", "Accept: text/html,application/json;q=0.9,*/*;q=0.8")

    assert (503, "text/html; charset=utf-8") == (answer.status, answer.headers["content-type"])
    assert f"<h1>{TITLES[front]}</h1>" in answer.body
    assert answer.body.rstrip().endswith("</html>")
    assert 4000 > len(answer.body)
    assert int(answer.headers["retry-after"]) > 0
    assert "no-store" == answer.headers["cache-control"]
    assert 36 == len(answer.headers["x-request-id"])


@pytest.mark.parametrize(
    ("front", "error"),
    {DOWN.front: "down", REFUSED.front: "down", PENDING.front: "pending", CLOSED.front: "maintenance"}.items(),
)
def test_a_program_gets_an_object_where_nobody_answers(fronts: Fronts, front: int, error: str) -> None:
    answer = fronts.ask(front, "/", "-H", "Accept: application/json, text/plain, */*")

    assert (503, "application/json") == (answer.status, answer.headers["content-type"])
    assert error == answer.json["error"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("front", TITLES)
def test_who_asks_for_headers_only_gets_no_body(fronts: Fronts, front: int) -> None:
    answer = fronts.ask(front, "/", "--head")

    assert (503, "") == (answer.status, answer.body)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_what_an_app_answers_itself_is_not_touched(fronts: Fronts, status: int, accept: str) -> None:
    answer = fronts.ask(FRONT, f"/{status}", "-H", f"Accept: {accept}")

    assert (status, "application/x-echo") == (answer.status, answer.headers["content-type"])
    assert "v1" == answer.json["release"]
    assert "retry-after" not in answer.headers


def test_an_app_has_pages_of_its_own_to_the_byte(fronts: Fronts) -> None:
    pages = {page: AWKWARD.replace("100", page.value).encode() for page in Page}
    mine = {page: hashlib.sha256(html).hexdigest() for page, html in pages.items()}
    rows = tuple(msgspec.structs.replace(row, pages=mine) for row in APPS)

    fronts.serve(*rows, pages={row.name: pages for row in rows})

    for front, page in {3002: Page.DOWN, 3003: Page.DOWN, 3004: Page.PENDING, 3005: Page.MAINTENANCE}.items():
        assert pages[page].decode() == fronts.ask(front).body
        assert page.value == fronts.ask(front, "/", "-H", "Accept: application/json").json["error"]


def test_a_connection_from_before_a_reload_is_served_by_what_is_in_force(fronts: Fronts) -> None:
    """An edge keeps connections that nobody uses for minutes; the worker that has them knows only what was true then."""
    fronts.listen(20001, release="v2")
    moved = msgspec.structs.replace(
        BLOG, live=2, instances=(InstanceRow(release=2, process="web", ordinal=1, port=20001, is_live=True),)
    )
    with fronts.bed.spawn("python3", "-c", _IDLE, str(FRONT)) as idle:
        assert idle.stdout is not None
        assert idle.stdin is not None
        before = idle.stdout.readline()
        fronts.serve(moved, *APPS[1:])

        idle.stdin.write("again\n")
        idle.stdin.close()
        after = idle.stdout.readline()

    fronts.leave(20001)
    assert '"release": "v1"' in before
    assert '"release": "v2"' in after


_IDLE = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
for _ in range(2):
    connection.request("GET", "/")
    print(connection.getresponse().read().decode(), flush=True)
    sys.stdin.readline()
"""
_HAMMER = """
import socket, sys
left, each = int(sys.argv[2]), 500
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s, s.makefile("rb") as answers:
    for _ in range(left // each):
        s.sendall(each * b"HEAD / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        for _ in range(each):
            while answers.readline() != b"\\r\\n": pass
"""
