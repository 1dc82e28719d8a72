"""A host that burnt down comes back from its backup on an empty machine: the rehearsal, on the real parts."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.e2e import sample
from tests.e2e.bed import PASSWORD, USER
from tests.e2e.edge import asking
from tests.e2e.installed import installed
from tests.e2e.operator import ADDRESS, CERTIFICATE, REGISTRY, Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed, layers

PRIVATE: Final = "127.0.0.1:5001"
FILE: Final = "/root/host.pvdify"
KEY: Final = "/root/operator.key"
STATE: Final = "/var/lib/pvdify"
DATA: Final = f"{STATE}/storage/volumes/pvdify-vault-data/_data"
NAME: Final = "blog.example.org"
PAGE: Final = "<h1>Gone fishing</h1>"
CANARY: Final = "canary-7f3a91"
RESTORE: Final = ("restore", FILE, "--identity", KEY)
DISKS: Final = ("/etc", "/home", "/opt", "/root", "/srv", "/tmp", "/var")


@dataclass(frozen=True, slots=True)
class Disaster:
    """The host that there was, what was seen of it, and the one that it became."""

    old: Operator
    new: Operator
    token: str
    seen: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def disaster(bed_base: layers.Base) -> Iterator[Disaster]:
    """Three apps of all kinds, backed up; then another machine, with the registries and nothing else."""
    with installed() as first, installed() as second:
        old, new = Operator(first.boot()), Operator(second.boot())
        token = built(old)
        first.run("age-keygen", "-o", KEY)
        recipient = first.run("age-keygen", "-y", KEY).stdout.strip()
        took = timed(lambda: old.pvdify("backup", FILE, "--to", recipient, "--volumes"))
        seen = seen_of(old)
        carry(first, second)
        back = timed(lambda: new.pvdify(*RESTORE, timeout=300))
        print(f"backup {took:.1f} s, restore {back:.1f} s")
        yield Disaster(old, new, token, seen, {"backup": took, "restore": back})


@pytest.fixture
def third(bed_base: layers.Base, disaster: Disaster) -> Iterator[Operator]:
    """Someone at one more empty machine, with the file and its key."""
    with installed() as bed:
        carry(disaster.old.bed, bed.boot())
        yield Operator(bed)


def built(operator: Operator) -> str:
    """`blog`: releases with other configs, rolled back, and a name. `vault`: a worker, a volume, a private image. `shop`: stopped, with its page.

    Caddy is the edge. The text of a token.
    """
    for release in ("v1", "v2", "v3"):
        operator.push(release)
    sample.push(operator.bed, f"{PRIVATE}/sample:v1", release="v1")
    operator.pvdify("registry:login", PRIVATE, "-u", USER, "--password-stdin", says=PASSWORD)
    operator.create("blog")
    operator.pvdify("config:set", "blog", "SECRET=-", says=f"{CANARY}-one")
    for release in ("v1", "v2"):
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:{release}")
    operator.pvdify("config:set", "blog", "SECRET=-", says=f"{CANARY}-two")
    operator.pvdify("config:set", "blog", "--file-secret", "cert=-", says=f"{CANARY}-cert")
    operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v3")
    operator.pvdify("rollback", "blog")
    operator.pvdify("ps:scale", "blog", "web=2")
    operator.pvdify("apps:create", "vault")
    operator.bed.path(f"{STATE}/apps/vault/slot.toml").write_text(
        f'# mine\nname = "vault"\nimage = "{PRIVATE}/sample:v1"\n'
        '[processes.web]\nvolumes = [{ name = "data", path = "/data" }]\n'
        '[processes.worker]\ncommand = ["/app", "worker"]\n'
    )
    operator.pvdify("apply", "-a", "vault")
    operator.curl(front_of(operator, "vault"), "/write?path=/data/note&data=kept")
    operator.bed.run(
        "sh", "-c", f"cd {DATA} && mkdir -m 2770 in && echo x >in/f && ln in/f again && ln -s /etc/passwd link"
    )
    operator.bed.run("chown", "-R", "2200065636:2200065700", f"{DATA}/in")
    operator.create("shop")
    operator.pvdify("deploy", "shop", "--image", f"{REGISTRY}/sample:v2")
    operator.pvdify("ps:stop", "shop")
    page = operator.bed.path(f"{STATE}/apps/shop/pages/down.html")
    page.parent.mkdir()
    page.write_text(PAGE)
    operator.pvdify("apply", "-a", "shop")
    operator.pvdify("edge:set", "caddy", "--internal-ca", "--domain", "apps.example.org")
    operator.pvdify("domains:add", "blog", NAME)
    return operator.pvdify("tokens:create", "ci", "--scope", "admin").stdout.strip()


def carry(old: Bed, new: Bed) -> None:
    """Bring the backup, its key, and what both registries have."""
    for path in (FILE, KEY):
        shutil.copy(old.path(path), new.path(path))
    shutil.copytree(old.path("/var/lib/registry"), new.path("/var/lib/registry"), dirs_exist_ok=True)


def timed(act: Any) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def front_of(operator: Operator, app: str) -> int:
    return int(operator.answer("apps:info", app)["bind_port"])


def row(operator: Operator, app: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(operator.bed.path(f"{STATE}/current/manifest.json").read_text())["apps"][app]
    return found


def seen_of(operator: Operator) -> dict[str, Any]:
    """All that must be the same on another machine."""
    apps = operator.answer("apps")["apps"]
    names = ("registry:list", "tokens", "secrets", "edge")
    found: dict[str, Any] = {"apps": apps, **{name: operator.answer(name) for name in names}}
    for app in (one["name"] for one in apps):
        info = operator.answer("apps:info", app)
        found[app] = {
            "info": {key: value for key, value in info.items() if key != "updated_at"},
            "releases": operator.answer("releases", app),
            "config": operator.answer("config", app, "--reveal"),
            "versions": operator.answer("config:versions", app),
            "processes": sorted(one["process"] for one in operator.answer("ps", app)["instances"]),
            "ids": row(operator, app)["ids"],
            "names": [one["name"] for one in operator.answer("domains", app)["domains"]],
            "slot": operator.bed.path(f"{STATE}/apps/{app}/slot.toml").read_text(),
        }
    return found


def volume(operator: Operator) -> list[str]:
    listing = operator.bed.run("sh", "-c", f"cd {DATA} && find . -printf '%p %m %U %G %n %l %T@\\n' | sort").stdout
    return [line for line in listing.splitlines() if not line.startswith("./note")]


def kept(bed: Bed) -> str:
    """What is kept of the host, but for journals and audit: of those each attempt makes some."""
    listed = f"cd {STATE} && find . -type f -not -path './operations/*' -not -name 'audit.*' -not -path './storage/*' -exec sha256sum {{}} +"
    return bed.run("sh", "-c", f"{listed} | sort -k 2").stdout


def test_it_is_the_same_host(disaster: Disaster) -> None:
    assert disaster.seen == seen_of(disaster.new)
    assert {"steps": [], "drift": []} == disaster.new.answer("plan")


def test_every_front_answers_with_the_config_that_it_had(disaster: Disaster) -> None:
    new = disaster.new

    environment = json.loads(new.curl(front_of(new, "blog"), "/env"))

    assert f"{CANARY}-two" == environment["SECRET"]
    assert f"{CANARY}-cert" in new.curl(front_of(new, "blog"), "/read?path=/run/secrets/cert")
    assert "release=v2" in new.curl(front_of(new, "blog"))
    assert "release=v1" in new.curl(front_of(new, "vault"))
    assert 503 == new.status(front_of(new, "shop"))
    assert PAGE in new.curl(front_of(new, "shop"))
    assert (2, 2, 0) == tuple(len(new.units(app)) for app in ("blog", "vault", "shop"))
    for app in ("blog", "vault", "shop"):
        assert [] == new.leftovers(app)


def test_its_names_are_served_over_https_again(disaster: Disaster) -> None:
    bed = disaster.new.bed

    answers = {name: asking.https(bed, name) for name in (NAME, "blog.apps.example.org", "shop.apps.example.org")}

    assert "release=v2" in answers[NAME]
    assert "release=v2" in answers["blog.apps.example.org"]
    assert PAGE in answers["shop.apps.example.org"]


def test_a_volume_is_as_it_was_and_its_app_goes_on_with_it(disaster: Disaster) -> None:
    new = disaster.new

    assert volume(disaster.old) == volume(new)

    assert "kept" in new.curl(front_of(new, "vault"), "/read?path=/data/note")
    new.curl(front_of(new, "vault"), "/write?path=/data/note&data=more")
    assert "more" in new.curl(front_of(new, "vault"), "/read?path=/data/note")


def test_a_token_of_the_old_host_opens_the_new_one_and_the_audit_is_one_chain(disaster: Disaster) -> None:
    old, new = disaster.old.bed, disaster.new.bed
    curl = ("curl", "-s", "--cacert", CERTIFICATE, "-H", f"Authorization: Bearer {disaster.token}")

    apps = json.loads(new.run(*curl, f"{ADDRESS}/api/v1/apps").stdout)["apps"]

    assert ["blog", "shop", "vault"] == [one["name"] for one in apps]
    verdict = disaster.new.answer("audit:verify")
    assert verdict["is_intact"]
    lines = [json.loads(line) for line in new.path(f"{STATE}/audit.jsonl").read_text().splitlines()]
    before = old.path(f"{STATE}/audit.jsonl").read_text().splitlines()
    written = next(number for number, line in enumerate(lines) if line["action"] == "backup")
    assert [json.loads(line) for line in before[: written + 1]] == lines[: written + 1]
    assert ["accepted", "done"] == [one["outcome"] for one in lines if one["action"] == "restore" and not one["app"]]


def test_nothing_of_it_is_in_the_clear_in_the_file_or_on_either_disk(disaster: Disaster) -> None:
    secret = next(line for line in disaster.old.bed.path(KEY).read_text().splitlines() if "SECRET" in line)
    assert CANARY.encode() not in disaster.new.bed.path(FILE).read_bytes()

    for bed in (disaster.old.bed, disaster.new.bed):
        own = bed.path(f"{STATE}/secrets/age.key").read_text().splitlines()[-1]
        for text, where in ((CANARY, ""), (PASSWORD, "/etc/docker"), (own, f"{STATE}/secrets/age.key"), (secret, KEY)):
            found = bed.run("grep", "-rlaF", "--", text, *DISKS, check=False, timeout=120).stdout.split()
            assert [] == [path for path in found if not where or not path.startswith(where)], text[:15]


def test_a_rollback_brings_the_earlier_release_back_with_its_config(disaster: Disaster) -> None:
    new = disaster.new

    new.pvdify("rollback", "blog", "v2")

    environment = json.loads(new.curl(front_of(new, "blog"), "/env"))
    assert (f"{CANARY}-one", "v2") == (environment["SECRET"], environment["APP_RELEASE"])
    new.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
    assert "release=v1" in new.curl(front_of(new, "blog"))


def test_a_boot_brings_all_of_it_up_by_itself(disaster: Disaster) -> None:
    new = disaster.new
    fronts = [front_of(new, app) for app in ("blog", "vault")]

    new.bed.reboot()

    for front in fronts:
        new.wait_for(front, "release=v1")
    assert () == new.bed.failed_units
    new.bed.wait_until(
        lambda: new.pvdify("doctor", check=False).returncode == 0, timeout=30, what="the router to find all up"
    )


def test_a_full_disk_leaves_nothing_of_a_backup(disaster: Disaster) -> None:
    old = disaster.old
    recipient = old.bed.run("age-keygen", "-y", KEY).stdout.strip()
    old.bed.run("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", "/mnt")

    refused = old.pvdify("backup", "/mnt/host.pvdify", "--to", recipient, check=False)

    assert (69, True) == (refused.returncode, "the disk is full" in refused.stderr)
    assert "" == old.bed.run("ls", "-A", "/mnt").stdout


def test_a_backup_goes_through_a_pipe_as_well(disaster: Disaster) -> None:
    old = disaster.old
    recipient = old.bed.run("age-keygen", "-y", KEY).stdout.strip()

    old.bed.run("sh", "-c", f"pvdify backup - --to {recipient} 2>/root/said | cat >/root/piped")

    told = old.answer("restore", "/root/piped", "--identity", KEY, "--to-check")
    assert ["blog", "shop", "vault"] == [one["name"] for one in told["apps"]]
    assert f"sha256 {told['sha256']}" in old.bed.path("/root/said").read_text()


def test_what_is_no_backup_for_this_key_changes_nothing(third: Operator) -> None:
    bed = third.bed
    before = kept(bed)
    bed.run("age-keygen", "-o", "/root/other.key")
    data = bed.path(FILE).read_bytes()
    bed.path("/root/half").write_bytes(data[: len(data) // 2])
    bed.path("/root/spoiled").write_bytes(data[:-200] + bytes([data[-200] ^ 1]) + data[-199:])
    bed.path("/root/none").write_text("hello")

    for file, key in ((FILE, "/root/other.key"), ("/root/half", KEY), ("/root/spoiled", KEY), ("/root/none", KEY)):
        refused = third.pvdify("restore", file, "--identity", key, check=False)
        assert (74, True) == (refused.returncode, "cannot" in refused.stderr), file

    assert before == kept(bed)


def test_killed_again_and_again_and_without_a_registry_it_ends_as_the_same_host(
    third: Operator, disaster: Disaster
) -> None:
    bed = third.bed
    bed.run("systemctl", "stop", "registry-open.service")
    killed = 0
    for after in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.7, 2.0):
        with third.spawn(*RESTORE) as restoring:
            time.sleep(after)
            killed += restoring.poll() is None
            restoring.kill()
            restoring.communicate(timeout=60)

    missing = third.pvdify(*RESTORE, check=False, timeout=300)

    assert killed >= 5
    assert (69, True) == (missing.returncode, "blog: cannot pull" in missing.stderr)
    assert "release=v1" in third.curl(front_of(third, "vault"))
    bed.run("systemctl", "start", "registry-open.service")
    third.pvdify(*RESTORE, timeout=300)
    assert disaster.seen == seen_of(third)
    assert third.answer("audit:verify")["is_intact"]
    for app in ("blog", "vault", "shop"):
        assert [] == third.leftovers(app)
    assert not bed.path(f"{STATE}/restore.json").exists()
    assert () == bed.failed_units
