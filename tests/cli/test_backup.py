"""Backups, as they are typed: what goes to standard output, where a key comes from, and a machine with nothing on it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pvdify.errors import BackupError, StateMissingError
from pvdify.model.requests import Backup, Init, Restore
from tests.cli.answers import ANSWERS
from tests.cli.fake import FakeClient, typed

if TYPE_CHECKING:
    from pathlib import Path

    from pvdify.operations.table import Change, Q

SECRET = "AGE-SECRET-KEY-1" + "Q" * 58
KEYFILE = f"# created: today\n# public key: age1{'q' * 58}\n{SECRET}\n"


@dataclass
class Empty(FakeClient):
    """A machine without a state directory, until it is made."""

    made: list[str] = field(default_factory=list)

    async def change(self, operation: Change[Q], request: Q, *, waits: bool = False) -> str:
        if "init" not in [name for name, _ in self.asked]:
            raise StateMissingError("cannot find the state directory", hint="make it with `pvdify init`")
        return await super().change(operation, request, waits=waits)


def test_what_goes_to_standard_output_has_no_words_beside_it() -> None:
    client = FakeClient(answers=ANSWERS)

    person, program = typed("backup", "-", client=client), typed("backup", "-", "--json", client=client)

    assert [("backup", Backup(file="-"))] * 2 == client.asked
    assert ("", "") == (person.out, program.out)
    assert "sha256 0123" in person.err
    assert 7 * 1024 * 1024 == json.loads(program.err)["bytes"]


def test_a_recipient_of_a_plugin_is_refused() -> None:
    ended = typed("backup", "/srv/x", "--to", "age1yubikey1" + "q" * 58, client=FakeClient(answers=ANSWERS))

    assert 65 == ended.status
    assert "expected an age recipient of the kind X25519" in ended.err


def test_a_key_comes_from_a_file_or_from_standard_input_and_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEYFILE)
    client = FakeClient(answers=ANSWERS)

    for identity, says in ((str(tmp_path / "key"), ""), ("-", KEYFILE)):
        ended = typed("restore", "/x", "--identity", identity, "--to-check", client=client, says=says)
        assert "Q" * 20 not in ended.text

    assert [("restore.check", Restore(file="/x", keys=(SECRET,)))] * 2 == client.asked
    assert "Q" * 20 not in repr(client.asked)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "it holds no age key"),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", "it holds no age key"),
        ("age-encryption.org/v1\n-> scrypt", "age -d KEYFILE | pvdify restore FILE --identity -"),
    ],
)
def test_a_file_without_a_key_is_told_from_one_that_is_locked(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)

    ended = typed("restore", "/x", "--identity", str(tmp_path / "key"), client=FakeClient())

    assert 65 == ended.status
    assert said in ended.err


def test_on_an_empty_machine_the_backup_is_looked_at_before_anything_is_made() -> None:
    client = Empty(answers=ANSWERS)

    ended = typed("restore", "/x", client=client)

    request = Restore(file="/x")
    assert [("restore.check", request), ("init", Init()), ("restore", request)] == client.asked
    assert 0 == ended.status


def test_on_an_empty_machine_a_bad_backup_makes_nothing() -> None:
    client = Empty(answers={**ANSWERS, "restore.check": BackupError("/x", "it is damaged")})

    ended = typed("restore", "/x", client=client)

    assert ["restore.check"] == [name for name, _ in client.asked]
    assert (74, True) == (ended.status, "cannot use /x: it is damaged" in ended.err)
