"""Config versions on the disk: found as they were set, and nothing but what pvdify wrote."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from pvdify.errors import ConfigNotFoundError, ConfigTamperedError, NotSealedError, StateError
from pvdify.model.config import ConfigPin
from pvdify.store.state import State
from tests.store.kept import AGAIN, SEALED, add, files_of, meta, text, tree

PROJECT = Path(__file__).parents[2]


def test_there_is_no_config_before_one_is_set(empty: State) -> None:
    assert () == empty.configs.versions("blog")
    with pytest.raises(ConfigNotFoundError, match="cannot find config c1 of blog") as caught:
        empty.configs.meta("blog", 1)
    assert "pvdify config:versions blog" in caught.value.hint


def test_a_version_is_found_as_it_was_added(empty: State) -> None:
    added = add(empty)

    found = State(empty.settings).configs.meta("blog", 1)

    assert added == found
    assert (sha256(text()).hexdigest(),) == found.texts
    assert {part: sha256(data).hexdigest() for part, data in SEALED.items()} == found.sealed
    assert meta() == msgspec.structs.replace(found, texts=(), sealed={})
    assert text() == empty.configs.text("blog", found)
    empty.configs.check_sealed("blog", found)
    assert files_of(1) == tree(empty)


def test_only_root_reads_any_of_it(empty: State) -> None:
    previous = os.umask(0)
    try:
        add(empty)
        add(empty, app="host")
    finally:
        os.umask(previous)

    modes = {
        path.is_dir(): path.stat().st_mode & 0o777
        for app in ("blog", "host")
        for path in (empty.settings.configs(app), *empty.settings.configs(app).rglob("*"))
    }
    assert {True: 0o700, False: 0o600} == modes


def test_versions_are_listed_newest_first_and_nothing_else_is_one(empty: State) -> None:
    for version in (1, 2, 10):
        add(empty, version)
    for name in ("c3.sops.json", "c04.toml", "c5.toml.bak", ".c6.toml.new", "x.toml", "c7.toml\n"):
        (empty.settings.configs("blog") / name).write_text("")

    assert (10, 2, 1) == empty.configs.versions("blog")
    assert () == empty.configs.versions("shop")


def test_the_hosts_own_secrets_lie_beside_its_key_and_in_no_app(empty: State) -> None:
    add(empty, app="host")

    assert (1,) == empty.configs.versions("host")
    assert empty.settings.configs("host").is_relative_to(empty.settings.secrets)
    assert [] == [*empty.settings.apps.iterdir()]


def test_a_version_is_written_once(empty: State) -> None:
    add(empty)

    with pytest.raises(StateError, match="cannot write c1 of blog: it is there already"):
        empty.configs.add("blog", meta(), text=b"other", sealed=AGAIN)

    assert text() == empty.configs.text("blog", empty.configs.meta("blog", 1))


@pytest.mark.parametrize(
    "written",
    ["", "version = 1", "version = 2\nsha256 = 'x'", "more = 1\nversion = 1\nsha256 = 'x'", "\0", "version = "],
)
def test_what_is_known_of_a_version_is_never_edited(empty: State, written: str) -> None:
    add(empty)
    (empty.settings.configs("blog") / "c1.toml").write_text(written)

    with pytest.raises(StateError, match=r"c1\.toml"):
        empty.configs.meta("blog", 1)


def test_a_pin_names_just_what_it_was_made_of(empty: State) -> None:
    pin = add(empty).pin()
    others = (
        msgspec.structs.replace(pin, sha256="0" * 64),
        msgspec.structs.replace(pin, files=()),
        msgspec.structs.replace(pin, files=("tls.key", "more")),
    )

    assert meta().sha256 == empty.configs.pinned("blog", pin).sha256
    for other in others:
        with pytest.raises(
            ConfigTamperedError, match="cannot use c1 of blog: it is not the one that the release was made with"
        ):
            empty.configs.pinned("blog", other)
    with pytest.raises(ConfigNotFoundError):
        empty.configs.pinned("blog", ConfigPin(version=2, sha256=pin.sha256))


@pytest.mark.parametrize("other", [b"", text(2), text()[:-1], text() + b" ", b"x" * 5_000_000])
def test_another_file_of_sops_is_not_read(empty: State, other: bytes) -> None:
    found = add(empty)
    (empty.settings.configs("blog") / "c1.sops.json").write_bytes(other)

    with pytest.raises(ConfigTamperedError, match="is not the file that pvdify wrote"):
        empty.configs.text("blog", found)


def test_a_file_of_sops_that_is_gone_is_told(empty: State) -> None:
    found = add(empty)
    (empty.settings.configs("blog") / "c1.sops.json").unlink()

    with pytest.raises(ConfigTamperedError, match=r"c1\.sops\.json is gone"):
        empty.configs.text("blog", found)


@pytest.mark.parametrize("part", ["env", "tls.key"])
def test_what_a_unit_loads_is_what_was_sealed(empty: State, part: str) -> None:
    found = add(empty)
    path = empty.settings.sealed("blog", 1, part)
    empty.configs.check_sealed("blog", found)

    path.write_bytes(b"another")
    with pytest.raises(NotSealedError, match=r"\.cred is not the file that pvdify sealed") as caught:
        empty.configs.check_sealed("blog", found)
    assert "pvdify secrets:reseal" in caught.value.hint
    path.unlink()
    with pytest.raises(NotSealedError, match=r"\.cred is gone"):
        empty.configs.check_sealed("blog", found)


def test_a_part_that_nobody_sealed_is_missing(empty: State) -> None:
    empty.configs.add("blog", meta(), text=text(), sealed={"env": b"sealed"})

    with pytest.raises(NotSealedError, match=r"tls\.key\.cred is gone"):
        empty.configs.check_sealed("blog", empty.configs.meta("blog", 1))


def test_a_new_text_takes_the_place_of_the_old_one_and_what_it_holds_stays(empty: State) -> None:
    before = add(empty)

    empty.configs.retext("blog", 1, text(of="second"))

    after = empty.configs.meta("blog", 1)
    assert text(of="second") == empty.configs.text("blog", after)
    assert before == msgspec.structs.replace(after, texts=before.texts)
    assert (sha256(text(of="second")).hexdigest(),) == after.texts
    assert files_of(1) == tree(empty)


def test_whoever_looked_before_it_was_written_again_reads_the_new_one(empty: State) -> None:
    before = add(empty)

    empty.configs.retext("blog", 1, text(of="second"))

    assert text(of="second") == empty.configs.text("blog", before)


def test_whoever_reads_while_it_is_written_again_finds_one_or_the_other(empty: State) -> None:
    add(empty)
    program = (
        "import sys; from pathlib import Path; from pvdify.store.paths import Settings; from pvdify.store.state import State\n"
        "configs = State(Settings(state=Path(sys.argv[1]), run=Path(sys.argv[1]))).configs\n"
        "for number in range(60): configs.retext('blog', 1, b'text %d' % number)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(empty.settings.state)]) as writer:
        seen = set()
        while writer.poll() is None:
            seen.add(empty.configs.text("blog", empty.configs.meta("blog", 1)))

    assert 0 == writer.returncode
    assert len(seen) > 1


def test_whoever_looks_while_versions_come_and_go_finds_whole_ones(empty: State) -> None:
    program = (
        "import sys; from pathlib import Path; from pvdify.store.paths import Settings; from pvdify.store.state import State\n"
        "from tests.store.kept import add\n"
        "state = State(Settings(state=Path(sys.argv[1]), run=Path(sys.argv[1])))\n"
        "for number in range(1, 25): add(state, number), state.configs.remove('blog', number - 3)"
    )
    seen = set()
    with subprocess.Popen([sys.executable, "-c", program, str(empty.settings.state)], cwd=PROJECT) as writer:
        while writer.poll() is None:
            for version in empty.configs.versions("blog"):
                try:
                    found = empty.configs.meta("blog", version)
                    assert text(version) == empty.configs.text("blog", found)
                    empty.configs.check_sealed("blog", found)
                    seen.add(version)
                except ConfigNotFoundError:
                    continue

    assert 0 == writer.returncode
    assert len(seen) > 5
    assert (24, 23, 22) == empty.configs.versions("blog")
    assert files_of(22, 23, 24) == tree(empty)


def test_what_is_sealed_again_takes_the_place_of_the_old(empty: State) -> None:
    before = add(empty)

    empty.configs.reseal("blog", 1, AGAIN)

    after = empty.configs.meta("blog", 1)
    empty.configs.check_sealed("blog", after)
    assert b"other key" == empty.settings.sealed("blog", 1, "tls.key").read_bytes()
    assert before == msgspec.structs.replace(after, sealed=before.sealed)


def test_a_version_goes_alone_and_twice_is_fine(empty: State) -> None:
    add(empty, 1)
    add(empty, 2)

    empty.configs.remove("blog", 1)
    empty.configs.remove("blog", 1)
    empty.configs.remove("shop", 1)

    assert files_of(2) == tree(empty)
    empty.configs.check_sealed("blog", empty.configs.meta("blog", 2))


def test_an_app_that_goes_takes_its_config_along(empty: State) -> None:
    add(empty)
    add(empty, app="shop")

    empty.remove_app("blog")

    assert not empty.settings.app("blog").exists()
    assert (1,) == empty.configs.versions("shop")
