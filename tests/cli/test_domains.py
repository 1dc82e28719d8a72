"""Domains and the edge, as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pvdify.model.answers import Apps, AppSummary, Check, CheckStatus
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.model.edge_answers import DomainChecks, Domains, DomainState, Edge
from pvdify.model.edge_requests import AddDomains, CheckDomains, RemoveDomain, SetEdge
from pvdify.model.release import AppStatus
from pvdify.model.requests import ForApp, Request
from pvdify.model.slot import Environment
from tests.cli.answers import ANSWERS
from tests.cli.answers_of_config_and_edge import WAY
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

TUNNEL = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
ACME = "https://ca.example.org:9000/acme/acme/directory"
BLOG = AppSummary(
    name="blog", environment=Environment.PRODUCTION, status=AppStatus.RUNNING, image="", created_at="2026"
)


def asked(*argv: str, default: str | None = None) -> list[Request]:
    client = FakeClient(answers={**ANSWERS, "apps.list": Apps(apps=(BLOG,))})

    ended = typed(*argv, client=client, environ={"PVDIFY_APP": default} if default else {})

    assert (0, "") == (ended.status, ended.err)
    return [request for name, request in client.asked if name != "apps.list"]


def set_edge(*argv: str, now: EdgeSettings, says: str = "") -> SetEdge:
    client = FakeClient(answers={"edge.show": Edge(edge=now, is_running=True, names=0)})

    ended = typed("edge:set", *argv, client=client, says=says)

    assert (0, "") == (ended.status, ended.err)
    request = client.asked[-1][1]
    assert isinstance(request, SetEdge)
    return request


def test_without_domains_there_is_nothing_to_put_into_dns_and_it_is_told_how_to_add_one() -> None:
    client = FakeClient(answers={"domains.list": Domains(app="blog", front=3000, domains=())})

    ended = typed("domains", "blog", "--dns", client=client)

    assert "no domains; add one with `pvdify domains:add blog blog.example.org`" in ended.out


@pytest.mark.parametrize(
    ("line", "default", "request_"),
    [
        ("domains:add blog blog.example.org", None, AddDomains(app="blog", domains=("blog.example.org",))),
        ("domains:add blog.example.org", "blog", AddDomains(app="blog", domains=("blog.example.org",))),
        ("domains:add a.org b.org", "blog", AddDomains(app="blog", domains=("a.org", "b.org"))),
        ("domains:add -a blog a.org b.org", None, AddDomains(app="blog", domains=("a.org", "b.org"))),
        (
            "domains:add blog *.a.org bücher.example",
            None,
            AddDomains(app="blog", domains=("*.a.org", "bücher.example")),
        ),
        ("domains:remove blog blog.example.org", None, RemoveDomain(app="blog", domain="blog.example.org")),
        ("domains:remove blog.example.org", "blog", RemoveDomain(app="blog", domain="blog.example.org")),
        ("domains:check blog", None, CheckDomains(app="blog")),
        ("domains:check", "blog", CheckDomains(app="blog")),
        ("domains:check blog.example.org", "blog", CheckDomains(app="blog", domain="blog.example.org")),
        ("domains:check blog a.org", "shop", CheckDomains(app="blog", domain="a.org")),
        ("domains", "blog", ForApp(app="blog")),
    ],
)
def test_a_word_with_a_dot_is_a_domain_and_one_without_is_the_app(
    line: str, default: str | None, request_: Request
) -> None:
    assert [request_] == asked(*line.split(), default=default)


@pytest.mark.parametrize("line", ["domains:add", "domains:add blog", "domains:remove blog"])
def test_without_a_domain_the_usage_is_shown(line: str) -> None:
    ended = typed(*line.split(), client=FakeClient(), environ={"PVDIFY_APP": "blog"})

    assert 64 == ended.status
    assert f"usage: pvdify {line.split(maxsplit=1)[0]} [APP] DOMAIN" in ended.err


def test_what_is_no_domain_is_refused_by_the_host_in_its_words() -> None:
    ended = typed("domains:add", "-a", "blog", "x" * 1001, client=FakeClient())

    assert 65 == ended.status
    assert "/domains" in ended.err


def test_a_broken_way_ends_with_69_and_says_what_to_type(golden: SnapshotAssertion) -> None:
    nowhere = Check(name="name", status=CheckStatus.FAIL, detail="b.org leads nowhere", hint="pvdify domains --dns")
    links = (nowhere, *WAY.links[1:])
    broken = msgspec.structs.replace(WAY, name="b.org", state=DomainState.PENDING, reason=nowhere.detail, links=links)
    client = FakeClient(answers={"domains.check": DomainChecks(app="blog", domains=(WAY, broken))})

    ended = typed("domains:check", "blog", client=client)

    assert ended.text == golden(name="_cli/domains-check-broken.txt")
    assert 69 == ended.status


def test_an_app_without_names_says_how_to_give_it_one() -> None:
    answers: dict[str, object] = {
        "domains.list": Domains(app="blog", front=3000, domains=()),
        "domains.check": DomainChecks(app="blog", domains=()),
    }

    for command in ("domains", "domains:check"):
        ended = typed(command, "blog", client=FakeClient(answers=answers))
        assert (0, "no domains; add one with `pvdify domains:add blog blog.example.org`\n") == (ended.status, ended.out)


def test_what_is_not_said_of_an_edge_stays_as_it_is() -> None:
    now = EdgeSettings(kind=EdgeKind.CADDY, domain="apps.example.org", email="ada@example.org", internal_ca=True)

    assert now == set_edge(now=now).edge
    assert msgspec.structs.replace(now, email="bob@example.org") == set_edge("--email", "bob@example.org", now=now).edge
    assert msgspec.structs.replace(now, internal_ca=False) == set_edge("caddy", "--public-ca", now=now).edge
    assert msgspec.structs.replace(now, kind=EdgeKind.NONE) == set_edge("none", now=now).edge


def test_whoever_names_an_acme_server_wants_certificates_of_it_and_gets_them_again_without_naming_it() -> None:
    now = EdgeSettings(kind=EdgeKind.CADDY, internal_ca=True)
    asked = EdgeSettings(kind=EdgeKind.CADDY, acme_server=ACME)

    assert asked == set_edge("--acme-server", ACME, now=now).edge
    own = set_edge("--internal-ca", now=asked).edge
    assert msgspec.structs.replace(asked, internal_ca=True) == own
    assert asked == set_edge("--public-ca", now=own).edge


def test_what_is_said_to_be_nothing_is_taken_away() -> None:
    now = EdgeSettings(kind=EdgeKind.CADDY, domain="apps.example.org", email="ada@example.org", acme_server=ACME)

    assert (
        EdgeSettings(kind=EdgeKind.CADDY) == set_edge("--domain", "", "--email", "", "--acme-server", "", now=now).edge
    )


def test_a_proxy_of_ones_own_says_who_asks_only_where_there_is_no_edge() -> None:
    forwarding = set_edge("--forwards", now=EdgeSettings()).edge

    assert forwarding.forwards
    assert EdgeSettings(kind=EdgeKind.CADDY) == set_edge("caddy", now=forwarding).edge
    assert EdgeSettings() == set_edge("--no-forwards", now=forwarding).edge


def test_a_tunnels_credentials_come_by_standard_input() -> None:
    request = set_edge(
        *("cloudflared", "--tunnel", TUNNEL, "--account", 32 * "a", "--managed", "remote", "--credentials-stdin"),
        now=EdgeSettings(),
        says='{"TunnelSecret": "s3cret"}',
    )

    assert '{"TunnelSecret": "s3cret"}' == request.credentials
    assert (TUNNEL, Managed.REMOTE) == (request.edge.tunnel, request.edge.managed)
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize("command", ["domains:add", "domains:remove", "domains:check"])
def test_a_domain_without_a_dot_is_told_for_what_it_is(command: str) -> None:
    ended = typed(command, "blog", "localhost", client=FakeClient())

    assert 64 == ended.status
    assert "localhost is no domain, since it has no dot" in ended.err
    assert "write it as example.org" in ended.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("cloudflared",), "pvdify edge:set cloudflared --tunnel ID"),
        (("caddy", "--forwards"), "forwards is for a proxy"),
        (("--domain", "*.example.org"), "no star"),
        (("--domain", "10.0.0.1"), "IP address"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_changed(argv: tuple[str, ...], words: str) -> None:
    client = FakeClient(answers={"edge.show": Edge(edge=EdgeSettings(), is_running=False, names=0)})

    ended = typed("edge:set", *argv, client=client)

    assert (65, ["edge.show"]) == (ended.status, [name for name, _ in client.asked])
    assert words in ended.err


def test_an_edge_that_is_none_is_told_by_name() -> None:
    ended = typed("edge:set", "nginx", client=FakeClient())

    assert 64 == ended.status
    assert "'none', 'caddy', 'cloudflared'" in ended.err
