"""`pvdify render`: pure, without a host and without root."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pvdify.cli.render import artefacts_of
from pvdify.model.place import Place
from pvdify.model.slot import Slot
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.client.address import RemoteHost

PINNED = "ghcr.io/org/blog@sha256:" + "a" * 64
TEXT = f"""
[apps.blog]
image = "{PINNED}"
processes = {{ web = {{ count = 2 }}, worker = {{ command = "work" }} }}

[apps.shop]
image = "ghcr.io/org/shop:v1"
bind_port = 3000
"""
PATHS = [
    "haproxy/haproxy.cfg",
    "haproxy/pages/down.page",
    "haproxy/pages/maintenance.page",
    "haproxy/pages/pending.page",
    "quadlet/pvdify-blog-v1-web-1.container",
    "quadlet/pvdify-blog-v1-web-2.container",
    "quadlet/pvdify-blog-v1-worker-1.container",
    "quadlet/pvdify-shop-v1-web-1.container",
    "systemd/pvdify-blog.target",
    "systemd/pvdify-shop.target",
    "systemd/pvdify.target",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pvdify.toml"
    path.write_text(TEXT)
    return path


def files_of(*argv: str) -> dict[str, str]:
    ended = typed("render", "--json", *argv, is_root=False)
    assert (0, "") == (ended.status, ended.err)
    files: dict[str, str] = json.loads(ended.out)["files"]
    return files


def test_it_needs_neither_root_nor_a_host(file: Path) -> None:
    client = FakeClient()
    asked: list[Path | RemoteHost] = []

    ended = typed("render", "-f", str(file), client=client, is_root=False, asked_whom=asked)

    assert (0, "", [], []) == (ended.status, ended.err, client.asked, asked)
    assert PATHS == [line[4:-4] for line in ended.out.splitlines() if line.startswith("==> ")]


def test_a_digest_is_kept_and_an_unknown_one_is_zeros(file: Path) -> None:
    files = files_of("-f", str(file))

    assert f"Image={PINNED}\n" in files["quadlet/pvdify-blog-v1-web-1.container"]
    assert f"Image=ghcr.io/org/shop@sha256:{64 * '0'}\n" in files["quadlet/pvdify-shop-v1-web-1.container"]


def test_fronts_ports_and_ids_do_not_meet(file: Path) -> None:
    artefacts = artefacts_of((Slot(name="b", image="nginx"), Slot(name="a", image="nginx")), Place())

    files = {one.path: one.text for one in artefacts}
    one, other = (files[f"quadlet/pvdify-{app}-v1-web-1.container"] for app in "ab")
    lines = {line for line in one.splitlines() if line.startswith(("PublishPort=", "UIDMap="))}
    assert 2 == len(lines)
    assert set() == lines & set(other.splitlines())


def test_files_are_written_below_a_directory(file: Path, tmp_path: Path) -> None:
    to = tmp_path / "out" / "tree"

    ended = typed("render", "-f", str(file), "--to", str(to), is_root=False)

    assert 0 == ended.status
    assert PATHS == sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file())
    assert files_of("-f", str(file))["systemd/pvdify.target"] == (to / "systemd/pvdify.target").read_text()


def test_paths_in_the_files_are_those_of_the_state_directory(file: Path) -> None:
    files = files_of("-f", str(file), "--state", "/srv/pvdify")

    assert "--root /srv/pvdify/storage" in files["quadlet/pvdify-blog-v1-web-1.container"]


def test_the_edge_is_rendered_with_the_names_that_are_declared() -> None:
    declared = 'name = "blog"\nimage = "nginx"\ndomains = ["Blog.Example.ORG"]\n'

    for edge, path in (("caddy", "caddy/Caddyfile"), ("cloudflared", "cloudflared/config.yml")):
        ended = typed("render", "-f", "-", "--json", "--edge", edge, "--domain", "apps.example.org", says=declared)
        text = json.loads(ended.out)["files"][path]
        assert "blog.example.org" in text
        assert "blog.apps.example.org" in text


def test_a_name_that_two_apps_declare_is_refused() -> None:
    app = '[apps.{}]\nimage = "nginx"\ndomains = ["blog.example.org"]\n'

    ended = typed("render", "-f", "-", says=app.format("a") + app.format("b"))

    assert 75 == ended.status
    assert "cannot give blog.example.org away" in ended.err


def test_standard_input_is_a_file_too() -> None:
    ended = typed("render", "-f", "-", says='name = "blog"\nimage = "nginx"\n')

    assert 0 == ended.status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('app = "blog"\nimage = "nginx"\nport = 0\n', 65),
        ('app = "blog"\n[processes.web]\n', 65),
        ('app = "blog"\nimage = "-rm"\n', 65),
        (f'app = "blog"\nimage = "nginx"\nprocesses.web.command = ["{200_000 * "a"}"]\n', 70),
        ("[apps.a]\nimage='x'\nbind_port=3000\n[apps.b]\nimage='x'\nbind_port=3000\n", 75),
    ],
)
def test_what_cannot_be_rendered_is_refused(text: str, status: int) -> None:
    ended = typed("render", "-f", "-", says=text)

    assert (status, "") == (ended.status, ended.out)


def test_an_app_that_two_files_declare_is_refused(file: Path) -> None:
    assert 65 == typed("render", "-f", str(file), "-f", str(file)).status
