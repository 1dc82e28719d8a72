"""Logins for private registries: the password is sealed for the host, opened for pulls without a key, and seen nowhere else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.e2e import sample
from tests.e2e.bed import PASSWORD, USER
from tests.e2e.installed import installed
from tests.e2e.operator import Operator, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.bed import layers

STATE = 74
SPEC = 65
PRIVATE = "127.0.0.1:5001"
ALL = ["127.0.0.1:5000", "127.0.0.1:5001", "localhost:5000", "localhost:5001"]
STORE = "/var/lib/pvdify"
HOST_KEY = "/var/lib/systemd/credential.secret"
# Says in whose arguments or environment the password is, until nobody listens.
SPY = f"""\
import glob, os, sys
print("looking", flush=True)
while True:
    for kind in ("cmdline", "environ"):
        for path in glob.glob(f"/proc/[0-9]*/{{kind}}"):
            try:
                text = open(path, "rb").read()
            except OSError:
                continue
            if {PASSWORD!r}.encode() in text and path.split("/")[2] != str(os.getpid()):
                print(path, text, flush=True)
"""


@pytest.fixture(scope="module", params=[Way.LOCAL, Way.HTTPS])
def operator(request: pytest.FixtureRequest, bed_base: layers.Base) -> Iterator[Operator]:
    """Someone with `blog`, whose image is in a registry that wants a login; they type on the host, or elsewhere."""
    with installed() as bed:
        operator = Operator(bed.boot()).by(request.param)
        for release in ("v1", "v2", "v3"):
            sample.push(bed, f"{PRIVATE}/sample:{release}", release=release)
        operator.pvdify("apps:create", "blog")
        yield operator


def log_in(operator: Operator, registry: str = PRIVATE, *, password: str = PASSWORD) -> None:
    operator.pvdify("registry:login", registry, "-u", USER, "--password-stdin", says=password)


def logins(operator: Operator) -> list[str]:
    found: list[str] = operator.answer("registry:list")["registries"]
    return found


def deploy(operator: Operator, release: str) -> int:
    return operator.pvdify("deploy", "blog", "--image", f"{PRIVATE}/sample:{release}", check=False).returncode


def test_the_password_is_in_no_argument_no_environment_no_journal_and_no_file(operator: Operator) -> None:
    bed = operator.bed
    with bed.spawn("python3", "-c", SPY) as spy:
        assert spy.stdout is not None
        assert "looking\n" == spy.stdout.readline()

        log_in(operator)
        deployed = deploy(operator, "v1")

        spy.kill()
        seen = spy.stdout.read()
    assert 0 == deployed
    assert "" == seen
    assert PASSWORD not in bed.run("journalctl", "-o", "export", "--all").stdout
    places = ("/var", "/etc", "/root", "/tmp", "/run", "/dev/shm", "/usr/lib/pvdify")
    assert "" == bed.run("grep", "-rlsa", "--devices=skip", PASSWORD, *places, check=False).stdout
    assert [] == [*bed.path("/run").glob("pvdify-login-*")]
    assert () == bed.failed_units


def test_a_pull_needs_neither_sops_nor_the_age_key(operator: Operator) -> None:
    bed = operator.bed
    sops = bed.run("which", "sops").stdout.strip()
    bed.run("mv", sops, "/root/sops")
    bed.run("mv", f"{STORE}/secrets/age.key", "/root/age.key")
    try:
        deployed, known = deploy(operator, "v2"), logins(operator)
    finally:
        bed.run("mv", "/root/sops", sops)
        bed.run("mv", "/root/age.key", f"{STORE}/secrets/age.key")

    assert (0, [PRIVATE]) == (deployed, known)


def test_all_who_log_in_at_once_are_logged_in(operator: Operator) -> None:
    with ThreadPoolExecutor(len(ALL)) as together:
        list(together.map(lambda one: log_in(operator, one), ALL))

    assert ALL == logins(operator)
    assert 1 == len([*operator.bed.path(f"{STORE}/secrets/host").glob("c*.toml")])


def test_without_the_key_that_they_were_sealed_with_it_is_told_how_to_seal_them_again(operator: Operator) -> None:
    key = operator.bed.path(HOST_KEY)
    own = key.read_bytes()
    key.chmod(0o600)
    key.write_bytes(own[::-1])
    try:
        done = operator.pvdify("deploy", "blog", "--image", f"{PRIVATE}/sample:v3", check=False)
    finally:
        key.write_bytes(own)
        key.chmod(0o400)

    said = done.stdout + done.stderr
    assert STATE == done.returncode, said
    assert "cannot open it" in said
    assert "pvdify secrets:reseal" in said
    assert 0 == deploy(operator, "v3")


def test_a_user_with_a_colon_is_refused_before_anybody_is_asked(operator: Operator) -> None:
    argv = ("registry:login", "127.0.0.1:5999", "-u", "pat:x", "--password-stdin")

    done = operator.pvdify(*argv, says=PASSWORD, check=False)

    assert SPEC == done.returncode
    assert "without a colon" in done.stderr


def test_a_forgotten_login_opens_nothing_any_more(operator: Operator) -> None:
    for one in ALL:
        operator.pvdify("registry:logout", one)

    assert [] == logins(operator)
    sample.push(operator.bed, f"{PRIVATE}/sample:v4", release="v4")
    assert 0 != deploy(operator, "v4")
