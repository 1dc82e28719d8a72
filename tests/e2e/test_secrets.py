"""Who reads the secrets, with the real sops, age and systemd: rotated, killed, shared with a team, and sealed again for a host that lost its key."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.bed import PASSWORD, USER
from tests.e2e.configs import put, told
from tests.e2e.installed import installed
from tests.e2e.kill import Point, killed
from tests.e2e.operator import REGISTRY, Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.bed import layers

STATE: Final = "/var/lib/pvdify"
KEY: Final = f"{STATE}/secrets/age.key"
HOST_KEY: Final = "/var/lib/systemd/credential.secret"
PRIVATE: Final = "127.0.0.1:5001"


@pytest.fixture(scope="module", params=[Way.LOCAL, Way.HTTPS])
def operator(request: pytest.FixtureRequest, bed_base: layers.Base) -> Iterator[Operator]:
    """Someone with `blog`, live with c3 and c2 to go back to, `shop` with a config and no release, and a login for a registry."""
    with installed() as bed:
        operator = Operator(bed.boot()).by(request.param)
        operator.push("v1")
        for app in ("blog", "shop"):
            operator.create(app)
        put(operator, "shop", {"NAME": "shop"}, {"bytes": bytes(range(256))})
        put(operator, "blog", {"NAME": "first"}, {"cert": b"pem\n"})
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
        for name in ("second", "third"):
            put(operator, "blog", {"NAME": name})
        operator.pvdify("registry:login", PRIVATE, "-u", USER, "--password-stdin", says=PASSWORD)
        yield operator


def texts(operator: Operator) -> tuple[Path, ...]:
    """Every SOPS file of the host."""
    state = operator.bed.path(STATE)
    found = (*state.glob("apps/*/config/c*.sops.json"), *state.glob("secrets/host/c*.sops.json"))
    return tuple(sorted(found))


def opened(operator: Operator, key: str) -> dict[str, str]:
    """What plain `sops decrypt` makes of each SOPS file with the keys in a file; nothing of one that they do not open."""
    found = {}
    for path in texts(operator):
        inside = f"/{path.relative_to(operator.bed.path('/'))}"
        done = operator.bed.run("sops", "decrypt", inside, env={"SOPS_AGE_KEY_FILE": key}, check=False)
        if done.returncode == 0:
            found[inside] = json.dumps(json.loads(done.stdout), sort_keys=True)
    return found


def copy_of_key(operator: Operator, name: str) -> str:
    """Keep a copy of the host's keys, as whoever stole them has it."""
    operator.bed.run("cp", KEY, f"/root/{name}")
    return f"/root/{name}"


def new_key(operator: Operator, name: str) -> tuple[str, str]:
    """A key of somebody's own: its file, and its recipient."""
    path = f"/root/{name}"
    operator.bed.run("sh", "-c", f"rm -f {path}; age-keygen -o {path}")
    return path, operator.bed.run("age-keygen", "-y", path).stdout.strip()


def keys(operator: Operator) -> list[str]:
    """The keys that the host has now."""
    lines = operator.bed.path(KEY).read_text().splitlines()
    return [line for line in lines if line.startswith("AGE-SECRET-KEY-")]


def test_after_a_rotation_only_the_new_key_opens_anything_and_apps_go_on(operator: Operator) -> None:
    before, old = opened(operator, KEY), copy_of_key(operator, "old.key")
    assert 5 == len(before)

    operator.pvdify("secrets:rotate")

    assert before == opened(operator, KEY)
    assert {} == opened(operator, old)
    operator.pvdify("ps:restart", "blog")
    assert "third" == told(operator, "blog")["NAME"]
    operator.pvdify("rollback", "blog")
    assert "second" == told(operator, "blog")["NAME"]
    put(operator, "blog", {"NAME": "third"})
    assert "third" == told(operator, "blog")["NAME"]
    assert [PRIVATE] == operator.answer("registry:list")["registries"]
    assert "400" == operator.bed.run("stat", "-c", "%a", KEY).stdout.strip()


def test_a_rotation_killed_anywhere_is_ended_by_the_next_one(operator: Operator) -> None:
    """Over HTTPS it is the service that is killed: systemd starts it again."""
    before = opened(operator, KEY)
    was_killed = 0
    for number in range(0, 60, 20 if operator.environment else 5):
        old = copy_of_key(operator, "old.key")
        if operator.environment:
            kill_service(operator, later=number / 100)
        elif killed(operator.bed, "", Point("names", number), "secrets:rotate") is None:
            break
        was_killed += 1
        left = keys(operator)

        assert before == opened(operator, KEY), number
        operator.pvdify("secrets:rotate", "--wait")

        assert before == opened(operator, KEY), number
        assert {} == opened(operator, old), number
        assert 1 == len(keys(operator))
        assert len(left) == 1 or left[:1] == keys(operator)
        assert not operator.answer("secrets")["is_unfinished"]
    assert was_killed >= (3 if operator.environment else 6)
    operator.pvdify("ps:restart", "blog")
    assert "third" == told(operator, "blog")["NAME"]


def kill_service(operator: Operator, *, later: float) -> None:
    """Begin a rotation, and kill what does it as soon as there are two keys, or some seconds *later*."""
    asking = operator.spawn("secrets:rotate")
    operator.bed.wait_until(lambda: len(keys(operator)) > 1, timeout=30, what="the second key")
    time.sleep(later)
    operator.bed.run("systemctl", "kill", "-s", "KILL", "pvdify-host.service")
    asking.communicate(timeout=60)


def test_whoever_is_added_reads_with_plain_sops_and_not_once_they_are_removed(operator: Operator) -> None:
    everything = opened(operator, KEY)
    path, recipient = new_key(operator, "team.key")
    assert {} == opened(operator, path)

    operator.pvdify("secrets:add", recipient)

    assert everything == opened(operator, path) == opened(operator, KEY)
    assert [recipient] == operator.answer("secrets")["recipients"]
    put(operator, "shop", {"NAME": "shop two"})
    assert len(everything) + 1 == len(opened(operator, path))

    done = operator.answer("secrets:remove", recipient)

    assert {} == opened(operator, path)
    assert len(everything) + 1 == len(opened(operator, KEY))
    assert "change them" in done["text"]
    assert 66 == operator.pvdify("secrets:remove", recipient, check=False).returncode


@pytest.mark.parametrize("typo", ["age1yubikey1qwerty", "age1" + 58 * "q"])
def test_a_recipient_that_is_none_changes_nothing(operator: Operator, typo: str) -> None:
    done = operator.pvdify("secrets:add", typo, check=False)

    assert 65 == done.returncode
    assert [] == operator.answer("secrets")["recipients"]
    operator.pvdify("config:set", "shop", "NAME=shop three", "--no-deploy")


def test_a_host_that_lost_its_key_says_so_and_seals_everything_again(operator: Operator) -> None:
    bed = operator.bed
    bed.run("rm", HOST_KEY)
    (unit,) = operator.units("blog")

    failed = operator.pvdify("ps:restart", "blog", check=False)
    doctor = json.loads(operator.pvdify("doctor", "--json", check=False).stdout)
    checks = {one["name"]: one for one in doctor["checks"]}

    assert 0 != failed.returncode
    assert "pvdify secrets:reseal" in failed.stderr
    assert (unit,) == operator.units("blog"), "what runs goes on"
    assert "pvdify secrets:reseal" == checks["sealed config"]["hint"]

    operator.pvdify("secrets:reseal")

    operator.pvdify("ps:restart", "blog")
    assert "third" == told(operator, "blog")["NAME"]
    operator.pvdify("rollback", "blog")
    assert "second" == told(operator, "blog")["NAME"]
    put(operator, "blog", {"NAME": "third"})
    assert [PRIVATE] == operator.answer("registry:list")["registries"]


def test_without_a_tpm_nothing_is_sealed_with_one(operator: Operator) -> None:
    done = operator.pvdify("secrets:reseal", "--with", "tpm2", check=False)

    assert 69 == done.returncode
    assert "host" == operator.answer("secrets")["seal"]
    operator.pvdify("ps:restart", "blog")
