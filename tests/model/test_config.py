"""What a config takes, how it is told from another one, and that nothing tells what it holds."""

from __future__ import annotations

import base64
import traceback
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import ConfigTamperedError, PvdifyError, SpecError
from pvdify.model.config import (
    LARGEST,
    LONGEST,
    ConfigDocument,
    ConfigMeta,
    ConfigPin,
    Difference,
    difference,
    merged,
    read_document,
)
from pvdify.model.config_answers import Config
from pvdify.model.parse import from_value
from pvdify.model.patterns import UNWRITABLE
from pvdify.model.requests import SetConfig, UnsetConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

CANARY = "canary-51c9"
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(
    lambda key: not key.startswith(("LD_", "PODMAN_", "PVDIFY_"))
)
VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not UNWRITABLE.search(text)
)
NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(lambda name: name != "env")
DOCUMENTS = st.builds(
    ConfigDocument,
    app=st.sampled_from(["blog", "shop"]),
    version=st.integers(1, 99),
    salt=st.sampled_from(["one", "two"]),
    vars=st.dictionaries(KEYS, VALUES, max_size=5),
    files=st.dictionaries(NAMES, st.binary(max_size=60), max_size=3),
)
EMPTY = ConfigDocument(app="blog", version=1, salt="s")


def with_(
    variables: Mapping[str, str | None],
    files: Mapping[str, bytes | None] | None = None,
    *,
    before: ConfigDocument | None = None,
) -> ConfigDocument:
    return merged(before, app="blog", version=2, salt="salt", variables=variables, files=files or {})


def meta_of(document: ConfigDocument) -> ConfigMeta:
    return ConfigMeta(version=document.version, sha256=document.digest())


def read_as_podman_does(text: bytes) -> dict[str, str]:
    """`--env-file`, as Podman's own code reads it: lines without blanks in front, no comments, and all behind the first `=`."""
    found = {}
    for line in text.decode().split("\n"):
        words = line.removesuffix("\r").lstrip(" \t")
        if words and not words.startswith("#"):
            assert len(words.encode()) < 64 * 1024, "its scanner takes no longer line"
            name, equals, value = words.partition("=")
            assert equals, f"{name} would come from Podman's own environment"
            found[name.lstrip(" \t")] = value
    return found


@pytest.mark.parametrize(
    "value", ["", " a b ", "100%", "$HOME ${X} $$", '"it\'s"', "#no", "a=b=", "\\n", "\t", "ü ☃ 🚀", "\x01\x7f"]
)
def test_a_value_is_kept_to_the_letter(value: str) -> None:
    document = with_({"KEY": value})

    assert {"KEY": value} == document.vars == read_as_podman_does(document.env_file())


@given(st.dictionaries(KEYS, VALUES, max_size=20))
def test_podman_reads_the_variables_back_as_they_are(variables: dict[str, str]) -> None:
    assert variables == read_as_podman_does(with_(variables).env_file())


@pytest.mark.parametrize(
    "key",
    ["LD_PRELOAD", "LD_LIBRARY_PATH", "PODMAN_X", "PVDIFY_X", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"],
)
def test_what_pvdify_sets_itself_or_forbids_is_refused(key: str) -> None:
    with pytest.raises(SpecError, match=f"cannot set {key}: it is set or forbidden by pvdify") as caught:
        with_({key: CANARY})

    assert (f"/vars/{key}", "") == (caught.value.pointer, caught.value.hint)


def test_who_sets_the_port_is_told_where_that_is_declared() -> None:
    with pytest.raises(SpecError, match="cannot set PORT: it is set or forbidden by pvdify") as caught:
        with_({"PORT": "80"})

    assert "`port = 8080` in its slot" in caught.value.hint


@pytest.mark.parametrize("key", ["PATH", "HOME", "PORTS", "ld_preload", "_", "DATABASE_URL"])
def test_other_names_are_taken(key: str) -> None:
    assert {key: "x"} == with_({key: "x"}).vars


@pytest.mark.parametrize("key", ["1X", "A B", "", "A=B", "A-B", "Ä", "A\n", "A" * 129])
def test_what_is_no_name_is_refused_with_the_request(key: str) -> None:
    with pytest.raises(SpecError, match="at /vars: expected a variable: letters, digits and _"):
        from_value({"app": "blog", "vars": {key: CANARY}}, SetConfig)


@pytest.mark.parametrize(
    "name", ["env", "", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "a:b", "ä", "a\n", "a" * 65]
)
def test_what_is_no_name_of_a_file_is_refused_with_the_request(name: str) -> None:
    with pytest.raises(SpecError, match="at /files: expected the name of a secret file"):
        from_value({"app": "blog", "files": {name: ""}}, SetConfig)


@pytest.mark.parametrize("name", ["environment", "env.txt", "ENV", "tls.key", "_", "a" * 64, "7"])
def test_other_names_of_files_are_taken(name: str) -> None:
    request = from_value({"app": "blog", "files": {name: base64.b64encode(b"\0\xff").decode()}}, SetConfig)

    assert {name: b"\0\xff"} == dict(request.files)


@pytest.mark.parametrize("value", ["one\ntwo", "one\r", "\n", "one\r\ntwo"])
def test_a_value_of_several_lines_is_to_be_a_file(value: str) -> None:
    with pytest.raises(SpecError, match="cannot set TLS_KEY: a variable is one line") as caught:
        with_({"TLS_KEY": value})

    assert "keep it as a file: `--file-secret tls_key=PATH`, read at /run/secrets/tls_key" == caught.value.hint


@pytest.mark.parametrize(("key", "name"), [("ENV", "env.txt"), ("A" * 128, "a" * 64)])
def test_the_file_that_is_proposed_has_a_name_that_a_file_may_have(key: str, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        with_({key: "\n"})

    assert f"--file-secret {name}=PATH" in caught.value.hint
    from_value({"app": "blog", "files": {name: ""}}, SetConfig)


@pytest.mark.parametrize(
    ("value", "named"), [("a\0b", "U+0000"), ("\ud800", "U+D800"), ("\x80", "U+0080"), ("\uffff", "U+FFFF")]
)
def test_what_no_process_can_be_given_is_refused(value: str, named: str) -> None:
    with pytest.raises(SpecError, match=rf"cannot set KEY: the character {named.replace('+', '.')} cannot be passed"):
        with_({"KEY": value})


def test_a_long_value_is_to_be_a_file_and_bytes_are_what_counts() -> None:
    with_({"KEY": "ü" * (LONGEST // 2)})

    with pytest.raises(SpecError, match="cannot set KEY: it is longer than 32768 bytes") as caught:
        with_({"KEY": "ü" * (LONGEST // 2) + "x"})

    assert "--file-secret key=PATH" in caught.value.hint


def test_all_of_it_fits_into_what_systemd_gives_a_unit() -> None:
    full = with_({}, {"one": b"x" * (LARGEST - 1000)})

    with pytest.raises(SpecError, match="systemd gives a unit no more than 1000000") as caught:
        with_({"KEY": "x" * 1000}, before=full)

    assert ("/vars", "keep large files in a volume or in the image") == (caught.value.pointer, caught.value.hint)


def test_many_files_fill_the_pages_that_systemd_gives_a_unit() -> None:
    with_({}, {f"{number}": b"" for number in range(255)})

    with pytest.raises(SpecError, match=r"cannot keep 256 files: .* no more than 256 pages, and they fill 257"):
        with_({}, {f"{number}": b"" for number in range(256)})
    with pytest.raises(SpecError, match="pages"):
        with_({}, {f"{number}": b"x" * 4097 for number in range(128)})


def test_many_variables_are_to_be_a_file() -> None:
    full = with_({f"X{number}": "" for number in range(1000)})

    with pytest.raises(SpecError, match="cannot keep 1001 variables: 1000 is the most"):
        with_({"KEY": ""}, before=full)


def test_what_is_not_named_stays_and_none_takes_away() -> None:
    before = with_({"A": "1", "B": "2", "C": "3"}, {"one": b"1", "two": b"2"})

    after = with_({"B": "4", "C": None, "D": None}, {"two": None, "three": b"3"}, before=before)

    assert ({"A": "1", "B": "4"}, {"one": b"1", "three": b"3"}) == (after.vars, after.files)


def test_a_config_that_has_a_name_which_was_forbidden_since_is_not_set_again() -> None:
    before = ConfigDocument(app="blog", version=1, salt="", vars={"LD_PRELOAD": "x"})

    with pytest.raises(SpecError, match="LD_PRELOAD"):
        with_({"A": "1"}, before=before)


@given(DOCUMENTS, DOCUMENTS)
def test_the_digest_tells_any_two_apart(one: ConfigDocument, other: ConfigDocument) -> None:
    assert (one == other) == (one.digest() == other.digest())


@given(DOCUMENTS)
def test_the_digest_depends_on_every_field_and_on_no_order(document: ConfigDocument) -> None:
    replaced = msgspec.structs.replace
    others = (
        replaced(document, app="other"),
        replaced(document, version=100),
        replaced(document, salt="another"),
        replaced(document, vars={**document.vars, "NEW_ONE": ""}),
        replaced(document, files={**document.files, "new": b""}),
    )

    turned = replaced(
        document, vars=dict(reversed(document.vars.items())), files=dict(reversed(document.files.items()))
    )

    assert 6 == len({document.digest(), *(one.digest() for one in others)})
    assert (document.digest(), document.env_file()) == (turned.digest(), turned.env_file())


@given(DOCUMENTS)
def test_what_was_set_is_read_back(document: ConfigDocument) -> None:
    assert document == read_document(msgspec.json.encode(document), app=document.app, meta=meta_of(document))


@given(DOCUMENTS, DOCUMENTS)
def test_nothing_else_is_read_in_its_place(one: ConfigDocument, other: ConfigDocument) -> None:
    if one == other:
        return
    with pytest.raises(ConfigTamperedError, match="it does not hold what was set"):
        read_document(msgspec.json.encode(other), app=one.app, meta=meta_of(one))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"app":"blog","version":1,"salt":"s"',
        b'{"app":"blog","version":1,"salt":"s","vars":{},"files":{},"more":1}',
        b'{"app":"blog","app":"blog","version":1,"salt":"s","vars":{},"files":{}}',
        b'{"app":"blog","version":1,"salt":"s","vars":{"1X":""},"files":{}}',
        b'{"app":"blog","version":1,"salt":"s","vars":{"X":1},"files":{}}',
        b'{"app":"blog","version":1,"salt":"s","vars":{},"files":{"env":""}}',
        b'{"app":"blog","version":1,"salt":"s","vars":{},"files":{"a":"no base64"}}',
        b"\xff",
    ],
)
def test_what_is_no_config_is_not_read(text: bytes) -> None:
    with pytest.raises(ConfigTamperedError, match="cannot use c1 of blog: what it holds is no config of pvdify"):
        read_document(text, app="blog", meta=meta_of(EMPTY))


def test_another_apps_config_or_another_version_is_not_read() -> None:
    text = msgspec.json.encode(EMPTY)

    with pytest.raises(ConfigTamperedError):
        read_document(text, app="shop", meta=meta_of(EMPTY))
    with pytest.raises(ConfigTamperedError):
        read_document(text, app="blog", meta=msgspec.structs.replace(meta_of(EMPTY), version=2))


def test_the_largest_config_is_read_back_however_it_was_escaped() -> None:
    full = with_({f"X{number}": "\x01" * 32_000 for number in range(31)})
    escaped = msgspec.json.encode(full)
    assert len(escaped) > 5 * LARGEST

    assert full == read_document(escaped, app="blog", meta=meta_of(full))


def test_a_difference_is_told_by_name() -> None:
    before = with_({"A": "1", "B": "2", "C": "3"}, {"one": b"1", "two": b"2"})
    after = with_({"A": None, "B": "x", "D": ""}, {"one": b"x", "two": None, "three": b""}, before=before)

    found = difference(before, after)

    expected = Difference(added=("D", "secrets/three"), removed=("A", "secrets/two"), changed=("B", "secrets/one"))
    assert expected == found
    assert "added D, secrets/three; changed B, secrets/one; removed A, secrets/two" == found.words()


def test_version_and_salt_are_no_difference() -> None:
    assert not difference(with_({"A": "1"}), msgspec.structs.replace(with_({"A": "1"}), version=9, salt="other"))
    assert not difference(None, EMPTY)
    assert not difference(None, None)


def test_a_long_difference_is_cut_short_in_words() -> None:
    found = difference(None, with_({f"X{number:02}": "" for number in range(10)}))

    assert "added X00, X01, X02, X03, X04, X05, X06, X07 and 2 more" == found.words()


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_turned_round_is_its_opposite(one: ConfigDocument, other: ConfigDocument) -> None:
    there, back = difference(one, other), difference(other, one)

    assert (there.added, there.removed, there.changed) == (back.removed, back.added, back.changed)
    assert bool(there) == ((one.vars, one.files) != (other.vars, other.files))


@pytest.mark.parametrize("app", ["blog", "shop"])
def test_a_credential_is_told_from_that_of_every_other_app_version_content_and_part(app: str) -> None:
    one = ConfigPin(version=1, sha256="a" * 64, files=("tls.key",))
    others = (
        one,
        msgspec.structs.replace(one, version=11),
        msgspec.structs.replace(one, sha256="b" * 64),
    )

    names = [pin.credential(name, part) for name in (app, f"{app}.c1") for pin in others for part in pin.parts()]

    assert ("env", "tls.key") == one.parts()
    assert len(names) == len(set(names))


@given(
    st.sampled_from(["", "\n", "\0", "\ud800", "x" * LONGEST, "ü☃"]),
    st.sampled_from(["KEY", "LD_PRELOAD", "PORT"]),
    st.sampled_from([b"", b"x" * LARGEST]),
)
def test_no_error_tells_a_value(more: str, key: str, data: bytes) -> None:
    told = ""
    try:
        document = with_({key: f"{CANARY}{more}{CANARY}"}, {"one": CANARY.encode() + data})
        read_document(msgspec.json.encode(document).replace(b'"salt"', b'"more"'), app="blog", meta=meta_of(EMPTY))
    except PvdifyError as error:
        told = "".join([error.hint, repr(error), *traceback.format_exception(error)])

    assert told
    assert CANARY not in told


def test_nothing_that_is_shown_tells_a_value() -> None:
    document = with_({"KEY": CANARY}, {"one": CANARY.encode()})
    things = (
        document,
        meta_of(document),
        SetConfig(app="blog", vars={"KEY": CANARY}, files={"one": CANARY.encode()}),
        UnsetConfig(app="blog", key="KEY"),
        Config(
            app="blog",
            version=1,
            live_version=1,
            vars={"KEY": CANARY},
            files={"one": CANARY.encode()},
            sizes={"one": 11},
        ),
        difference(None, document),
    )

    assert not [thing for thing in things if CANARY in f"{thing}{thing!r}{[thing]}"]
    assert "SetConfig(blog: KEY, one)" == repr(things[2])


def test_no_refused_request_tells_a_value() -> None:
    for vars_ in ({"1X": CANARY}, {"KEY": [CANARY]}, {"KEY": {CANARY: CANARY}}, {"KEY": f"{CANARY}\0"}, [CANARY]):
        with pytest.raises(SpecError) as caught:
            from_value({"app": "blog", "vars": vars_}, SetConfig)
        assert CANARY not in f"{caught.value}{caught.value.hint}{caught.value.pointer}"
    with pytest.raises(SpecError) as caught:
        from_value({"app": "blog", "files": {"one": CANARY}}, SetConfig)
    assert CANARY not in f"{caught.value}{caught.value.hint}{caught.value.pointer}"
