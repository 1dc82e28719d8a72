"""An app with config starts, restarts and boots without sops, age key and pvdify; what does not open keeps it from starting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.configs import noise, process, put, read, told
from tests.e2e.installed import installed, make
from tests.e2e.kill import row, wrong
from tests.e2e.operator import PODMAN, REGISTRY, Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.bed import Bed, layers

STATE: Final = "/var/lib/pvdify"
CONFIGS: Final = f"{STATE}/apps/blog/config"
CREDENTIALS: Final = "status=243"
VALUE: Final = 'a secret "value" of $HOME'
FILE: Final = noise(1, 5000)


@pytest.fixture(scope="module")
def operator(bed_base: layers.Base) -> Iterator[Operator]:
    """Someone with `blog` and `shop`; `blog` is live with c2, and could go back to c1."""
    with installed() as bed:
        operator = Operator(bed.boot())
        operator.push("v1")
        for app in ("shop", "blog"):
            operator.create(app)
            operator.pvdify("deploy", app, "--image", f"{REGISTRY}/sample:v1")
            put(operator, app, {"SECRET": f"the first of {app}"}, {"cert": b"first\n"})
        put(operator, "blog", {"SECRET": VALUE}, {"cert": FILE})
        yield operator


def has_its_config(operator: Operator) -> bool:
    """Whether `blog` runs with c2, and nothing less."""
    operator.wait_for(row(operator.bed, "blog").front, "release=v1")
    return VALUE == told(operator, "blog")["SECRET"] and FILE == read(operator, "blog", "cert")


def without_keys(bed: Bed) -> None:
    """Take sops and the age key away."""
    sops = bed.run("which", "sops").stdout.strip()
    bed.run("mv", sops, "/root/sops")
    bed.run("mv", f"{STATE}/secrets/age.key", "/root/age.key")


def test_where_the_live_config_does_not_open_the_earlier_release_serves_with_its_own(operator: Operator) -> None:
    bed, live = operator.bed, row(operator.bed, "blog").live
    sealed = bed.path(f"{CONFIGS}/c2/env.cred")
    good = sealed.read_bytes()

    sealed.write_bytes(good[:-40])
    bed.run(*PODMAN, "kill", "--signal=KILL", *operator.containers("blog-v"))
    bed.wait_until(lambda: row(bed, "blog").live != live, timeout=30, what="the earlier release")
    bed.wait_until(lambda: bed.run("systemctl", "is-active", "pvdify-failed@*", check=False).stdout == "", timeout=30)

    assert "the first of blog" == told(operator, "blog")["SECRET"]
    sealed.write_bytes(good)
    operator.pvdify("rollback", "blog", f"v{live}")
    assert has_its_config(operator)


def test_it_restarts_with_its_config_where_neither_sops_nor_the_age_key_is(operator: Operator) -> None:
    without_keys(operator.bed)

    operator.bed.run("systemctl", "restart", *operator.units("blog"))

    assert has_its_config(operator)
    operator.pvdify("ps:restart", "blog")
    assert has_its_config(operator)
    assert [] == wrong(operator, "blog", live=row(operator.bed, "blog").live)


@pytest.mark.parametrize("victim", ["container", "process", "conmon"])
def test_it_comes_back_with_its_config_whatever_of_it_is_killed(operator: Operator, victim: str) -> None:
    before = process(operator, "blog")

    if victim == "container":
        operator.bed.run(*PODMAN, "kill", "--signal=KILL", *operator.containers("blog-v"))
    elif victim == "process":
        operator.curl(row(operator.bed, "blog").front, "/exit?code=3")
    else:
        operator.bed.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", *operator.units("blog"))

    operator.bed.wait_until(lambda: comes_back(operator, before), timeout=30, what="another process")
    assert has_its_config(operator)


def comes_back(operator: Operator, before: int) -> bool:
    """Whether another process serves now."""
    if not operator.units("blog") or not operator.curl(row(operator.bed, "blog").front):
        return False
    try:
        return process(operator, "blog") != before
    except (OSError, ValueError):  # it is about to be there
        return False


def test_uninstalled_it_boots_with_its_config(operator: Operator) -> None:
    make(operator.bed, "uninstall")

    operator.bed.reboot()

    assert not operator.bed.path("/usr/bin/pvdify").exists()
    assert not operator.bed.path(f"{STATE}/secrets/age.key").exists()
    assert has_its_config(operator)


def _file(path: str) -> Callable[[Bed], bytes]:
    return lambda bed: bed.path(path).read_bytes()


BROKEN: Final[dict[str, Callable[[Bed], bytes | None]]] = {
    "gone": lambda _bed: None,
    "empty": lambda _bed: b"",
    "truncated": lambda bed: bed.path(f"{CONFIGS}/c2/env.cred").read_bytes()[:-40],
    "in the clear": lambda _bed: b"SECRET=mine\n",
    "an older version's": _file(f"{CONFIGS}/c1/env.cred"),
    "another app's": _file(f"{STATE}/apps/shop/config/c1/env.cred"),
    "another part's": _file(f"{CONFIGS}/c2/cert.cred"),
}


def break_(bed: Bed, part: str, how: str) -> None:
    """Put something else in the place of a sealed part of the live config; what it was is kept."""
    path = bed.path(f"{CONFIGS}/c2/{part}.cred")
    other = BROKEN[how](bed)
    path.rename(path.with_suffix(".good"))
    if other is not None:
        path.write_bytes(other)


def mend(operator: Operator, unit: str, part: str) -> None:
    """Bring it back, and the app."""
    bed = operator.bed
    path = bed.path(f"{CONFIGS}/c2/{part}.cred")
    path.with_suffix(".good").replace(path)
    bed.run("systemctl", "reset-failed", unit, check=False)  # of having been started so often
    bed.run("systemctl", "start", unit)
    assert has_its_config(operator)


def starts(bed: Bed) -> int:
    """How often the app's process has begun."""
    return bed.run("journalctl", "PVDIFY_APP=blog", "-o", "cat").stdout.count("listening on port")


def never_ran(operator: Operator, unit: str, before: int) -> bool:
    """Whether *unit* fails for want of what it loads, and nothing of the app has run."""
    bed = operator.bed
    show = ("systemctl", "show", "-P", "ExecStartPre", unit)
    bed.wait_until(lambda: CREDENTIALS in bed.run(*show).stdout, what="the start to fail")
    found = operator.containers("blog-v")
    bed.run("systemctl", "stop", unit)
    return found == () and before == starts(bed)


@pytest.mark.parametrize(
    ("part", "how"), [*(("env", how) for how in BROKEN), ("cert", "gone"), ("cert", "an older version's")]
)
def test_what_does_not_open_keeps_the_unit_from_starting(operator: Operator, part: str, how: str) -> None:
    (unit,) = operator.units("blog")
    operator.bed.run("systemctl", "stop", unit)
    before = starts(operator.bed)
    break_(operator.bed, part, how)

    operator.bed.run("systemctl", "start", "--no-block", unit)

    assert never_ran(operator, unit, before)
    mend(operator, unit, part)


def test_nor_does_a_boot_start_it_and_the_other_apps_come_up(operator: Operator) -> None:
    (unit,) = operator.units("blog")
    break_(operator.bed, "env", "truncated")
    operator.bed.poweroff()
    operator.bed.boot()

    before = starts(operator.bed)

    assert never_ran(operator, unit, before)
    assert 503 == operator.status(row(operator.bed, "blog").front)
    operator.wait_for(row(operator.bed, "shop").front, "release=v1")
    assert "the first of shop" == told(operator, "shop")["SECRET"]
    mend(operator, unit, "env")


def test_installed_again_with_its_key_it_goes_on_from_there(operator: Operator) -> None:
    bed = operator.bed
    bed.run("mv", "/root/age.key", f"{STATE}/secrets/age.key")
    bed.run("mv", "/root/sops", "/usr/local/bin/sops")
    make(bed, "install")

    done = operator.answer("config:set", "blog", "MORE=1")

    assert 3 == done["config"]
    assert has_its_config(operator)
    assert "1" == told(operator, "blog")["MORE"]
    assert [] == wrong(operator, "blog", live=done["release"])
