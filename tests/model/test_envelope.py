"""SOPS's part of a file: whatever somebody makes of it, only what pvdify writes is given to SOPS."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import ConfigTamperedError
from pvdify.model.config import ConfigDocument
from pvdify.model.envelope import EVERYTHING, LARGEST, check_envelope
from tests.fakes import FakeSecrets

if TYPE_CHECKING:
    from collections.abc import Callable

HOST, TEAM, OTHER = (f"age1{letter * 58}" for letter in "qpz")
ONCE = Path(__file__).parents[1] / "store/once"
CANARY = "canary-51c9"
DOCUMENT = ConfigDocument(
    app="blog", version=7, salt="salt", vars={"A": CANARY, "B_unencrypted": "", "C": "1"}, files={"one": b"1"}
)
TEXT: Any = msgspec.json.decode(
    anyio.run(lambda: FakeSecrets().encrypt(msgspec.json.encode(DOCUMENT), recipients=(HOST, TEAM)))
)
FIELDS = ("age", "encrypted_regex", "lastmodified", "mac", "version")
NOTHING: tuple[object, ...] = (None, [], "")
"""What older versions of SOPS write of all that is not used."""
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)
FOREIGN = ("kms", "gcp_kms", "azure_kv", "hc_vault", "pgp", "key_groups", "shamir_threshold", "mac_only_encrypted")
OTHER_RULES = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_comment_regex",
    "unencrypted_comment_regex",
)


def check(
    document: object, *, expected: tuple[str, ...] = (HOST, TEAM), allowed: tuple[str, ...] = (HOST, TEAM)
) -> None:
    text = document if isinstance(document, bytes) else msgspec.json.encode(document)
    check_envelope(text, what="c7 of blog", expected=frozenset(expected), allowed=frozenset(allowed))


def changed(change: Callable[[Any], object]) -> Any:
    """The file after *change*."""
    document = copy.deepcopy(TEXT)
    change(document)
    return document


def said(**fields: object) -> Any:
    """The file, whose part of SOPS says *fields* as well or instead."""
    return changed(lambda document: document["sops"].update(fields))


def refuse(document: object) -> str:
    with pytest.raises(ConfigTamperedError) as caught:
        check(document)
    assert "cannot use c7 of blog: " in caught.value.message
    assert CANARY not in f"{caught.value.message}{caught.value.hint}"
    return caught.value.message


def test_what_pvdify_writes_is_taken() -> None:
    check(TEXT)


@pytest.mark.parametrize("name", ["blog", "host"])
def test_what_sops_really_writes_is_taken(name: str) -> None:
    text = (ONCE / f"{name}.c1.sops.json").read_bytes()
    readers = (
        "age1kay864lrl8d5lvdkapnhykfdp7axx3926cmhdr7grnaf4dr6aemqm8hrc0",
        "age1v693zeumute9upr7y2he9su6nmecfy83r6a6ekqawdnw9euzkvkqywp9vr",
    )

    check(text, expected=readers, allowed=readers)
    with pytest.raises(ConfigTamperedError):
        check(text)


@pytest.mark.parametrize("name", [*FOREIGN, *OTHER_RULES])
@pytest.mark.parametrize("empty", NOTHING)
def test_what_sops_writes_of_what_is_not_used_is_taken(name: str, empty: object) -> None:
    check(said(**{name: empty}))


@pytest.mark.parametrize("name", [*FOREIGN, *OTHER_RULES, "anything", "AGE", "Mac"])
@pytest.mark.parametrize("value", ["x", ".*", [{"arn": "x"}], {"x": "y"}, {}, 0, 1, False, True])
def test_nothing_else_may_stand_there(name: str, value: object) -> None:
    assert f"says {name}, which pvdify does not use" in refuse(said(**{name: value}))


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_may_be_missing(name: str) -> None:
    refuse(changed(lambda document: document["sops"].pop(name)))


@pytest.mark.parametrize("name", FIELDS)
@given(value=THINGS)
def test_no_field_may_be_anything_else(name: str, value: Any) -> None:
    if isinstance(value, str) and value and name in {"lastmodified", "version"}:
        return  # SOPS's own: it authenticates the one, and has no use for the other
    refuse(said(**{name: value}))


@pytest.mark.parametrize("name", FIELDS)
@given(other=st.text(min_size=1, max_size=20) | st.sampled_from([name.title() for name in FIELDS]))
def test_no_field_may_have_another_name(name: str, other: str) -> None:
    if other in FIELDS:
        return

    def rename(document: Any) -> None:
        document["sops"][other] = document["sops"].pop(name)

    refuse(changed(rename))


@pytest.mark.parametrize("rule", ["", "^A$", "*", ".+", " .*", [EVERYTHING]])
def test_everything_is_encrypted_or_nothing_is_read(rule: object) -> None:
    assert "not all of it is encrypted and authenticated" in refuse(said(encrypted_regex=rule))


@pytest.mark.parametrize("mac", ["", "x", "ENC[]", None, ["ENC[AES256_GCM,data:"]])
def test_a_file_that_is_not_authenticated_is_not_read(mac: object) -> None:
    assert "not all of it is encrypted and authenticated" in refuse(said(mac=mac))


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        "enc[x]",
        "ENC[AES256_CBC,data:x]",
        " ENC[AES256_GCM,data:x]",
        None,
        True,
        0,
        1.5,
        [CANARY],
        {"a": [CANARY]},
    ],
)
@pytest.mark.parametrize("place", ["vars", "files", "top", "salt"])
def test_no_value_stands_there_in_the_clear(value: object, place: str) -> None:
    def put(document: Any) -> None:
        (document if place in {"top", "salt"} else document[place])["salt" if place == "salt" else "x"] = value

    assert "it has a value that is not encrypted" in refuse(changed(put))


def test_an_empty_value_is_as_sops_writes_it() -> None:
    assert "" == TEXT["vars"]["B_unencrypted"]


@pytest.mark.parametrize("name", ["SOPS", "Sops", "sOpS"])
def test_there_is_one_part_of_sops(name: str) -> None:
    """SOPS would take what stands in the other one as well."""
    assert "it is no SOPS file" in refuse(TEXT | {name: {"kms": [{"arn": "ENC[AES256_GCM,data:x]"}]}})
    assert "it is no SOPS file" in refuse(TEXT | {name: {}})


@pytest.mark.parametrize(
    "stanzas",
    [
        [],
        {},
        "x",
        [HOST, TEAM],
        [{"recipient": HOST, "enc": "x"}],
        [{"recipient": TEAM, "enc": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM, "enc": "x"}, {"recipient": OTHER, "enc": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": OTHER, "enc": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM, "enc": "x"}, {"recipient": HOST, "enc": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM, "enc": "x"}, {}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM, "enc": "x", "more": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM, "enc": "x", "Recipient": OTHER}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": TEAM}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": [TEAM], "enc": "x"}],
        [{"recipient": HOST, "enc": "x"}, {"recipient": None, "enc": "x"}],
    ],
)
def test_it_is_for_whom_the_host_knows_and_nobody_else(stanzas: object) -> None:
    message = refuse(said(age=stanzas))

    assert "it is not encrypted for the recipients that this host knows" in message


def test_who_is_told_what_to_do_about_other_recipients() -> None:
    with pytest.raises(ConfigTamperedError) as caught:
        check(said(age=[{"recipient": OTHER, "enc": "x"}]))

    assert "pvdify secrets" in caught.value.hint
    assert "pvdify secrets:rotate" in caught.value.hint


def test_while_all_is_encrypted_again_whoever_leaves_may_stand_there_and_whoever_comes_may_not() -> None:
    leaving = said(age=[{"recipient": HOST, "enc": "x"}, {"recipient": OTHER, "enc": "x"}])

    check(leaving, expected=(), allowed=(HOST, TEAM, OTHER))
    check(TEXT, expected=(), allowed=(HOST, TEAM, OTHER))

    with pytest.raises(ConfigTamperedError):
        check(leaving, expected=(), allowed=(HOST, TEAM))
    with pytest.raises(ConfigTamperedError):
        check(said(age=[]), expected=(), allowed=(HOST, TEAM))


@pytest.mark.parametrize(
    "recipient", ["age1yubikey1" + "q" * 50, "age1" + "b" * 58, "ssh-ed25519 AAAA", "age1" + "q" * 57, f"{HOST}\n"]
)
def test_a_recipient_of_a_plugin_is_none_even_where_it_is_allowed(recipient: str) -> None:
    with pytest.raises(ConfigTamperedError):
        check(said(age=[{"recipient": recipient, "enc": "x"}]), expected=(), allowed=(recipient,))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"sops":1}',
        b'{"sops":[]}',
        b'{"sops":{},"sops":{}}',
        b'{"a":1,"a":2}',
    ],
)
def test_what_is_no_file_of_sops_is_refused(text: bytes) -> None:
    refuse(text)


def test_what_is_nested_deep_or_larger_than_any_is_refused() -> None:
    refuse(b'{"a":' * 3000 + b"1" + b"}" * 3000)
    refuse(msgspec.json.encode(TEXT)[:-1] + b',"a":' + b"[" * 900 + b"1" + b"]" * 900 + b"}")
    refuse(b"{" + b" " * LARGEST + msgspec.json.encode(TEXT)[1:])


def test_the_largest_file_that_pvdify_writes_is_taken() -> None:
    values = {f"{number}": "ENC[AES256_GCM,data:" + "x" * 12_000 for number in range(300)}
    text = msgspec.json.encode(TEXT | {"vars": values})
    assert len(text) > LARGEST * 0.8

    check(text)


@given(st.data())
def test_a_file_with_any_byte_missing_or_changed_is_refused_or_nothing_of_what_was_checked_is_other(
    data: st.DataObject,
) -> None:
    text = msgspec.json.encode(TEXT)
    at = data.draw(st.integers(0, len(text) - 1))
    new = text[:at] + data.draw(st.sampled_from([b"", b"x", b'"', b",", b"\0"])) + text[at + 1 :]

    try:
        check(new)
    except ConfigTamperedError:
        return

    read: Any = msgspec.json.decode(new)
    assert read["sops"]["encrypted_regex"] == EVERYTHING
    assert {HOST, TEAM} == {one["recipient"] for one in read["sops"]["age"]}
    assert set(FIELDS) == set(read["sops"])
