"""An audit that goes from host to host is the same audit, and is gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pvdify.errors import BackupError
from pvdify.store.audit import ASIDE
from pvdify.store.audit_copy import Following, pieces_of
from pvdify.store.paths import Settings
from pvdify.store.state import State
from tests.store.audits import entry, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def audit(state: State, lines: int) -> bytes:
    """An audit of so many lines, as its file has it."""
    return told(state, lines).settings.audit.read_bytes()


def test_an_audit_goes_from_host_to_host_and_is_gone_on_with(state: State, tmp_path: Path) -> None:
    text = audit(state, 4)
    other = State(Settings(state=tmp_path / "other", run=tmp_path / "other-run"))
    other.create()
    other.audit(entry(9))
    pieces = [text[start : start + 100] for start in range(0, len(text), 100)]

    other.backups.adopt_audit(other.backups.write_audit(iter(pieces), what="host.pvdify"))

    other.audit(entry(5))
    assert other.settings.audit.read_bytes().startswith(text)
    assert (True, 5) == (other.audit_verdict().is_intact, other.audit_verdict().lines)
    assert b'"seq":1,' in (other.settings.state / ASIDE).read_bytes()


def test_a_line_that_was_changed_on_the_way_is_told(state: State) -> None:
    lines = audit(state, 5).splitlines(keepends=True)
    following = Following(what="host.pvdify")

    passed = list(following.passed(iter([b"".join((*lines[:2], *lines[3:]))])))

    assert (3, 5) == (following.broken_at, following.head.seq)
    assert 1 == len(passed)


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-1], lambda text: text + b"{}\n", lambda _: b"\n", lambda _: b"x" * 3_000_000]
)
def test_what_nothing_could_be_written_behind_is_refused(state: State, spoil: Callable[[bytes], bytes]) -> None:
    text = audit(state, 3)

    with pytest.raises(BackupError, match="of the audit in it cannot be read"):
        list(Following(what="host.pvdify").passed(iter([spoil(text)])))


def test_what_is_copied_ends_in_a_whole_line_whoever_writes_meanwhile(state: State) -> None:
    text = audit(state, 3)
    with state.settings.audit.open("ab") as file:
        file.write(b"torn")

    with state.backups.audit_copied() as (descriptor, size):
        state.audit(entry(7))

        assert text == b"".join(pieces_of(descriptor, size))
