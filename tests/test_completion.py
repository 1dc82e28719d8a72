"""Completion as bash asks for it: colons in command names and all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pvdify.cli.commands import ENTRIES

SCRIPT = Path(__file__).parents[1] / "units/completion/pvdify.bash"
ASK = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$3
_pvdify pvdify
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(line: str, *, breaks: str) -> set[str]:
    """Return what bash offers for the last word of *line*."""
    said = subprocess.run(
        ["bash", "-c", ASK, "bash", str(SCRIPT), line, breaks],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr == ""
    return set(said.stdout.split())


@pytest.mark.parametrize(
    ("line", "breaks", "offered"),
    [
        ("pvdify apps:cr", " \t:=", {"create"}),
        ("pvdify apps:cr", " \t", {"apps:create"}),
        ("pvdify rollb", " \t:=", {"rollback"}),
        ("pvdify domains:", " \t:=", {"add", "check", "remove"}),
        ("pvdify maintenance:o", " \t", {"maintenance:off", "maintenance:on"}),
        ("pvdify edge:set c", " \t:=", {"caddy", "cloudflared"}),
        ("pvdify edge:set cloudflared --managed ", " \t:=", {"local", "remote"}),
    ],
)
def test_a_command_is_completed(line: str, breaks: str, offered: set[str]) -> None:
    assert offered == completed(line, breaks=breaks)


def test_an_empty_word_offers_every_command() -> None:
    assert set(ENTRIES) <= completed("pvdify ", breaks=" \t:=")
