"""The rules of a tunnel that others use too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import EdgeError
from pvdify.model.ingress import Rule, new_rule, rule_of
from pvdify.plan.ingress import merged

FRONT = "http://127.0.0.1:3001"
OTHER = "http://127.0.0.1:3002"
LAST = new_rule("http_status:404")
SSH = rule_of({"hostname": "ssh.example.org", "service": "ssh://localhost:22", "originRequest": {"noTLSVerify": True}})
STAR = rule_of({"hostname": "*.example.org", "service": "http://localhost:8080"})
API = rule_of({"hostname": "blog.example.org", "path": "^/api", "service": "http://localhost:9000"})
BLOG = new_rule(FRONT, "blog.example.org")
EVERY = new_rule(OTHER, "*.example.org")


def reached(rules: tuple[Rule, ...], hostname: str, path: str = "") -> str:
    """The service that a request gets, as cloudflared looks for it."""
    for rule in rules:
        fits_path = not rule.path or path.startswith(rule.path.removeprefix("^"))
        is_one = rule.hostname in {"", hostname} or (rule.hostname[:2] == "*." and hostname.endswith(rule.hostname[1:]))
        if is_one and fits_path:
            return rule.service
    raise AssertionError("no rule is the last")


def test_a_tunnel_without_rules_gets_ours_and_one_for_everybody_else() -> None:
    assert (BLOG, LAST) == merged((), {"blog.example.org": FRONT}, ())
    assert (LAST,) == merged((), {}, ())


def test_what_others_put_there_stays_as_it_is_in_its_order() -> None:
    assert (SSH, BLOG, STAR, LAST) == merged((SSH, STAR, LAST), {"blog.example.org": FRONT}, ())


def test_the_last_rule_stays_the_last_whatever_it_is() -> None:
    everybody = new_rule("http://localhost:80")

    assert (BLOG, everybody) == merged((everybody,), {"blog.example.org": FRONT}, ())


def test_our_star_stands_behind_the_single_names_of_others() -> None:
    rules = merged((SSH, LAST), {"*.example.org": OTHER, "blog.example.org": FRONT}, ())

    assert (SSH, BLOG, EVERY, LAST) == rules


def test_a_path_of_others_below_our_name_is_still_reached() -> None:
    rules = merged((API, LAST), {"blog.example.org": FRONT}, ())

    assert (API, BLOG, LAST) == rules


def test_a_path_that_others_lead_to_our_front_stays_theirs() -> None:
    api = rule_of({"hostname": "blog.example.org", "path": "^/api", "service": FRONT})

    assert (api, LAST) == merged((api, BLOG, LAST), {}, {("blog.example.org", FRONT)})


def test_a_rule_of_ours_that_is_wanted_no_more_goes_and_one_with_another_front_is_changed() -> None:
    put = {("blog.example.org", FRONT), ("www.example.org", FRONT)}
    found = (BLOG, new_rule(FRONT, "www.example.org"), SSH, LAST)

    assert (SSH, new_rule(OTHER, "blog.example.org"), LAST) == merged(found, {"blog.example.org": OTHER}, put)


def test_what_somebody_said_in_the_dashboard_of_a_rule_of_ours_stays() -> None:
    found = rule_of({"hostname": "blog.example.org", "service": FRONT, "originRequest": {"httpHostHeader": "x"}})

    assert (found, LAST) == merged((found, LAST), {"blog.example.org": FRONT}, ())


def test_a_rule_that_would_be_ours_word_for_word_is_taken_for_ours() -> None:
    assert (BLOG, LAST) == merged((BLOG, LAST), {"blog.example.org": FRONT}, ())
    assert (LAST,) == merged((BLOG, LAST), {}, {("blog.example.org", FRONT)})


def test_a_rule_of_others_with_our_front_and_a_name_that_we_never_had_stays() -> None:
    assert (BLOG, LAST) == merged((BLOG, LAST), {}, ())


@pytest.mark.parametrize("hostname", ["blog.example.org", "Blog.Example.org"])
def test_a_rule_of_others_with_one_of_our_names_is_told_of(hostname: str) -> None:
    taken = rule_of({"hostname": hostname, "service": "http://localhost:8080"})

    with pytest.raises(EdgeError, match=r"blog\.example\.org.*http://localhost:8080"):
        merged((taken, LAST), {"blog.example.org": FRONT}, ())


NAMES = st.sampled_from(
    ["a.example.org", "b.example.org", "a.b.example.org", "*.example.org", "*.b.example.org", "example.org", "x.net"]
)
WANTED = st.dictionaries(NAMES, st.sampled_from([FRONT, OTHER]), max_size=7)
THEIRS = st.lists(
    st.builds(
        lambda name, path: rule_of(
            {"hostname": f"t{name}" if name[0] != "*" else name, "path": path, "service": f"theirs-{name}{path}"}
        ),
        NAMES,
        st.sampled_from(["", "^/x"]),
    ),
    max_size=6,
    unique_by=lambda rule: (rule.hostname, rule.path),
)


@given(WANTED, WANTED, THEIRS)
def test_every_name_of_ours_is_reached_and_nobody_elses_is_lost(
    before: dict[str, str], wanted: dict[str, str], theirs: list[Rule]
) -> None:
    theirs = [rule for rule in theirs if rule.hostname not in {*before, *wanted}]
    foreign = (*theirs, LAST)
    first = merged(foreign, before, ())

    rules = merged(first, wanted, set(before.items()))

    ours = {(rule.hostname, rule.service) for rule in rules if not rule.service.startswith("theirs")}
    assert {*wanted.items(), ("", LAST.service)} == ours
    assert foreign == tuple(rule for rule in rules if rule in foreign)
    assert all(wanted[name] == reached(rules, name, "/") for name in wanted if name[0] != "*")
    assert rules == merged(rules, wanted, set(wanted.items()))
    for name, path in (("ta.example.org", "/x"), ("tx.net", "/"), ("q.b.example.org", "/")):
        if name not in wanted and not any(Rule(hostname=one).swallows(name) for one in wanted):
            assert reached(foreign, name, path) == reached(rules, name, path)
