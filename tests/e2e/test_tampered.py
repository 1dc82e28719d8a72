"""Config that somebody wrote in: thousands of files, and whether pvdify takes one of them for its own."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.configs import put, told
from tests.e2e.kill import row, wrong
from tests.e2e.operator import REGISTRY, Operator
from tests.e2e.tampered import BYTES, tried

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.bed import Bed

TRIALS: Final = 2500
STATE, NOT_FOUND = 74, 66
CONFIGS: Final = "/var/lib/pvdify/apps/blog/config"
OLD, LIVE, NEXT = 1, 2, 3
SEALED, TEXT, META = "c{}/env.cred", "c{}.sops.json", "c{}.toml"
Tampering = Callable[["Path", bytes], None]


@pytest.fixture(scope="module")
def operator(bed: Bed) -> Operator:
    """Someone with `blog`, live with c2 and c1 to go back to, and `shop` with another config; both have files."""
    operator = Operator(bed)
    for release in ("v1", "v2"):
        operator.push(release)
    for app in ("blog", "shop"):
        operator.create(app)
        operator.pvdify("deploy", app, "--image", f"{REGISTRY}/sample:v1")
        put(
            operator, app, {"NAME": app, "URL": f"postgres://{app}", "EMPTY": "", "LONG": "y" * 300}, {"cert": b"pem\n"}
        )
    put(operator, "blog", {"NAME": "second"}, {"cert": b"another\n", "bytes": bytes(range(256))})
    return operator


@pytest.mark.parametrize(("kind", "verb"), [("sops", "wrote"), ("sealed", "sealed")])
def test_of_thousands_of_tampered_files_none_is_taken(operator: Operator, kind: str, verb: str) -> None:
    report = tried(operator.bed, kind, TRIALS)

    assert [] == report.wrong
    assert TRIALS == report.tried
    assert TRIALS == report.by.get(f"hash: is not the file that pvdify {verb}")
    others = {words: count for words, count in report.by.items() if words.startswith("all else: ")}
    assert TRIALS == sum(others.values()) + report.alike
    assert report.alike < TRIALS / 50


def _bytes(name: str) -> Tampering:
    def tamper(path: Path, data: bytes) -> None:
        path.write_bytes(BYTES[name](Random(name), data))  # noqa: S311 -- the same ones each time

    return tamper


def _gone(path: Path, data: bytes) -> None:
    path.unlink()


def _older(path: Path, data: bytes) -> None:
    """Another version's file in its place."""
    other = (
        str(path).replace(f"/c{LIVE}", f"/c{NEXT}").replace(f"/c{OLD}", f"/c{LIVE}").replace(f"/c{NEXT}", f"/c{OLD}")
    )
    path.write_bytes(type(path)(other).read_bytes())


def _foreign(path: Path, data: bytes) -> None:
    """The same file of another app in its place."""
    path.write_bytes(type(path)(str(path).replace("/blog/", "/shop/").replace(f"/c{LIVE}", f"/c{OLD}")).read_bytes())


def _other_digest(path: Path, data: bytes) -> None:
    """What is known of it says that it holds something else."""
    begin = data.index(b'sha256 = "') + len(b'sha256 = "')
    path.write_bytes(data[:begin] + b"0" * 64 + data[begin + 64 :])


TAMPERINGS: Final[dict[str, Tampering]] = {
    **{name: _bytes(name) for name in ("a bit flipped", "a piece dropped", "truncated", "empty", "noise")},
    "gone": _gone,
    "an older version's": _older,
    "another app's": _foreign,
}
SOME: Final = {name: TAMPERINGS[name] for name in ("truncated", "gone", "an older version's")}
ABOUT: Final = {**SOME, "a piece dropped": TAMPERINGS["a piece dropped"], "another digest": _other_digest}
COMMANDS: Final = (
    (("ps:restart", "blog"), LIVE, SEALED, TAMPERINGS),
    (("ps:scale", "blog", "web=2"), LIVE, SEALED, SOME),
    (("deploy", "blog", "--image", f"{REGISTRY}/sample:v2"), LIVE, SEALED, SOME),
    (("rollback", "blog"), OLD, SEALED, TAMPERINGS),
    (("config:set", "blog", "NAME=third"), LIVE, TEXT, TAMPERINGS),
    (("config", "blog", "--reveal"), LIVE, TEXT, TAMPERINGS),
    (("config:set", "blog", "NAME=third"), LIVE, META, ABOUT),
    (("config", "blog", "--reveal"), LIVE, META, ABOUT),
    (("rollback", "blog"), OLD, META, ABOUT),
)


@pytest.mark.parametrize(
    ("argv", "version", "file", "tampering"),
    [
        pytest.param(argv, version, file, tampering, id=f"{argv[0]} {file.format(version)} {name}")
        for argv, version, file, tamperings in COMMANDS
        for name, tampering in tamperings.items()
    ],
)
def test_a_command_that_needs_it_refuses_and_the_live_release_serves(
    operator: Operator, argv: tuple[str, ...], version: int, file: str, tampering: Tampering
) -> None:
    path = operator.bed.path(f"{CONFIGS}/{file.format(version)}")
    good, before = path.read_bytes(), (row(operator.bed, "blog"), operator.units("blog"))

    tampering(path, good)
    done = operator.pvdify(*argv, check=False)
    path.write_bytes(good)

    said = done.stdout + done.stderr
    assert done.returncode in {STATE, NOT_FOUND}, said
    assert "cannot" in said
    assert "Traceback" not in said
    assert before == (row(operator.bed, "blog"), operator.units("blog"))
    assert [] == wrong(operator, "blog", live=before[0].live)
    assert "second" == told(operator, "blog")["NAME"]
