"""A config that was taken apart for sealing is put together again, and only as what was set."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvdify.errors import SpecError
from pvdify.model.config import ENV, SALT, ConfigDocument, ConfigMeta, from_parts
from pvdify.model.parse import from_value
from pvdify.model.patterns import UNWRITABLE
from pvdify.model.requests import SetConfig

VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not UNWRITABLE.search(text)
)
DOCUMENTS = st.builds(
    ConfigDocument,
    app=st.just("blog"),
    version=st.integers(1, 99),
    salt=st.sampled_from(["one", "two"]),
    vars=st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True), VALUES, max_size=5),
    files=st.dictionaries(st.sampled_from(["a", "b.c", "environment"]), st.binary(max_size=60), max_size=3),
)
DOCUMENT = ConfigDocument(app="blog", version=7, salt="salt", vars={"A": "1", "B": ""}, files={"one": b"1", "two": b""})


def parts_of(document: ConfigDocument) -> dict[str, bytes]:
    return {name: document.part(name) for name in (ENV, SALT, *document.files)}


def meta_of(document: ConfigDocument) -> ConfigMeta:
    return ConfigMeta(version=document.version, sha256=document.digest())


@given(DOCUMENTS)
def test_what_was_taken_apart_is_put_together(document: ConfigDocument) -> None:
    assert document == from_parts(parts_of(document), app="blog", meta=meta_of(document))


@given(DOCUMENTS, DOCUMENTS, st.data())
def test_parts_of_another_config_are_not_taken(one: ConfigDocument, other: ConfigDocument, data: st.DataObject) -> None:
    mixed = parts_of(one)
    for name in data.draw(st.sets(st.sampled_from([ENV, SALT, "a", "b.c"]), min_size=1)):
        if name in parts_of(other):
            mixed[name] = parts_of(other)[name]
        elif name in one.files:
            del mixed[name]

    found = from_parts(mixed, app="blog", meta=meta_of(one))

    assert found is None or found == one
    assert (found is None) == (mixed != parts_of(one))


@pytest.mark.parametrize(
    "change",
    [
        {ENV: b""},
        {ENV: b"A=1\n"},
        {ENV: b"A=1\nB=\nC=\n"},
        {ENV: b"A=2\nB=\n"},
        {ENV: b"\xff"},
        {SALT: b""},
        {SALT: b"\xff"},
        {"one": b""},
        {"three": b""},
    ],
)
def test_no_part_may_be_another(change: dict[str, bytes]) -> None:
    assert from_parts(parts_of(DOCUMENT) | change, app="blog", meta=meta_of(DOCUMENT)) is None


def test_nor_may_they_be_of_another_app_or_version() -> None:
    later = msgspec.structs.replace(meta_of(DOCUMENT), version=8)

    assert from_parts(parts_of(DOCUMENT), app="shop", meta=meta_of(DOCUMENT)) is None
    assert from_parts(parts_of(DOCUMENT), app="blog", meta=later) is None


@pytest.mark.parametrize("name", [ENV, SALT])
def test_no_file_is_called_as_a_part_of_its_own_is(name: str) -> None:
    with pytest.raises(SpecError, match="neither env nor salt"):
        from_value({"app": "blog", "files": {name: ""}}, SetConfig)
