import errno
from pathlib import Path

import pytest

from pvdify.errors import (
    CorruptGenerationError,
    GenerationNotFoundError,
    NotFoundError,
    StateError,
    StateMissingError,
)
from pvdify.store.state import State
from tests.store.example import files, leftovers, publish, publishing, staged, text_of
from tests.store.faults import broken

CONTAINER = "quadlet/pvdify-blog-v1-web-1.container"
TARGET = "systemd/pvdify-blog.target"


def inode(state: State, number: int, path: str) -> int:
    return (state.generation_path(number) / path).stat().st_ino


def spoil(state: State, number: int, path: str) -> Path:
    """Edit a file in place, as somebody with an editor that keeps inodes would."""
    file = state.generation_path(number) / path
    file.write_bytes(b"#" + file.read_bytes()[1:])
    return file


def test_a_published_generation_is_in_force_with_all_its_files(state: State) -> None:
    manifest = publish(state, files(2), live=2)

    assert (2, 1) == (manifest.number, manifest.parent)
    assert manifest == state.current() == State(state.settings).current()
    assert {**files(1), **files(2)} == text_of(state, 2)
    assert "generations/000002" == str(state.settings.current.readlink())


def test_programs_that_read_a_generation_need_no_rights_below_its_root(state: State) -> None:
    tree = state.generation_path(1)

    assert {0o755} == {path.stat().st_mode & 0o777 for path in (tree, *tree.iterdir()) if path.is_dir()}
    assert {0o644} == {path.stat().st_mode & 0o777 for path in tree.rglob("*") if path.is_file()}


def test_the_folders_that_others_point_at_are_always_there(empty: State) -> None:
    publish(empty, {})

    assert ["haproxy", "manifest.json", "quadlet", "systemd"] == sorted(
        path.name for path in empty.settings.current.iterdir()
    )


def test_unchanged_files_are_shared_and_changed_ones_are_not(state: State) -> None:
    publish(state, {TARGET: b"other"})

    assert inode(state, 1, CONTAINER) == inode(state, 2, CONTAINER)
    assert inode(state, 1, TARGET) != inode(state, 2, TARGET)


def test_removed_files_are_gone_from_the_new_generation_only(state: State) -> None:
    publish(state, {}, removed=(CONTAINER, "quadlet/never-there"))

    assert CONTAINER not in state.current().files
    assert CONTAINER in text_of(state, 1)
    assert () == state.drift(2)


@pytest.mark.parametrize("path", ["manifest.json", "../x", "quadlet/../../x", "/etc/passwd", "quadlet//x", "quadlet/"])
def test_no_file_lands_outside_of_its_folder(state: State, path: str) -> None:
    with publishing(state), pytest.raises(StateError, match="cannot publish a file called"):
        staged(state, {path: b""})

    assert [] == leftovers(state)


def test_a_candidate_can_be_read_before_it_is_in_force_and_discarded(state: State) -> None:
    with publishing(state):
        candidate = staged(state, files(2), live=2)
        assert (candidate.path / TARGET).read_bytes() == files(2)[TARGET]
        assert 1 == state.current().number
        state.discard(candidate)
        state.discard(candidate)

    assert [] == leftovers(state)
    assert (1,) == state.generations()


def test_nothing_is_changed_without_the_host_lock(state: State) -> None:
    with publishing(state):
        candidate = staged(state, files(2))

    for change in (lambda: staged(state, {}), lambda: state.commit(candidate), lambda: state.collect(()), state.sweep):
        with pytest.raises(StateError, match="the host lock is not held"):
            change()


def test_a_candidate_of_another_parent_is_refused(state: State) -> None:
    with publishing(state):
        late = staged(state, files(2), live=2)
    publish(state, files(3), live=3)

    with publishing(state), pytest.raises(StateError, match="generation 2 came in between"):
        state.commit(late)

    assert files(3)[TARGET] == text_of(state, 2)[TARGET]


def test_committing_twice_is_fine(state: State) -> None:
    with publishing(state):
        candidate = staged(state, files(2))
        assert state.commit(candidate) == state.commit(candidate)


def test_a_number_is_never_given_twice(state: State) -> None:
    publish(state, files(2))
    _link(state, 1).replace(state.settings.current)  # an operator goes back by hand

    assert 3 == publish(state, files(3)).number
    assert 1 == state.current().parent


def _link(state: State, number: int) -> Path:
    link = state.settings.state / "link"
    link.symlink_to(f"generations/{number:06}")
    return link


def test_drift_names_what_is_changed_missing_or_too_many(state: State) -> None:
    spoil(state, 1, TARGET)
    (state.generation_path(1) / CONTAINER).unlink()
    (state.generation_path(1) / "quadlet/mine.container").write_text("[Container]\n")
    (state.generation_path(1) / "systemd/pvdify.target").unlink()
    (state.generation_path(1) / "systemd/pvdify.target").symlink_to("/dev/null")

    assert state.drift(1) == ("quadlet/mine.container", CONTAINER, TARGET, "systemd/pvdify.target")


def test_a_spoiled_file_is_never_handed_on(state: State) -> None:
    file = spoil(state, 1, CONTAINER)

    with publishing(state), pytest.raises(CorruptGenerationError) as caught:
        staged(state, {TARGET: b"other"})

    assert str(file) in caught.value.message
    assert [] == leftovers(state)
    assert 1 == state.current().number


@pytest.mark.parametrize("damage", ["edited", "missing", "link", "folder"])
def test_a_spoiled_file_is_healed_with_an_inode_of_its_own(state: State, damage: str) -> None:
    file = state.generation_path(1) / CONTAINER
    if damage == "edited":
        spoil(state, 1, CONTAINER)
    else:
        file.unlink()
    if damage == "link":
        file.symlink_to("/etc/hostname")
    if damage == "folder":
        file.mkdir()

    with publishing(state):
        state.commit(staged(state, {TARGET: b"other"}, heal=lambda path: files(1).get(path)))

    assert () == state.drift(2)
    assert (CONTAINER,) == state.drift(1)
    assert files(1)[CONTAINER] == text_of(state, 2)[CONTAINER]


def test_healing_with_other_bytes_is_refused(state: State) -> None:
    spoil(state, 1, CONTAINER)

    with publishing(state), pytest.raises(CorruptGenerationError):
        staged(state, {}, heal=lambda _path: b"something else")


def test_a_whole_folder_that_is_lost_is_healed(state: State) -> None:
    (state.generation_path(1) / CONTAINER).unlink()
    (state.generation_path(1) / "quadlet").rmdir()

    with publishing(state):
        state.commit(staged(state, {}, heal=lambda path: files(1).get(path)))

    assert () == state.drift(2)


def test_the_text_of_an_artefact_is_the_one_that_was_published(state: State) -> None:
    assert files(1)[TARGET].decode() == state.artefact(1, TARGET)

    spoil(state, 1, TARGET)

    with pytest.raises(CorruptGenerationError):
        state.artefact(1, TARGET)
    with pytest.raises(NotFoundError):
        state.artefact(1, "quadlet/none.container")


def test_collection_keeps_what_it_is_told_to_what_is_in_force_and_what_is_loaded(state: State) -> None:
    for version in range(2, 7):
        publish(state, files(version), live=version)
    state.note_loaded(2)

    with publishing(state):
        gone = state.collect([4])
        again = state.collect([4])

    assert ((1, 3, 5), ()) == (gone, again)
    assert state.generations() == (6, 4, 2)
    assert [(), (), ()] == [state.drift(number) for number in state.generations()]
    assert [] == leftovers(state)


def test_a_generation_that_was_collected_or_never_was_is_not_found(state: State) -> None:
    with pytest.raises(GenerationNotFoundError):
        state.manifest(7)


def test_sweeping_takes_what_killed_processes_left_and_nothing_else(state: State) -> None:
    publish(state, files(2), live=2)
    with publishing(state):
        staged(state, files(3), live=3)
    (state.settings.state / ".current.12ab").symlink_to("generations/000003")
    (state.settings.generations / ".gone-000000-12ab/quadlet").mkdir(parents=True)
    (state.settings.apps / ".gone-shop-12ab").mkdir()

    with publishing(state):
        swept = state.sweep()

    assert {
        ".current.12ab",
        "apps/.gone-shop-12ab",
        "generations/.gone-000000-12ab",
        "generations/.tmp-3",
    } == set(swept)
    assert [] == leftovers(state)
    assert (2, 1) == state.generations()
    assert () == state.drift(2)


def test_a_host_that_was_just_made_has_no_generation_yet(empty: State) -> None:
    assert not empty.has_generation()
    with pytest.raises(StateMissingError, match="there is no generation yet"):
        empty.current()


def test_a_lost_link_is_not_taken_for_a_new_host(state: State) -> None:
    publish(state, files(2))
    state.settings.current.unlink()

    for question in (state.has_generation, state.current):
        with pytest.raises(StateError) as caught:
            question()
        assert "ln -sfn generations/000002" in caught.value.hint


@pytest.mark.parametrize("text", [b"", b"{", b'{"number": 1}', b"\xff\xfe", None])
def test_a_generation_without_a_readable_manifest_is_corrupt_and_the_hint_names_a_whole_one(
    state: State, text: bytes | None
) -> None:
    publish(state, files(2))
    path = state.generation_path(2) / "manifest.json"
    path.unlink()
    if text is not None:
        path.write_bytes(text)

    with pytest.raises(CorruptGenerationError) as caught:
        state.current()

    assert str(path) in caught.value.message
    assert "ln -sfn generations/000001" in caught.value.hint


def test_the_manifest_of_another_generation_is_corrupt(state: State) -> None:
    publish(state, files(2))
    (state.generation_path(2) / "manifest.json").write_bytes((state.generation_path(1) / "manifest.json").read_bytes())

    with pytest.raises(CorruptGenerationError, match="it is that of generation 1"):
        state.current()


@pytest.mark.parametrize("target", ["/etc", "generations/000001/../../..", "generations/1", "generations/000001\n"])
def test_a_link_that_leads_elsewhere_is_refused(state: State, target: str) -> None:
    state.settings.current.unlink()
    state.settings.current.symlink_to(target)

    with pytest.raises(CorruptGenerationError, match="which is no generation"):
        state.current()


def test_the_manifest_in_force_is_read_once_until_it_changes(state: State) -> None:
    other = State(state.settings)
    before = state.current()

    assert before is state.current()
    publish(other, files(2), live=2)

    assert 2 == state.current().number


def test_many_new_files_at_once_need_few_descriptors(empty: State) -> None:
    many = {f"quadlet/pvdify-a{number}-v1-web-1.container": b"x%d" % number for number in range(3000)}

    publish(empty, many)

    assert many == text_of(empty, 1)


@pytest.mark.parametrize("reason", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_where_files_cannot_be_linked_they_are_copied(state: State, reason: int) -> None:
    with broken(reason, names=frozenset({"os.link"})):
        publish(state, {TARGET: b"other"})

    assert () == state.drift(2)
    assert inode(state, 1, CONTAINER) != inode(state, 2, CONTAINER)
