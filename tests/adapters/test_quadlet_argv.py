"""A file and what Quadlet made of it, compared word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.adapters.quadlet_argv import lost, started, values, words
from pvdify.errors import RenderError
from pvdify.model.patterns import UNWRITABLE
from pvdify.render.quoting import unit_word

FILE = """[Container]
Image=localhost/app@sha256:0
Environment="A=one two" "B=100%%\\n"
Environment=C=3
Exec=/app "say $$5" ; then
GlobalArgs=--root /x --transient-store
[Service]
Restart=always
"""
MADE = (
    "[Service]\nExecStart=/usr/bin/podman --root /x --transient-store run --name %N -d "
    '--env "A=one two" --env "B=100%%\\n" --env C=3 localhost/app@sha256:0 /app "say $$5" ; then\n'
)


def test_a_service_that_says_it_all_has_lost_nothing() -> None:
    assert lost(FILE, MADE) is None
    assert ("--env", "A=one two", "--env", "B=100%%\n") == started(MADE)[8:12]
    assert started(MADE)[-4:] == ("/app", "say $$5", ";", "then")


@pytest.mark.parametrize(
    ("text", "other", "what"),
    [
        ('"A=one two"', '"A=one"', "the environment lacks A"),
        ("--env C=3 ", "", "the environment lacks C"),
        ("100%%", "100%", "the environment lacks B"),
        (" ; then", "", "the image and its command"),
        ("localhost/app@sha256:0", "localhost/evil", "the image and its command"),
        ("--transient-store ", "", "podman does not get --transient-store"),
        ("ExecStart", "ExecStop", "the image and its command"),
    ],
)
def test_what_a_service_does_not_say_is_lost(text: str, other: str, what: str) -> None:
    assert text in MADE

    difference = lost(FILE, MADE.replace(text, other))

    assert difference is not None
    assert what in difference


def test_an_environment_is_not_told_when_it_is_lost() -> None:
    assert "hunter2" not in str(
        lost("[Container]\nImage=x\nEnvironment=KEY=hunter2\n", "[Service]\nExecStart=podman run x\n")
    )


@pytest.mark.parametrize("line", [r"a\d", r"\x4", r"\u12", r"a\;", '"open', "it's", "end\\"])
def test_what_systemd_would_drop_or_guess_is_refused(line: str) -> None:
    with pytest.raises(RenderError, match="cannot read"):
        words(line)


def test_lines_go_on_and_comments_do_not_count() -> None:
    unit = "# Exec=no\n[Container]\nExec=a \\\n  b\n; Exec=no\n[Other]\nExec=c\n"

    assert ("a    b",) == values(unit, "Container", "Exec")
    assert ("c",) == values(unit, "Other", "Exec")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not UNWRITABLE.search(text))))
def test_every_word_that_is_rendered_is_read_back(texts: list[str]) -> None:
    doubled = [text.replace("%", "%%").replace("$", "$$") for text in texts]
    assert tuple(doubled) == words(" ".join(unit_word(text) or '""' for text in texts))
