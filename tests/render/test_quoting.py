from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import RenderError
from pvdify.model.patterns import UNWRITABLE
from pvdify.render.environment import environment
from pvdify.render.quoting import CARRIED, Quoted, bare, haproxy_word, unit_path, unit_text, unit_word, unit_words
from tests.render.unitfile import sections, words

TEXT = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: not UNWRITABLE.search(text))
PIECES = (
    "\\",
    '"',
    "'",
    "%",
    "$",
    "${X}",
    "%n",
    "\n",
    "\r",
    "\t",
    " ",
    ";",
    "#",
    "[S]\nK=v",
    "\x7f",
    "\u2028",
    "é",
    "a",
)
AWKWARD = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
VALUES = TEXT | AWKWARD
BREAKS_PATHS = r"[\s\\]"
SAFE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@,+=-]*")


@given(VALUES)
def test_a_word_is_read_back_as_it_was(value: str) -> None:
    assert [value] == words(unit_word(value))


@given(st.lists(VALUES.filter(lambda value: value not in CARRIED)))
def test_words_are_read_back_one_by_one(values: list[str]) -> None:
    assert values == words(unit_words(values))


@given(VALUES)
def test_a_word_stays_on_its_line_and_in_its_section(value: str) -> None:
    text = f"[Container]\nEnvironment={unit_word(value)}\nReadOnly=true\n"

    read = sections(text)

    assert ["Container"] == list(read)
    assert {"Environment", "ReadOnly"} == set(read["Container"])
    assert [value] == words(read["Container"]["Environment"][0])


@given(VALUES)
def test_a_word_has_nothing_that_does_not_print(value: str) -> None:
    assert unit_word(value).isprintable()


@given(st.lists(VALUES | st.sampled_from([*CARRIED])))
def test_no_empty_word_and_no_lone_semicolon_reaches_quadlet(values: list[str]) -> None:
    carried = [f"${{{CARRIED[value]}}}" for value in values if value in CARRIED]

    written = unit_words(values)

    assert carried == re.findall(r"(?<!\$)\$\{PVDIFY_[A-Z]+\}", written)
    assert not {"", ";"} & set(words(re.sub(r"(?<!\$)\$\{PVDIFY_[A-Z]+\}", "", written)))


@pytest.mark.parametrize(
    "value", ["\0", "\x80", "\ud800", "\ufdd0", "\uffff", "\U0010fffe", "a" * 131_072, "é" * 65_536]
)
def test_what_no_process_can_be_given_is_refused(value: str) -> None:
    with pytest.raises(RenderError):
        unit_word(value)


@given(VALUES)
def test_a_line_that_is_not_split_takes_plain_text_or_nothing(value: str) -> None:
    if SAFE.fullmatch(value):
        assert value == bare(value)
    else:
        with pytest.raises(RenderError):
            bare(value)


@pytest.mark.parametrize("value", ["-v/:/h", "--privileged", "", "a b", "a\n", "%h", "$X", "a;b", "é"])
def test_options_and_specifiers_are_not_plain(value: str) -> None:
    with pytest.raises(RenderError):
        bare(value)


@given(AWKWARD.filter(str.isprintable).map(lambda text: f"/{re.sub(BREAKS_PATHS, '', text)}"))
def test_a_path_at_the_end_of_a_line_is_read_back_as_it_was(value: str) -> None:
    (read,) = sections(f"[Service]\nKey=name:{unit_path(value)}\n")["Service"]["Key"]

    assert value == read.removeprefix("name:").replace("%%", "%")
    assert "%" not in read.replace("%%", "")


@pytest.mark.parametrize(
    "value", ["", "relative", " /a", "/a ", "/a\\", "/a\n/b", "/a\tb", "/\u2028", "/a b", "/a\\b", "/a\u00a0b"]
)
def test_what_a_line_would_not_end_with_is_no_path(value: str) -> None:
    with pytest.raises(RenderError):
        unit_path(value)


@pytest.mark.parametrize("dialect", ["quadlet", "systemd", "haproxy"])
@pytest.mark.parametrize("value", ["two\nlines", "a\rb", "tab\t", "\x1b", "\u2028", "\x85", None, True, 1.5, ["list"]])
def test_an_expression_without_a_filter_takes_one_line_of_text_or_a_number(dialect: str, value: object) -> None:
    template = environment(dialect).from_string("key={{ view }}")

    with pytest.raises(RenderError):
        template.render(view=value)


@given(AWKWARD.filter(str.isprintable))
def test_an_expression_without_a_filter_is_one_word(value: str) -> None:
    written = environment("quadlet").from_string("{{ view }}").render(view=value)

    assert [value] == words(written)


def test_an_expression_that_is_quoted_is_not_quoted_again() -> None:
    assert Quoted('"a b"') == unit_text(unit_word("a b"))
    assert '"a b"' == environment("systemd").from_string("{{ view | word }}").render(view="a b")


def test_what_is_put_together_after_a_filter_is_quoted_again() -> None:
    written = environment("quadlet").from_string('{{ (view | word) ~ "; rm" }}').render(view="a")

    assert ["a; rm"] == words(written)


@given(AWKWARD.filter(str.isprintable))
def test_haproxy_reads_a_word_back_as_it_was(value: str) -> None:
    assert value == _haproxy_reads(haproxy_word(value))


def _haproxy_reads(word: str) -> str:
    """Read one word as HAProxy does: nothing counts in single quotes; a backslash outside takes the next character."""
    text, position, quoted = "", 0, False
    while position < len(word):
        char = word[position]
        position += 1
        if char == "'":
            quoted = not quoted
        elif quoted:
            text += char
        elif char == "\\":
            text += word[position]
            position += 1
        else:
            assert char not in ' "#$', f"{char!r} counts outside quotes"
            text += char
    assert not quoted
    return text
