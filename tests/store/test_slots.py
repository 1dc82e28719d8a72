import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import AppNotFoundError, SpecError
from pvdify.model.patterns import UNWRITABLE
from pvdify.model.slot import Environment, Healthcheck, Process, Slot
from pvdify.store.slot_text import merged, new_text
from pvdify.store.state import State
from tests.store.example import leftovers, row

MINE = """\
# my blog
name = "blog" # the name
environment = "production" # spelled out
image = "ghcr.io/me/blog:v1"

[processes.web]
count = 1 # for now

[processes.worker] # mails
command = "worker --fast"
count = 3

[env]
# how much it says
LEVEL = "info"
ZONE = "UTC"
"""


def written(state: State, text: str = MINE) -> Path:
    path = state.settings.slot("blog")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def changed_lines(before: str, after: str) -> tuple[set[str], set[str]]:
    old, new = set(before.splitlines()), set(after.splitlines())
    return old - new, new - old


def test_a_new_slot_says_what_is_declared_and_what_else_could_be(state: State) -> None:
    slot = Slot(name="blog", image="ghcr.io/me/blog:v1")

    state.write_slot(slot)

    text = state.slot_text("blog").decode()
    assert slot == state.slot("blog")
    assert text.startswith("# What is declared of blog.")
    assert "\n# domains = " in text
    assert "\n# image = " not in text


def test_every_line_of_advice_in_a_new_slot_is_true(state: State) -> None:
    state.write_slot(Slot(name="blog"))
    path = state.settings.slot("blog")

    _, _, advice = path.read_text().partition("# More")
    lines = [line.removeprefix("# ") if " = " in line or "# [" in line else line for line in advice.splitlines()[1:]]
    path.write_text('name = "blog"\n' + "\n".join(lines))

    slot = state.slot("blog")
    assert {"web", "worker"} == set(slot.processes)
    assert (8080, ("app.example.org",), "30s", "10s") == (slot.port, slot.domains, slot.drain, slot.stop)
    assert Healthcheck(path="/health") == slot.healthcheck


def test_a_changed_count_changes_one_line_of_an_operators_file(state: State) -> None:
    path = written(state)

    state.write_counts("blog", {"web": 4, "worker": 3})

    assert ({"count = 1 # for now"}, {"count = 4 # for now"}) == changed_lines(MINE, path.read_text())


def test_a_count_of_a_process_that_is_not_declared_declares_nothing(state: State) -> None:
    path = written(state)

    state.write_counts("blog", {"clock": 1})

    assert MINE == path.read_text()


def test_a_count_needs_a_slot(state: State) -> None:
    with pytest.raises(AppNotFoundError):
        state.write_counts("nobody", {"web": 1})

    assert not state.settings.app("nobody").exists()


def test_a_rewritten_slot_keeps_comments_order_and_spelled_out_defaults(state: State) -> None:
    path = written(state)
    slot = state.slot("blog")

    state.write_slot(
        msgspec.structs.replace(
            slot,
            image=None,
            domains=("blog.example.org",),
            env={"LEVEL": "debug", "PLACE": "here"},
            processes={"web": slot.processes["web"], "clock": Process(command=("tick", "tock"))},
        )
    )

    gone, new = changed_lines(MINE, path.read_text())
    assert gone == {
        'image = "ghcr.io/me/blog:v1"',
        "[processes.worker] # mails",
        'command = "worker --fast"',
        "count = 3",
        'LEVEL = "info"',
        'ZONE = "UTC"',
    }
    assert {
        'domains = ["blog.example.org"]',
        'LEVEL = "debug"',
        'PLACE = "here"',
        "[processes.clock]",
        'command = ["tick", "tock"]',
    } == new


def test_writing_what_is_declared_already_does_not_touch_the_file(state: State) -> None:
    path = written(state)
    before = path.stat()

    state.write_slot(state.slot("blog"))

    assert (before.st_ino, before.st_mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)


def test_a_default_that_is_no_longer_wanted_is_written_over(state: State) -> None:
    path = written(state)

    state.write_slot(msgspec.structs.replace(state.slot("blog"), environment=Environment.STAGING))

    assert 'environment = "staging" # spelled out' in path.read_text()


def test_what_was_declared_before_comes_back_to_the_byte(state: State) -> None:
    path = written(state)
    before = path.stat()

    stamp = state.redeclare(msgspec.structs.replace(state.slot("blog"), drain="5s"))
    is_back = state.undeclare("blog", stamp.sha256)

    after = path.stat()
    assert is_back
    assert (MINE, before.st_ino, before.st_mtime_ns) == (path.read_text(), after.st_ino, after.st_mtime_ns)
    assert ["slot.toml"] == [one.name for one in path.parent.iterdir()]
    assert not state.undeclare("blog", stamp.sha256)


def test_what_is_confirmed_stays(state: State) -> None:
    path = written(state)
    stamp = state.redeclare(msgspec.structs.replace(state.slot("blog"), drain="5s"))

    state.confirm("blog")

    assert not state.undeclare("blog", stamp.sha256)
    assert "5s" == state.slot("blog").drain
    assert ["slot.toml"] == [one.name for one in path.parent.iterdir()]


def test_what_was_edited_since_is_not_taken_back(state: State) -> None:
    path = written(state)
    stamp = state.redeclare(msgspec.structs.replace(state.slot("blog"), drain="5s"))
    path.write_text(MINE + "# mine\n")

    assert not state.undeclare("blog", stamp.sha256)

    assert MINE + "# mine\n" == path.read_text()
    assert ["slot.toml"] == [one.name for one in path.parent.iterdir()]


def test_a_declaration_that_cannot_be_written_leaves_nothing_behind(state: State) -> None:
    path = written(state, 'name = "blog"\n')

    with pytest.raises(SpecError):
        state.redeclare(Slot(name="blog", drain="soon"))

    assert 'name = "blog"\n' == path.read_text()
    assert ["slot.toml"] == [one.name for one in path.parent.iterdir()]


def test_nothing_is_taken_back_of_an_app_that_is_gone(state: State) -> None:
    assert not state.undeclare("blog", None)

    assert [] == [*state.settings.apps.iterdir()]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: not UNWRITABLE.search(text))
SLOTS = st.builds(
    lambda image, env, counts, drain, domains: Slot(
        name="blog",
        image=image,
        env=env,
        processes={name: Process(count=count) for name, count in counts.items()},
        drain=drain,
        domains=tuple(domains),
    ),
    image=st.sampled_from([None, "nginx", "ghcr.io/me/blog:v1"]),
    env=st.dictionaries(st.sampled_from(["A", "B", "C_1"]), TEXTS, max_size=3),
    counts=st.dictionaries(st.sampled_from(["web", "worker", "clock"]), st.integers(0, 9), min_size=1, max_size=3),
    drain=st.sampled_from(["30s", "5s"]),
    domains=st.lists(st.sampled_from(["a.example.org", "b.example.org"]), max_size=2, unique=True),
)


def declared(text: bytes) -> Slot:
    import tomllib

    return msgspec.convert(tomllib.loads(text.decode()), Slot)


@given(SLOTS, SLOTS)
def test_whatever_was_declared_the_new_declaration_is_what_is_read(old: Slot, new: Slot) -> None:
    text = new_text(old)

    assert old == declared(text)
    assert new == declared(merged(text, new))
    assert old == declared(merged(merged(text, new), old))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "other"\n', "name = 'other'"),
        ('name = "blog"\nimmage = "x"\n', "slot.toml, line 2"),
        ('name = "blog"\n[processes.web]\ncount = "two"\n', "slot.toml, line 3"),
        ("name = \n", "slot.toml, line 1"),
    ],
)
def test_a_mistake_in_a_slot_is_told_with_its_file_and_line(state: State, text: str, said: str) -> None:
    path = written(state, text)

    with pytest.raises(SpecError) as caught:
        state.slot("blog")

    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_a_slot_with_a_mistake_is_not_written_over(state: State) -> None:
    path = written(state, "name = \n")

    with pytest.raises(SpecError):
        state.write_slot(Slot(name="blog"))

    assert path.read_text() == "name = \n"


def test_writers_of_one_slot_wait_for_each_other(state: State) -> None:
    names = ("web", "worker", "clock", "mailer")
    state.write_slot(Slot(name="blog", processes=dict.fromkeys(names, Process())))
    children = []
    for name in names:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for count in range(1, 26):
                    state.write_counts("blog", {name: count})
                status = 0
            finally:
                os._exit(status)
        children.append(child)

    assert [0, 0, 0, 0] == [os.waitpid(child, 0)[1] for child in children]
    assert {25} == {process.count for process in state.slot("blog").processes.values()}


def test_only_directories_with_a_slot_are_declared_apps(state: State) -> None:
    state.write_slot(Slot(name="shop"))
    state.write_slot(Slot(name="blog"))
    (state.settings.apps / "notes").mkdir()
    (state.settings.apps / "README").write_text("mine")

    assert state.slots() == ("blog", "shop")
    assert (True, False, False) == (state.has_slot("blog"), state.has_slot("notes"), state.has_slot("README"))


def test_an_app_without_a_slot_is_not_found(state: State) -> None:
    with pytest.raises(AppNotFoundError):
        state.slot("nobody")


def test_an_edit_is_seen_by_its_bytes_and_not_by_a_touch(state: State) -> None:
    path = written(state)
    applied = msgspec.structs.replace(row(), slot=state.stamp("blog"))

    untouched = state.is_edited(applied)
    os.utime(path)
    touched = state.is_edited(applied)
    path.write_text(MINE + "\n")
    edited = state.is_edited(applied)
    path.unlink()

    assert (False, False, True, True) == (untouched, touched, edited, state.is_edited(applied))
    assert not state.is_edited(row())


def test_a_removed_app_leaves_nothing_and_removing_it_again_is_fine(state: State) -> None:
    written(state)

    with state.app_lock("blog", "destroy"):
        state.remove_app("blog")
        state.remove_app("blog")

    assert [] == [*state.settings.apps.iterdir()]
    assert [] == leftovers(state)
