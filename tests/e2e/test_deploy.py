"""One operator's day: every command on the real parts, and what curl, systemctl and journalctl see of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.installed import installed
from tests.e2e.operator import Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import layers


@pytest.fixture(scope="module", params=list(Way))
def operator(request: pytest.FixtureRequest, bed_base: layers.Base) -> Iterator[Operator]:
    """Someone who types on the host, or elsewhere: the same commands, asked in process, over the host's socket, and over HTTPS."""
    with installed() as bed:
        operator = Operator(bed.boot()).by(request.param)
        for release in ("v1", "v2", "v3"):
            operator.push(release)
        yield operator


@pytest.fixture(scope="module")
def front(operator: Operator) -> int:
    """The front of `blog`, live at v1."""
    front = operator.create("blog")
    operator.pvdify("deploy", "blog", "--image", "127.0.0.1:5000/sample:v1")
    return front


def test_a_deploy_serves_the_new_release_and_keeps_the_old_one_warm(operator: Operator, front: int) -> None:
    done = operator.answer("deploy", "blog", "--image", "127.0.0.1:5000/sample:v2")

    assert "release=v2" in operator.curl(front)
    assert done["release"] == operator.live("blog")
    assert (f"pvdify-blog-v{done['release']}-web-1.service",) == operator.units("blog")
    info = operator.answer("apps:info", "blog")
    assert info["warm"] == done["release"] - 1
    assert [] == operator.leftovers("blog")


def test_the_very_same_release_again_says_so_and_changes_nothing(operator: Operator, front: int) -> None:
    before = operator.answer("generations")["generations"][0]["number"]

    done = operator.answer("deploy", "blog", "--image", "127.0.0.1:5000/sample:v2")

    assert "unchanged" == done["outcome"]
    assert before == operator.answer("generations")["generations"][0]["number"]
    assert "release=v2" in operator.curl(front)


def test_a_unit_says_all_and_belongs_to_its_app(operator: Operator, front: int) -> None:
    unit = operator.units("blog")[0]

    shown = operator.bed.run("systemctl", "show", unit, "-p", "FragmentPath,SourcePath,Slice,NeedDaemonReload").stdout

    assert "FragmentPath=/run/systemd/generator/" in shown
    assert "SourcePath=/var/lib/pvdify/generations/" in shown
    assert "Slice=pvdify-blog.slice" in shown
    assert "NeedDaemonReload=no" in shown
    wants = operator.bed.run("systemctl", "show", "pvdify-blog.target", "-p", "Wants", "--value").stdout.split()
    assert [unit] == wants


def test_journalctl_finds_an_apps_lines_by_its_name(operator: Operator, front: int) -> None:
    operator.curl(front, "/log?line=canary-in-the-journal")

    operator.bed.wait_until(
        lambda: "canary-in-the-journal" in operator.bed.run("journalctl", "PVDIFY_APP=blog", "-o", "cat").stdout,
        what="the line in the journal",
    )
    assert "canary-in-the-journal" in operator.pvdify("logs", "blog", "-n", "50").stdout
    found = operator.pvdify("logs", "blog", "-n", "50", "--grep", "canary", "--process", "web", "--json").stdout
    assert ["canary-in-the-journal"] == [json.loads(line)["text"] for line in found.splitlines()]


def test_a_rollback_goes_back_without_registry_and_a_second_one_further(operator: Operator, front: int) -> None:
    operator.pvdify("deploy", "blog", "--image", "127.0.0.1:5000/sample:v3")
    operator.bed.run("systemctl", "stop", "docker-registry.service", check=False)
    try:
        operator.pvdify("rollback", "blog")
        assert "release=v2" in operator.curl(front)
        operator.pvdify("rollback", "blog")
        assert "release=v1" in operator.curl(front)
    finally:
        operator.bed.run("systemctl", "start", "docker-registry.service", check=False)
    statuses = {one["source"][-2:]: one["status"] for one in operator.answer("releases", "blog")["releases"]}
    assert {"v1": "active", "v2": "rolled_back", "v3": "rolled_back"} == statuses


def test_scaling_up_and_down_leaves_exactly_the_wanted_instances(operator: Operator, front: int) -> None:
    operator.pvdify("ps:scale", "blog", "web=3")
    assert 3 == len(operator.units("blog"))
    seen = {operator.curl(front) for _ in range(60)}
    assert 3 == len(seen)

    operator.pvdify("ps:scale", "blog", "web=1")

    assert 1 == len(operator.units("blog"))
    assert [] == operator.leftovers("blog")
    assert 1 == operator.answer("apps:info", "blog")["processes"]["web"].get("count", 1)


def test_a_restart_replaces_each_instance_by_a_fresh_one(operator: Operator, front: int) -> None:
    before = operator.units("blog")

    operator.pvdify("ps:restart", "blog")

    assert not set(before) & set(operator.units("blog"))
    assert 1 == len(operator.units("blog"))
    assert 200 == operator.status(front)


def test_a_stopped_app_stays_stopped_and_starts_again_where_it_was(operator: Operator, front: int) -> None:
    live = operator.live("blog")

    operator.pvdify("ps:stop", "blog")

    assert () == operator.units("blog")
    assert 503 == operator.status(front)
    operator.pvdify("ps:start", "blog")
    assert live == operator.live("blog")
    assert 200 == operator.status(front)


def test_a_one_off_command_runs_in_the_live_image_and_its_status_comes_back(operator: Operator, front: int) -> None:
    shown = operator.pvdify("run", "blog", "--", "/app", "show")
    failed = operator.pvdify("run", "blog", "--", "/app", "migrate", "--fail", check=False)

    assert "v1" == json.loads(shown.stdout)["env"]["APP_RELEASE"]
    assert 1 == failed.returncode
    assert [] == operator.leftovers("blog")


def test_workers_run_beside_the_web_and_a_release_command_runs_first(operator: Operator) -> None:
    operator.pvdify("apps:create", "shop")
    slot = operator.bed.path("/var/lib/pvdify/apps/shop/slot.toml")
    slot.write_text(
        'name = "shop"\n'
        'image = "127.0.0.1:5000/sample:v1"\n'
        'release_command = "/app migrate"\n'
        '[processes.web]\ncommand = "/app web"\n'
        '[processes.worker]\ncommand = ["/app", "worker"]\ncount = 2\n'
        '[env]\nGREETING = "hello \\"you\\" $HOME %n"\n'
    )

    operator.pvdify("apply", "-a", "shop")

    processes = sorted(one["process"] for one in operator.answer("ps", "shop")["instances"])
    assert ["web", "worker", "worker"] == processes
    front = int(operator.answer("apps:info", "shop")["bind_port"])
    assert 'hello "you" $HOME %n' == json.loads(operator.curl(front, "/env"))["GREETING"]
    assert "migrating" in operator.bed.run("journalctl", "PVDIFY_APP=shop", "-o", "cat").stdout
    assert {"steps": [], "drift": []} == operator.answer("plan", "-a", "shop")


def test_a_volume_outlives_releases_and_its_app_never_runs_twice_at_once(operator: Operator) -> None:
    operator.pvdify("apps:create", "vault")
    slot = operator.bed.path("/var/lib/pvdify/apps/vault/slot.toml")
    slot.write_text(
        'name = "vault"\nimage = "127.0.0.1:5000/sample:v1"\n'
        '[processes.web]\nvolumes = [{ name = "data", path = "/data" }]\n'
    )
    operator.pvdify("apply", "-a", "vault")
    front = int(operator.answer("apps:info", "vault")["bind_port"])
    operator.curl(front, "/write?path=/data/note&data=kept")

    operator.pvdify("deploy", "vault", "--image", "127.0.0.1:5000/sample:v2")

    assert "kept" in operator.curl(front, "/read?path=/data/note")
    assert "release=v2" in operator.curl(front)
    operator.pvdify("apps:destroy", "vault", "--confirm", "vault")
    operator.pvdify("apps:create", "vault")
    slot.write_text(
        'name = "vault"\nimage = "127.0.0.1:5000/sample:v3"\n'
        '[processes.web]\nvolumes = [{ name = "data", path = "/data" }]\n'
    )
    operator.pvdify("apply", "-a", "vault")
    front = int(operator.answer("apps:info", "vault")["bind_port"])
    assert "kept" in operator.curl(front, "/read?path=/data/note")


def test_a_destroyed_app_leaves_nothing(operator: Operator) -> None:
    front = operator.create("gone")
    operator.pvdify("deploy", "gone", "--image", "127.0.0.1:5000/sample:v1")

    operator.pvdify("apps:destroy", "gone", "--confirm", "gone", "--volumes")

    assert () == operator.units("gone")
    assert () == operator.containers("gone")
    assert 0 == operator.status(front)
    assert not operator.bed.path("/var/lib/pvdify/apps/gone").exists()
    known = operator.bed.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvdify-gone*").stdout
    assert "" == known.strip()


def test_switching_to_an_earlier_generation_brings_its_releases_back_in_a_new_number(
    operator: Operator, front: int
) -> None:
    before = int(operator.answer("generations")["generations"][0]["number"])
    live = operator.live("blog")
    operator.pvdify("deploy", "blog", "--image", "127.0.0.1:5000/sample:v3")

    operator.pvdify("generations:switch", str(before))

    assert live == operator.live("blog")
    assert int(operator.answer("generations")["generations"][0]["number"]) > before
    assert [] == operator.leftovers("blog")


def test_doctor_finds_the_host_well(operator: Operator, front: int) -> None:
    found = operator.answer("doctor")["checks"]

    assert [] == [one for one in found if one["status"] == "fail"]
