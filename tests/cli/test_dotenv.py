"""`.env` files: what is written is read back to the last character, and no line is skipped or shown."""

from __future__ import annotations

import io
import json

import pytest
from dotenv import dotenv_values
from hypothesis import example, given
from hypothesis import strategies as st

from pvdify.cli.dotenv import from_dotenv, to_dotenv, variables
from pvdify.errors import SpecError
from pvdify.model.patterns import UNWRITABLE

KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
AWKWARD = st.text(alphabet=" \t'\"\\#=$`{}!~&;|<>()*?[]%^@:,.-_/nrtab\x1b\x0b\x0c\x85\xa0\u2028\u3000ü", max_size=12)
VALUES = AWKWARD | st.text().filter(lambda text: not UNWRITABLE.search(text) and not {"\r", "\n"} & set(text))


@given(st.dictionaries(KEYS, VALUES, max_size=6))
@example({"A": " \\", "B": ' "\\', "C": "'\\'", "D": "\\\\"})
@example({"A": "${B}", "B": "$A `id` $(id)", "export": "export A=1"})
@example({"A": "#", "B": " #", "C": "a #b", "D": "\ufeff"})
def test_what_is_written_is_read_back_here_and_by_python_dotenv(values: dict[str, str]) -> None:
    text = to_dotenv(values)

    assert values == from_dotenv(text, what="x")
    assert values == variables(text.encode(), what="x")
    assert values == dotenv_values(stream=io.StringIO(text), interpolate=False)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("# comment\n\n  export A=1 # more\r\nB='x # y'\r\n", {"A": "1", "B": "x # y"}),
        ('A="a\\tb"\nB=\nC=""\n', {"A": "a\tb", "B": "", "C": ""}),
        ("A=${HOME}", {"A": "${HOME}"}),
        ("\ufeffA=1\n", {"A": "1"}),
        (' {"A": "1", "B_2": " \\"\\u00fc"}', {"A": "1", "B_2": ' "ü'}),
        ("", {}),
    ],
)
def test_what_people_write_is_read(text: str, values: dict[str, str]) -> None:
    assert values == variables(text.encode(), what="x")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("A=1\n\n\nhunter2\n", "line 4: it has no value"),
        ("export hunter2", "line 1: it has no value"),
        ("A=1\nB='hunter2\nC=3\n", "line 2: it is not KEY=VALUE"),
        ("A=1\n\n'B'='x' hunter2\n", "line 3: it is not KEY=VALUE"),
        ("=hunter2\n", "line 1: it is not KEY=VALUE"),
        ("A=hunter2\nB=2\nA=3\n", "line 3: A is in line 1 already"),
        ("1A=hunter2\n", "line 1: the name of a variable"),
        ("postgres://u:hunter2@db?x=1\n", "line 1: the name of a variable"),
        ('{"A": "x", "hunter2!": "y"}', "key 2: the name of a variable"),
        ('{"A": {"b": "hunter2"}}', "at /A: it is no text"),
        ('{"A": 1}', "at /A: it is no text"),
        ('{"A": "1", "A": "hunter2"}', "the key 'A' is there twice"),
        ('{"A": "hunter2"', "it is not JSON"),
        (b"A=hunter2\xff", "it is not UTF-8 (byte 9)"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line_and_not_shown(text: str | bytes, where: str) -> None:
    with pytest.raises(SpecError) as raised:
        variables(text if isinstance(text, bytes) else text.encode(), what=".env")

    assert "cannot read .env" in raised.value.message
    assert where in raised.value.message
    assert "hunter2" not in f"{raised.value.message} {raised.value.hint} {raised.value.pointer}"


def test_json_is_read_back_as_well() -> None:
    values = {"A": " 'x\" \\ #", "B": "ü\u2028"}

    assert values == variables(json.dumps(values).encode(), what="x")
