import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import SpecError
from pvdify.model.caller import Caller
from pvdify.model.parse import from_value
from pvdify.model.scope import Scope
from pvdify.model.token import (
    AppPattern,
    Token,
    digest,
    is_expired,
    is_well_formed,
    matches,
    new_id,
    new_text,
)

NOW = datetime(2026, 11, 23, 20, 37, 0, 123_000, tzinfo=UTC)
TOKEN = Token(
    id="tabcdefg2",
    name="ci of the blog",
    scopes=(Scope.DEPLOY, Scope.READ),
    created_at="2026-11-23T20:37:00.123Z",
    created_by="root",
    expires_at="2027-02-21T20:37:00.123Z",
    digest=digest("the text"),
)


def with_(**changes: object) -> Token:
    return msgspec.structs.replace(TOKEN, **changes)


def test_a_new_text_is_well_formed_and_never_the_same() -> None:
    texts = {new_text() for _ in range(1000)}

    assert 1000 == len(texts)
    assert all(re.fullmatch("pvd_[0-9A-Za-z]{49}", text) and is_well_formed(text) for text in texts)


def test_all_of_a_text_but_its_prefix_is_chance() -> None:
    columns = [{*column} for column in zip(*(new_text() for _ in range(2000)), strict=True)]

    assert [{*one} for one in "pvd_"] == columns[:4]
    assert [62] == sorted(
        {len(column) for column in columns[5:47]}
    )  # the first and the checksum's first do not reach all


@given(st.integers(4, 52), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
def test_a_text_with_one_letter_mistyped_is_known_at_once(at: int, letter: str) -> None:
    text = new_text()
    mistyped = f"{text[:at]}{letter}{text[at + 1 :]}"

    assert (mistyped == text) == is_well_formed(mistyped)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: f"{text}\n",
        lambda text: f" {text}",
        lambda text: text.removeprefix("pvd_"),
        lambda text: text.replace("pvd_", "ghp_"),
        lambda text: text.upper(),
        lambda text: f"{text[:-1]}é",
        lambda text: f"{text[:-1]}\udcff",
        lambda text: f"{text[:-1]}\0",
        lambda text: "pvd_" + 49 * "\u0663",
    ],
)
def test_what_is_no_token_is_known_without_looking_it_up(change: object) -> None:
    assert callable(change)
    assert not is_well_formed(change(new_text()))


@given(st.text(st.characters()))
def test_whatever_comes_in_is_told_from_a_token_and_has_a_digest(text: str) -> None:
    assert not is_well_formed(text)
    assert re.fullmatch("[0-9a-f]{64}", digest(text))


def test_what_is_kept_is_the_sha256_of_the_text() -> None:
    text = new_text()

    assert sha256(text.encode()).hexdigest() == digest(text)
    assert text not in repr(with_(digest=digest(text)))


def test_an_id_is_one_that_a_token_may_have() -> None:
    ids = {new_id() for _ in range(1000)}

    assert 1000 == len(ids)
    assert all(with_(id=one) == from_value(with_(id=one), Token) for one in ids)


def test_only_admin_includes_other_scopes() -> None:
    for own in Scope:
        may = {scope for scope in Scope if Caller(name="ci", scopes=frozenset({own})).allows(scope)}

        assert (set(Scope) if own is Scope.ADMIN else {own}) == may


@pytest.mark.parametrize(
    ("apps", "covered"),
    [
        ((), {"", "blog", "blog-pr-7", "blogger", "shop"}),
        (("blog",), {"blog"}),
        (("blog-*",), {"blog-pr-7"}),
        (("blog*",), {"blog", "blog-pr-7", "blogger"}),
        (("shop", "blog-*"), {"shop", "blog-pr-7"}),
        (("*",), {"blog", "blog-pr-7", "blogger", "shop"}),
    ],
)
def test_a_token_for_some_apps_covers_those_and_never_the_host(apps: tuple[str, ...], covered: set[str]) -> None:
    names = ("", "blog", "blog-pr-7", "blogger", "shop")

    assert covered == {app for app in names if Caller(name="ci", apps=apps).covers(app)}


@pytest.mark.parametrize(
    "pattern", ["", "**", "*blog", "bl*og", "blog-**", "Blog", "blog-", "blog?", "[a-z]*", "a/*", "blog\n"]
)
def test_a_star_stands_at_the_end_or_nowhere(pattern: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(pattern, AppPattern)


def test_a_token_ends_in_the_moment_that_it_names() -> None:
    end = NOW + timedelta(days=90)
    moment = timedelta(milliseconds=1)

    assert [False, True, True] == [is_expired(TOKEN, now) for now in (end - moment, end, end + moment)]


def test_a_token_that_never_ends_is_one_without_an_end() -> None:
    assert not is_expired(with_(expires_at=""), datetime.max.replace(tzinfo=UTC))


def test_a_rotated_token_is_opened_by_both_texts_until_the_overlap_is_over() -> None:
    until = "2026-11-24T20:37:00.123Z"
    rotated = with_(digest=digest("new"), previous_digest=digest("old"), previous_until=until)
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(days=1)

    assert [True, True] == [matches(rotated, digest("new"), now) for now in (soon, late)]
    assert [True, False] == [matches(rotated, digest("old"), now) for now in (soon, late)]
    assert not matches(rotated, digest("other"), soon)


def test_nothing_matches_a_previous_text_that_never_was() -> None:
    assert not matches(TOKEN, "", NOW)
    assert not matches(with_(previous_until="2099-01-01T00:00:00.000Z"), "", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "T1234567"},
        {"id": "t1234567\n"},
        {"name": ""},
        {"name": " ci"},
        {"name": "ci\u202egnp"},
        {"name": 65 * "n"},
        {"scopes": ()},
        {"scopes": ("root",)},
        {"apps": ("",)},
        {"expires_at": "tomorrow"},
        {"expires_at": "2027-02-21"},
        {"digest": ""},
        {"digest": 64 * "G"},
        {"previous_digest": "ab"},
    ],
)
def test_what_no_token_may_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        from_value(with_(**changes), Token)
