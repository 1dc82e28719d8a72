import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import ReleaseNotFoundError, StateError
from pvdify.model.parse import from_toml
from pvdify.model.release import Release, ReleaseProcess
from pvdify.model.slot import Healthcheck, Resources, Volume
from pvdify.store.releases import text_of
from pvdify.store.state import State
from tests.store.example import files, publish, release


def test_a_release_is_read_as_it_was_written(state: State) -> None:
    state.write_release(release(1))

    assert release(1) == state.release("blog", 1)


def test_releases_are_listed_newest_first_by_number(state: State) -> None:
    for version in (1, 2, 10):
        state.write_release(release(version))

    assert state.releases("blog") == (10, 2, 1)
    assert () == state.releases("nobody")


def test_the_same_release_may_be_written_again_and_another_may_not(state: State) -> None:
    state.write_release(release(1))
    state.write_release(release(1))

    with pytest.raises(StateError, match="another one of that number"):
        state.write_release(msgspec.structs.replace(release(1), port=9000))

    assert release(1) == state.release("blog", 1)


def test_a_release_that_is_not_recorded_is_not_found(state: State) -> None:
    with pytest.raises(ReleaseNotFoundError):
        state.release("blog", 7)


@pytest.mark.parametrize(
    "text",
    [b"", b"app = 'blog'\n", b"version = \n", b"\xff", b"app = 'blog'\nversion = 2\nimage = 'x'\nsource = 'x'\n"],
)
def test_a_spoiled_release_is_told_and_never_half_read(state: State, text: bytes) -> None:
    state.write_release(release(1))
    path = state.settings.releases("blog") / "v1.toml"
    path.write_bytes(text)

    with pytest.raises(StateError) as caught:
        state.release("blog", 1)

    assert str(path) in caught.value.message


def test_a_release_under_another_number_is_told(state: State) -> None:
    state.write_release(release(1))
    directory = state.settings.releases("blog")
    (directory / "v1.toml").rename(directory / "v2.toml")

    with pytest.raises(StateError, match="it is v1 of blog"):
        state.release("blog", 2)


def test_a_version_is_never_given_twice(state: State) -> None:
    first = state.next_version("blog")
    state.write_release(release(first))
    second = state.next_version("blog")
    state.write_release(release(second))
    publish(state, files(3), live=3)
    (state.settings.releases("blog") / "v3.toml").unlink()  # what is in force was recorded once

    assert (2, 3, 4) == (first, second, state.next_version("blog"))


def test_the_first_release_of_a_host_without_generations_is_v1(empty: State) -> None:
    assert 1 == empty.next_version("blog")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
RELEASES = st.builds(
    lambda command, env, memory, health, volumes: Release(
        app="blog",
        version=3,
        image="x@sha256:" + 64 * "0",
        source="x",
        processes={"web": ReleaseProcess(command=tuple(command), resources=Resources(memory=memory), volumes=volumes)},
        env=env,
        healthcheck=health,
        capabilities=() if memory else None,
    ),
    command=st.lists(TEXTS, max_size=3),
    env=st.dictionaries(st.sampled_from(["A", "B"]), TEXTS),
    memory=st.sampled_from([None, "512M"]),
    health=st.sampled_from([Healthcheck(), Healthcheck(path="/up", timeout="5s")]),
    volumes=st.sampled_from(
        [(), (Volume(name="data", path="/data"), Volume(name="logs", path="/logs", read_only=True))]
    ),
)


@given(RELEASES)
def test_every_release_survives_its_file(one: Release) -> None:
    assert one == from_toml(text_of(one), Release, what="v3.toml")
