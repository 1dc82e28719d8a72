"""What goes wrong is said clearly, with a documented exit status and a next command, and the host is as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import sample
from tests.e2e.bed import PASSWORD, USER
from tests.e2e.installed import installed
from tests.e2e.operator import PODMAN, REGISTRY, Operator, Way

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.e2e.bed import layers

SPEC, NOT_FOUND, HOST, RENDER, STATE, REFUSED = 65, 66, 69, 70, 74, 75
LEFT = 75
NOT_ROOT = 77
PRIVATE = "127.0.0.1:5001"


@pytest.fixture(scope="module", params=[Way.LOCAL, Way.HTTPS])
def operator(request: pytest.FixtureRequest, bed_base: layers.Base) -> Iterator[Operator]:
    """`blog`, live at v1, whose healthcheck is given up after 3 s; commands are typed on the host, or elsewhere."""
    with installed() as bed:
        operator = Operator(bed.boot()).by(request.param)
        operator.push("v1")
        operator.push("v2")
        operator.create("blog")
        declare(operator, "blog", '[healthcheck]\ntimeout = "3s"\n')
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v1")
        yield operator


def declare(operator: Operator, app: str, text: str) -> None:
    operator.bed.path(f"/var/lib/pvdify/apps/{app}/slot.toml").write_text(f'name = "{app}"\n{text}')


def deploy(operator: Operator, image: str, *options: str) -> subprocess.CompletedProcess[str]:
    return operator.pvdify("deploy", "blog", "--image", image, *options, check=False)


def world(operator: Operator) -> tuple[object, ...]:
    """What a refused command must leave as it was."""
    row = json.loads(operator.bed.path("/var/lib/pvdify/current/manifest.json").read_text())["apps"]["blog"]
    return row, operator.units("blog"), tuple(operator.leftovers("blog")), operator.curl(int(row["front"])).strip()


def refused(operator: Operator, done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    said = done.stdout + done.stderr
    assert status == done.returncode, said
    for word in words:
        assert word in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "name",
    ["Blog", "1blog", "blog-", "blog\n", "blog;id", "a" * 41, "../blog", "host", "router", "bl\u00f6g", "\u202eblog"],
)
def test_names_that_an_app_cannot_have(operator: Operator, name: str) -> None:
    before = world(operator)

    done = operator.pvdify("apps:create", name, check=False)

    refused(operator, done, SPEC, "cannot")
    assert before == world(operator)


@pytest.mark.parametrize(
    ("image", "status", "words"),
    [
        (f"{REGISTRY}/sample:missing", NOT_FOUND, ("cannot find image", "missing")),
        (f"{REGISTRY}/nothing/here:v1", NOT_FOUND, ("cannot find image",)),
        ("127.0.0.1:5999/sample:v1", HOST, ("does not answer",)),
        (f"{PRIVATE}/sample:v1", HOST, ("asks for a login", f"pvdify registry:login {PRIVATE}")),
        ("-v/:/host", SPEC, ("cannot read",)),
        ("--privileged", SPEC, ("cannot read",)),
        ("UPPER/case:v1", SPEC, ("cannot read",)),
    ],
)
def test_images_that_cannot_be_had(operator: Operator, image: str, status: int, words: tuple[str, ...]) -> None:
    before = world(operator)

    done = operator.pvdify("deploy", "blog", f"--image={image}", check=False)

    refused(operator, done, status, *words)
    assert before == world(operator)


def test_an_image_of_another_architecture(operator: Operator) -> None:
    before = world(operator)
    image = operator.push("foreign", architecture="arm64")

    refused(operator, deploy(operator, image), HOST, "is built for arm64")
    assert before == world(operator)


def test_a_login_opens_a_private_registry_and_a_wrong_one_is_refused(operator: Operator) -> None:
    sample.push(operator.bed, f"{PRIVATE}/sample:v2", release="v2")
    login = ("registry:login", PRIVATE, "-u", USER, "--password-stdin")

    wrong = operator.pvdify(*login, says="wrong", check=False)
    right = operator.pvdify(*login, says=PASSWORD)

    refused(operator, wrong, HOST, "cannot log in", PRIVATE)
    assert PASSWORD not in right.stdout + right.stderr
    assert [PRIVATE] == operator.answer("registry:list")["registries"]
    assert 0 == deploy(operator, f"{PRIVATE}/sample:v2").returncode
    operator.pvdify("rollback", "blog")
    operator.pvdify("registry:logout", PRIVATE)
    assert [] == operator.answer("registry:list")["registries"]


@pytest.mark.parametrize(
    ("release", "options", "words"),
    [
        ("deaf", {"cmd": ("/app", "worker")}, ("no answer", "8080", "$PORT")),
        ("sick", {"env": {"APP_HEALTH": "bad"}, "labels": {"pvdify.health": "/health"}}, ("503", "/health", "3s")),
        ("crash", {"env": {"APP_EXIT_AT_START": "3"}}, ("exited with status 3",)),
        ("zero", {"env": {"APP_EXIT_AT_START": "0"}}, ("exited with status 0",)),
        ("raw", {"env": {"APP_NEEDS_RAW": "1"}}, ("exited with status",)),
        ("empty", {"cmd": ("/nothing",)}, ("exited with status",)),
    ],
)
def test_releases_that_never_serve_leave_the_old_one_serving_and_explain_themselves(
    operator: Operator, release: str, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    before = world(operator)
    image = operator.push(release, **options)

    done = deploy(operator, image)

    refused(operator, done, HOST, "v1", "still serves", "pvdify logs blog", *words)
    assert before == world(operator)
    assert len((done.stdout + done.stderr).splitlines()) < 60


def test_an_app_that_ignores_sigterm_is_ended_after_its_stop_time(operator: Operator) -> None:
    operator.create("stubborn")
    declare(operator, "stubborn", 'stop = "1s"\n')
    image = operator.push("stubborn", env={"APP_IGNORE_TERM": "1"})
    operator.pvdify("deploy", "stubborn", "--image", image)

    operator.pvdify("deploy", "stubborn", "--image", f"{REGISTRY}/sample:v2")

    assert [] == operator.leftovers("stubborn")
    operator.pvdify("apps:destroy", "stubborn", "--confirm", "stubborn")


@pytest.mark.parametrize(
    ("command", "words"),
    [("/app migrate --fail", ("the release command exited with status 1",)), ("/app migrate --hang", ("took longer",))],
)
def test_a_release_command_that_fails_or_hangs(operator: Operator, command: str, words: tuple[str, ...]) -> None:
    before = world(operator)
    declare(operator, "blog", f'release_command = "{command}"\nrelease_timeout = "2s"\n[healthcheck]\ntimeout = "3s"\n')

    done = deploy(operator, f"{REGISTRY}/sample:v2")

    declare(operator, "blog", '[healthcheck]\ntimeout = "3s"\n')
    refused(operator, done, HOST, "release", *words)
    assert before == world(operator)


def test_a_slot_with_a_typo_names_file_line_and_key(operator: Operator) -> None:
    declare(operator, "blog", '\n[processes.web]\ncomand = "npm start"\n')

    done = operator.pvdify("plan", check=False)

    declare(operator, "blog", '[healthcheck]\ntimeout = "3s"\n')
    refused(operator, done, SPEC, "slot.toml", "line 4", "comand")


def test_two_operations_on_one_app_at_once(operator: Operator) -> None:
    declare(operator, "blog", '[healthcheck]\ntimeout = "3s"\n')
    image = operator.push("slow", env={"APP_START_MS": "1500"})
    first = operator.spawn("deploy", "blog", "--image", image)
    lock = operator.bed.path("/var/lib/pvdify/apps/blog/lock")
    operator.bed.wait_until(lambda: b"releases.create" in lock.read_bytes(), what="the first deploy")

    second = operator.pvdify("ps:restart", "blog", check=False)

    refused(operator, second, REFUSED, "releases.create", "--wait")
    first.communicate(timeout=60)
    assert 0 == first.returncode
    operator.pvdify("rollback", "blog")


def test_a_front_that_a_stranger_holds_is_refused_by_its_name(operator: Operator) -> None:
    stranger = operator.bed.spawn("python3", "-m", "http.server", "3777", "--bind", "127.0.0.1")
    operator.bed.wait_until(lambda: operator.status(3777) == 200, what="the stranger")
    try:
        done = operator.pvdify("apps:create", "squat", "--bind-port", "3777", check=False)
        refused(operator, done, REFUSED, "3777", "python3")
    finally:
        stranger.kill()
        stranger.communicate()


def test_a_state_directory_of_a_newer_pvdify_is_left_untouched(operator: Operator) -> None:
    path = operator.bed.path("/var/lib/pvdify/format")
    text = path.read_text()
    path.write_text("99\n")
    try:
        done = operator.pvdify("apps", check=False)
        refused(operator, done, STATE, "newer")
        assert "99\n" == path.read_text()
    finally:
        path.write_text(text)


def test_whoever_is_not_root_is_told_so(operator: Operator) -> None:
    done = operator.bed.run(
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pvdify", "apps:create", "nope"),
        env={"HOME": "/nonexistent"},
        check=False,
    )

    refused(operator, done, NOT_ROOT, "root", "sudo")


def test_an_artefact_that_was_edited_is_reported_and_apply_heals_it(operator: Operator) -> None:
    name = operator.units("blog")[0].removesuffix(".service")
    artefact = operator.bed.path(f"/var/lib/pvdify/current/quadlet/{name}.container")
    text = artefact.read_text()
    artefact.write_text(text.replace("Pull=never", "Pull=always"))

    doctor = operator.pvdify("doctor", check=False)
    plan = operator.answer("plan")

    assert 0 != doctor.returncode
    assert name in doctor.stdout
    assert [f"quadlet/{name}.container"] == plan["drift"]
    operator.pvdify("apply")
    assert text == operator.bed.path(f"/var/lib/pvdify/current/quadlet/{name}.container").read_text()
    assert [] == operator.answer("plan")["drift"]


def test_an_image_that_was_removed_under_a_unit_is_reported_and_apply_fetches_it(operator: Operator) -> None:
    live = operator.live("blog")
    image = str(operator.answer("releases:info", "blog", f"v{live}")["image"])
    operator.bed.run("systemctl", "stop", *operator.units("blog"))
    operator.bed.run(*PODMAN, "rmi", "--force", image)

    assert "image" in operator.pvdify("doctor", check=False).stdout
    operator.pvdify("apply")

    front = int(operator.answer("apps:info", "blog")["bind_port"])
    assert 200 == operator.status(front)


def test_somebody_elses_daemon_reload_in_the_middle_does_no_harm(operator: Operator) -> None:
    stop = operator.bed.spawn("bash", "-c", "while systemctl daemon-reload; do :; done")
    try:
        operator.pvdify("deploy", "blog", "--image", f"{REGISTRY}/sample:v2")
        operator.pvdify("rollback", "blog")
    finally:
        stop.kill()
        stop.communicate()
    assert [] == operator.leftovers("blog")


def test_ctrl_c_undoes_the_deploy_and_says_130_or_leaves_it_to_a_host_elsewhere(operator: Operator) -> None:
    before = world(operator)
    image = operator.push("sleepy", env={"APP_START_MS": "20000"})
    running = operator.spawn("deploy", "blog", "--image", image)
    operator.bed.wait_until(lambda: bool(len(operator.units("blog")) > 1), what="the new instance")

    running.send_signal(2)
    said, complained = running.communicate(timeout=60)

    if operator.environment:
        id_ = operator.answer("operations", "blog")["operations"][0]["id"]
        assert LEFT == running.returncode
        assert f"pvdify operations:cancel {id_}" in said + complained
        operator.pvdify("operations:cancel", id_)
        assert 130 == operator.pvdify("operations:follow", id_, check=False).returncode
    else:
        assert 130 == running.returncode
    assert before == world(operator)


def test_a_reader_that_leaves_is_no_error(operator: Operator) -> None:
    done = operator.bed.run(
        "bash", "-o", "pipefail", "-c", "pvdify logs blog -n 1000 | head -n 1", check=False, env=operator.environment
    )

    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_no_router_is_said_by_doctor_and_by_a_deploy(operator: Operator) -> None:
    before = world(operator)
    operator.bed.run("systemctl", "stop", "pvdify-router.service")
    try:
        assert "pvdify-router.service" in operator.pvdify("doctor", check=False).stdout
    finally:
        operator.bed.run("systemctl", "start", "pvdify-router.service")
    front = int(operator.answer("apps:info", "blog")["bind_port"])
    operator.wait_for(front, "release=")
    assert before == world(operator)


def test_too_little_room_is_said_before_anything_is_pulled() -> None:
    with installed() as bed:
        operator = Operator(bed.boot())
        bed.run(
            *("bash", "-ec"),
            "cp -a /var/lib/pvdify /var/tmp/state; mount -t tmpfs -o size=400m tmpfs /var/lib/pvdify; cp -a /var/tmp/state/. /var/lib/pvdify/",
        )
        image = operator.push("v1")
        operator.create("blog")

        done = operator.pvdify("deploy", "blog", "--image", image, check=False)

        refused(operator, done, HOST, "MiB are free", "pvdify gc")
        assert () == operator.units("blog")
