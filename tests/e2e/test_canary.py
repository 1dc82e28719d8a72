"""Nobody finds what is set as config, but the app, root below `/run` while it runs, and whoever asks to have it revealed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from pvdify.operations.registered import OPERATIONS
from tests.e2e.canary import Canary, OwnDisk, Programs, environs, open_files, readable, run_files
from tests.e2e.configs import answered, put, read, told
from tests.e2e.installed import installed
from tests.e2e.kill import Point, killed, row
from tests.e2e.operator import PODMAN, REGISTRY, Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import Bed, layers

PROGRAMS: Final = ("sops", "systemd-creds", "podman", "conmon", "crun", "systemd-run", "app")
IMAGE: Final = f"{REGISTRY}/sample"


@dataclass(frozen=True, slots=True)
class Life:
    """Of an app whose every value has the canary: all that was found on the way, and all that was said."""

    operator: Operator
    canary: Canary
    disk: OwnDisk
    programs: Programs
    found: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    @property
    def bed(self) -> Bed:
        return self.operator.bed

    def type(self, *argv: str, says: str | None = None, operator: Operator | None = None) -> None:
        """Type a command that may fail, and keep what it says."""
        done = (operator or self.operator).pvdify(*argv, says=says, check=False)
        self.texts.append(done.stdout + done.stderr)


@pytest.fixture(scope="module")
def life(bed_base: layers.Base, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """All of it, from the first set to the end of the app."""
    directory, canary = tmp_path_factory.mktemp("canary"), Canary()
    disk = OwnDisk(directory)
    with installed(disk.place) as bed:
        disk.leave(bed)
        operator = Operator(bed.boot())
        for release in ("v1", "v2"):
            operator.push(release)
        operator.push("crash", env={"APP_EXIT_AT_START": "3"})
        operator.create("blog")
        operator.pvdify("deploy", "blog", "--image", f"{IMAGE}:v1")
        life = Life(operator, canary, disk, Programs(bed, directory))
        for part in (_watched, _looked_at, _refused, _killed, _kept_elsewhere, _told, _over):
            part(life)
        yield life


def _watched(life: Life) -> None:
    """Set it in every way there is, and let it live, while every program is watched."""
    host = life.operator.login("admin")
    canary, bed = life.canary, life.bed
    bed.path("/dev/shm/tls.pem").write_text(canary.value("pem"))
    bed.run("age-keygen", "-o", "/root/own.key")
    recipient = bed.run("age-keygen", "-y", "/root/own.key").stdout.strip()
    bed.run("systemctl", "stop", "pvdifyd.service", "pvdify-host.service")  # they come back, and are watched then
    with life.programs as programs:
        programs.type("pvdify", "config:set", "blog", "URL=-", says=canary.value("url"))
        programs.type("pvdify", "config:set", "blog", "--file", "-", says=f"ENV='{canary.seed}'\n", PVDIFY_HOST=host)
        programs.type("pvdify", "config:set", "blog", "--file-secret", "tls.pem=/dev/shm/tls.pem")
        programs.type("pvdify", "deploy", "blog", "--image", f"{IMAGE}:v2", PVDIFY_HOST=host)
        programs.type("pvdify", "deploy", "blog", "--image", f"{IMAGE}:crash")
        programs.type("pvdify", "run", "blog", "--", "/app", "migrate")
        programs.type("pvdify", "run", "blog", "--", "/app", "migrate", PVDIFY_HOST=host)
        programs.type("pvdify", "rollback", "blog")
        programs.type("pvdify", "backup", "/root/host.pvdify", "--to", recipient)
        bed.run(*PODMAN, "kill", "--signal=KILL", *life.operator.containers("blog-v"))
        life.operator.wait_for(row(bed, "blog").front, "release=")
    bed.path("/dev/shm/tls.pem").unlink()
    life.found["programs"] = programs.hits(canary)
    life.texts.extend(programs.texts)


def _looked_at(life: Life) -> None:
    """Look around while it runs: in memory, in open files, and in the processes."""
    packed = {"text": life.canary.value("file").encode(), "bytes": b"\0\xff" + life.canary.seed.encode() + b"\n"}
    put(life.operator, "blog", {"LONG": "x" * 20_000 + life.canary.seed, "Q": life.canary.value("q")}, packed)
    assert life.canary.value("q") == told(life.operator, "blog")["Q"]
    assert packed["bytes"] == read(life.operator, "blog", "bytes")
    life.found["run"] = run_files(life.bed, life.canary)
    life.found["readable"] = readable(life.bed, life.found["run"])
    life.found["environs"] = environs(life.bed, life.canary)
    life.found["open files"] = open_files(life.bed, life.canary)


def _refused(life: Life) -> None:
    """Say it where it cannot be taken, in every way there is."""
    seed = life.canary.seed
    bodies = (
        f'{{"vars": {{"A": "{seed}',
        json.dumps({"vars": seed}),
        json.dumps({"vars": [seed]}),
        json.dumps({"vars": {"A": [seed]}}),
        json.dumps({"vars": {"A": {"B": seed}}}),
        json.dumps({"vars": {"1X": seed}}),
        json.dumps({"vars": {"PORT": seed}}),
        json.dumps({"vars": {"A": f"{seed}\n"}}),
        json.dumps({"vars": {"A": f"{seed}\0"}}),
        json.dumps({"vars": {"A": seed + "x" * 40_000}}),
        json.dumps({"vars": {}, "files": {"a": f"{seed}!"}}),
        json.dumps({"vars": {}, "files": {"../a": seed}}),
        json.dumps({"vars": {"A": seed}, "more": seed}),
        json.dumps({"vars": {"A": seed}, "base": seed}),
        json.dumps([seed]),
    )
    for body in bodies:
        life.texts.append(answered(life.operator, "apps/blog/config", "-X", "PUT", "-d", "@-", body=body))
    for operator, form in ((life.operator, ()), (life.operator.by(Way.HTTPS), ("--json",))):
        for words in ((f"1X={seed}",), (f"PORT={seed}",), (f"A B={seed}",), (seed,), (f"A={seed}\n",), (f"={seed}",)):
            life.type("config:set", "blog", *words, *form, operator=operator)
        typed: tuple[tuple[tuple[str, ...], str], ...] = (
            (("config:set", "blog", "A=-"), f"{seed}\n"),
            (("config:set", "blog", "--file", "-"), f"A='{seed}\n"),
            (("config:set", "blog", "--file", "-"), f"1X={seed}\n"),
            (("config:import", "blog", "-"), f'{{"A": ["{seed}"]}}'),
            (("config:set", "nobody", "A=-"), seed),
            (("registry:login", "127.0.0.1:5001", "-u", "pat", "--password-stdin"), seed),
        )
        for argv, says in typed:
            life.type(*argv, *form, says=says, operator=operator)
    sops = life.bed.path("/usr/local/bin/sops")
    good = sops.read_bytes()
    sops.write_bytes(b"#!/bin/sh\ncat >&2; exit 1\n")
    life.type("config:set", "blog", f"A={seed}")
    sops.write_bytes(good)


def _killed(life: Life) -> None:
    """Kill it in the middle, with a signal that leaves a core dump where it may."""
    bed = life.bed
    for step in ("begin config", "done config", "begin start", "done switch"):
        killed(bed, "blog", Point("at", step), "config:set", "blog", f"A={life.canary.value(step)}")
        life.operator.pvdify("ps:scale", "blog", "web=1")
    life.operator.curl(row(bed, "blog").front, "/crash")
    life.operator.wait_for(row(bed, "blog").front, "release=")
    words = Point("at", "begin config").command("config:set", "blog", f"A={life.canary.value('dumped')}")
    aborted = (word.replace("signal.SIGKILL", "signal.SIGABRT") for word in words)
    bed.run("bash", "-c", 'cd /var/tmp; ulimit -c unlimited; exec "$@"', "bash", *aborted, check=False)
    life.operator.pvdify("ps:scale", "blog", "web=1")


def _kept_elsewhere(life: Life) -> None:
    """Encrypt it again, seal it again, edit it."""
    life.type("secrets:rotate")
    life.type("secrets:reseal")
    life.bed.path("/root/editor").write_text('#!/bin/sh\nsed -i "s/^LONG=.*/LONG=short/" "$1"\n')
    life.bed.run("chmod", "+x", "/root/editor")
    editing = Operator(life.bed, {"EDITOR": "/root/editor"})
    life.texts.append(editing.pvdify("config:edit", "blog", "--no-deploy", check=False).stdout)


def _told(life: Life) -> None:
    """Ask for everything that can be asked for; what reveals it is not kept."""
    for operator in (life.operator, life.operator.by(Way.HTTPS)):
        assert life.canary.seed in operator.pvdify("config", "blog", "--reveal").stdout
        assert life.canary.seed in operator.pvdify("config:export", "blog").stdout
    ids = [one["id"] for one in life.operator.answer("operations", "blog")["operations"]]
    for words in (
        *(("config", "blog"), ("config:versions", "blog"), ("config:diff", "blog", "c1", "c2"), ("releases", "blog")),
        *(("ps", "blog"), ("apps:info", "blog"), ("apps",), ("operations", "blog"), ("audit",), ("doctor",), ("plan",)),
        *(("generations",), ("logs", "blog", "-n", "1000"), ("secrets",), ("render", "blog"), ("registry:list",)),
    ):
        life.type(*words)
    for one in ids[:3]:
        life.type("operations:follow", one)
        life.type("operations:info", one, "--json")
    for operation in OPERATIONS.values():
        if operation.route and operation.route.method == "GET":
            path = operation.route.path.format(app="blog", id=ids[0], version=1, other=2, number=1)
            life.texts.append(answered(life.operator, path.lstrip("/")))
    units = life.operator.units("blog")
    for argv in (("systemctl", "show", *units), ("systemctl", "cat", *units), ("systemctl", "status", *units)):
        life.texts.append(life.bed.run(*argv, check=False).stdout)


def _over(life: Life) -> None:
    """Stop it, start it again, and take it away."""
    for argv in (("ps:stop", "blog"), ("ps:start", "blog"), ("apps:destroy", "blog", "--confirm", "blog")):
        life.operator.pvdify(*argv)
        if argv[0] != "ps:start":
            life.bed.run("systemctl", "stop", "pvdify-podman.service")  # it has what it read open until it is idle
            life.found[f"after {argv[0]}"] = run_files(life.bed, life.canary) + open_files(life.bed, life.canary)


def test_the_app_has_it(life: Life) -> None:
    """Else nothing of what follows would mean anything."""
    assert any(path.endswith(".env") for path in life.found["run"])
    assert life.bed.path("/root/host.pvdify").stat().st_size
    assert set(PROGRAMS) <= {one["program"].rpartition("/")[2] for one in life.programs.started()}
    assert 3 <= sum(one["program"] == "/usr/local/bin/sops" for one in life.programs.started())
    assert [] == [text for text in life.texts if "Traceback" in text]


def test_no_program_is_given_it_but_the_app(life: Life) -> None:
    assert [] == life.found["programs"]
    assert [] == life.found["environs"]


def test_in_memory_it_is_only_in_files_for_root_alone_and_gone_with_the_unit(life: Life) -> None:
    assert [] == life.found["readable"]
    assert [] == [path for path in life.found["open files"] if not path.startswith("/run/")]
    assert [] == life.found["after ps:stop"]
    assert [] == life.found["after apps:destroy"]


def test_nothing_that_was_said_has_it(life: Life) -> None:
    assert [] == [text for text in life.texts if life.canary.is_in(text.encode())]


def test_no_journal_has_it(life: Life) -> None:
    lines = life.bed.run("journalctl", "--all", "-o", "export").stdout

    assert "pvdify" in lines
    assert [] == life.canary.hits(lines.encode())


def test_no_byte_of_the_disk_has_it_whatever_was_removed(life: Life) -> None:
    control = Canary()
    life.bed.path("/root/control").write_text(control.value("control"))
    life.bed.run("sync")
    life.bed.path("/root/control").unlink()

    assert [] != life.disk.hits(life.bed, control)
    assert [] == life.disk.hits(life.bed, life.canary)
