"""Streams: what goes where, and what others wrote."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest

from pvdify.cli.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_program_writes_aside_leaves_standard_output_to_us(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        terminal = Terminal(out=out, err=err, input=io.StringIO())

        with terminal.aside():
            os.write(out.fileno(), b"from a program\n")
        terminal.print("{}")

    assert "{}\n" == (tmp_path / "out").read_text()
    assert "from a program\n" == (tmp_path / "err").read_text()


@pytest.mark.parametrize(
    ("text", "plain", "on_a_terminal"),
    [
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H", "\\x1b[2J\\x1b[H"),
        ("a\rb\x07\x9b2J", "a\\rb\\x07\\x9b2J", "a\\rb\\x07\\x9b2J"),
        ("\u202eevil", "\\u202eevil", "\\u202eevil"),
        ("tab\tand ümlaut", "tab\tand ümlaut", "tab\tand ümlaut"),
    ],
)
def test_what_others_wrote_can_only_be_coloured(text: str, plain: str, on_a_terminal: str) -> None:
    pipe = Terminal(out=io.StringIO(), err=io.StringIO(), input=io.StringIO())
    terminal = Terminal(out=io.StringIO(), err=io.StringIO(), input=io.StringIO(), is_coloured=True)

    assert plain == pipe.printable(text)
    assert on_a_terminal == terminal.printable(text)
