"""The files of the edge lead each name to its front, and nothing that is written into them leads anywhere else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.adapters.process import run
from pvdify.errors import RenderError, SpecError
from pvdify.model.domain import domain_name
from pvdify.model.edge import EdgeKind, EdgeSettings, Managed
from pvdify.model.manifest import AppRow
from pvdify.model.place import Place
from pvdify.model.slot import Environment
from pvdify.render.edge import CADDY, TUNNEL, edge_artefacts, names_of
from pvdify.render.quoting import caddy_names, caddy_text, yaml_text
from tests.render.edgefile import broken_rules, rules, scalar, sites
from tests.render.golden import GOLDEN
from tests.render.world import SCENARIOS, load

if TYPE_CHECKING:
    from pathlib import Path

ID = "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"
BY_CADDY = EdgeSettings(kind=EdgeKind.CADDY, internal_ca=True, domain="apps.example.org")
BY_TUNNEL = EdgeSettings(kind=EdgeKind.CLOUDFLARED, tunnel=ID, domain="apps.example.org")
KEPT_HERE = [
    one for one in SCENARIOS if load(one).edge.kind is not EdgeKind.NONE and load(one).edge.managed is Managed.LOCAL
]


def row(name: str, front: int, *names: str) -> AppRow:
    return AppRow(name=name, environment=Environment.PRODUCTION, front=front, ids=1, created_at="", domains=names)


def text_of(edge: EdgeSettings, *rows: AppRow) -> str:
    (file,) = edge_artefacts({one.name: one for one in rows}, edge, Place())
    return file.text


def accepted(text: str) -> str | None:
    try:
        return domain_name(text)
    except SpecError:
        return None


@pytest.mark.parametrize("scenario", KEPT_HERE, ids=lambda path: path.stem)
def test_a_golden_file_leads_every_name_to_its_front_and_no_other(scenario: Path) -> None:
    world = load(scenario)
    wanted = {name: one.front for one in world.rows.values() for name in names_of(one, world.edge)}

    (file,) = edge_artefacts(world.rows, world.edge, Place())

    if file.path == CADDY:
        assert wanted == sites(file.text)
    else:
        assert wanted == {host: int(service.rpartition(":")[2]) for host, service in rules(file.text)[:-1]}


@pytest.mark.parametrize("file", sorted(GOLDEN.glob(f"*/{TUNNEL}")), ids=lambda file: file.parents[1].name)
def test_a_golden_ingress_keeps_the_rules_of_cloudflared(file: Path) -> None:
    assert [] == broken_rules(rules(file.read_text()))


@pytest.mark.parametrize(
    ("program", "path", "arguments"),
    [
        ("cloudflared", TUNNEL, ("tunnel", "--config", "{}", "ingress", "validate")),
        ("caddy", CADDY, ("validate", "--adapter", "caddyfile", "--config", "{}")),
    ],
)
async def test_the_program_takes_every_golden_file_wherever_it_is_installed(
    program: str, path: str, arguments: tuple[str, ...]
) -> None:
    files = sorted(GOLDEN.glob(f"*/{path}")) if shutil.which(program) else []

    for file in files:
        done = await run(program, *(one.format(file) for one in arguments))
        assert 0 == done.returncode, done.stdout + done.stderr


NAMES = st.from_regex(r"(\*\.)?([a-z0-9][a-z0-9-]{0,5}\.){1,3}[a-z]{2,4}", fullmatch=True)


@given(st.lists(NAMES, max_size=8))
def test_whatever_names_are_accepted_both_programs_find_each_front(texts: list[str]) -> None:
    names = tuple(dict.fromkeys(name for text in texts if (name := accepted(text))))
    one, other = row("blog", 3000, *names[::2]), row("shop", 3001, *names[1::2])
    wanted = {name: each.front for each in (one, other) for name in names_of(each, BY_CADDY)}

    assert wanted == sites(text_of(BY_CADDY, one, other))
    found = rules(text_of(BY_TUNNEL, one, other))
    assert wanted == {host: int(service.rpartition(":")[2]) for host, service in found[:-1]}
    assert [] == broken_rules(found)


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=3))
def test_no_text_can_break_out_of_a_site(texts: list[str]) -> None:
    """Also one that somehow got past all that refuses it."""
    try:
        written = caddy_names(texts)
    except RenderError:
        return

    assert dict.fromkeys(texts, 3000) == sites(f"{written} {{\n\treverse_proxy 127.0.0.1:3000 {{\n\t}}\n}}\n")
    assert not set(written) & set("{}\"'`#\n\t;")


@given(st.text(max_size=60))
def test_no_text_can_break_out_of_a_scalar(text: str) -> None:
    try:
        written = yaml_text(text)
    except RenderError:
        assert not text.isprintable()
        return

    assert text == scalar(written)
    assert "\n" not in written


@given(st.text(max_size=60))
def test_a_caddyfile_takes_no_text_that_it_would_expand(text: str) -> None:
    try:
        written = caddy_text(text)
    except RenderError:
        return

    assert text == written
    assert not set(text) & set("{}\"'`# \n")


@pytest.mark.parametrize(
    "text", ["on", "no", "null", "~", "1.5", "0x1f", "1e3", "2001-01-01", "12:30", "", "-", "a: b", "*.a", "#a", "é"]
)
def test_what_yaml_might_take_for_something_else_is_quoted(text: str) -> None:
    assert f'"{text}"' == yaml_text(text)


def test_what_a_deploy_a_scale_or_another_environment_changes_is_in_no_file_of_the_edge() -> None:
    before = row("blog", 3000, "blog.example.org")
    after = msgspec.structs.replace(
        before, live=7, warm=6, image="x", is_stopped=True, environment=Environment.STAGING, in_maintenance=True
    )

    for edge in (BY_CADDY, BY_TUNNEL):
        assert text_of(edge, before) == text_of(edge, after)


def test_the_order_in_which_names_were_added_changes_no_file() -> None:
    for edge in (BY_CADDY, BY_TUNNEL):
        assert text_of(edge, row("blog", 3000, "b.org", "a.org")) == text_of(edge, row("blog", 3000, "a.org", "b.org"))


def test_an_app_without_a_name_is_in_no_file_and_without_an_edge_there_is_none() -> None:
    plain = EdgeSettings(kind=EdgeKind.CADDY)

    assert {} == sites(text_of(plain, row("blog", 3000)))
    assert () == edge_artefacts({"blog": row("blog", 3000, "blog.example.org")}, EdgeSettings(), Place())


def test_an_acme_server_is_asked_unless_certificates_are_of_its_own_authority() -> None:
    asked = EdgeSettings(kind=EdgeKind.CADDY, acme_server="https://ca.example.org/directory")

    assert "\tacme_ca https://ca.example.org/directory\n" in text_of(asked, row("blog", 3000))
    assert "acme_ca" not in text_of(msgspec.structs.replace(asked, internal_ca=True), row("blog", 3000))


def test_the_credentials_of_a_tunnel_are_in_no_file_and_its_ingress_is_closed() -> None:
    text = text_of(BY_TUNNEL)

    assert "credentials" not in text
    assert [("", "http_status:404")] == rules(text)
