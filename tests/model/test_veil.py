"""Nothing that a config holds is left in what an app wrote, however programs write it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from pvdify.model.config import ConfigDocument
from pvdify.model.veil import veiled

if TYPE_CHECKING:
    from collections.abc import Callable


def document(*, files: dict[str, bytes] | None = None, **variables: str) -> ConfigDocument:
    return ConfigDocument(app="blog", version=1, salt="", vars=variables, files=files or {})


WRITERS: tuple[Callable[[str], str], ...] = (
    str,
    json.dumps,
    partial(json.dumps, ensure_ascii=False),
    repr,
    partial(quote, safe=""),
    lambda text: "".join(one if one.isalnum() else f"\\u{ord(one):04X}" for one in text),
)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=60))
def test_a_value_is_found_however_programs_write_it(text: str) -> None:
    value = f"canary{text}canary"

    found = veiled([f"is <{write(value)}>" for write in WRITERS], document(A=value))

    assert {"is <[A]>"} == {line.replace('"', "").replace("'", "") for line in found}


def test_a_value_that_is_part_of_another_one_leaves_nothing_of_that() -> None:
    assert ("to [URL]",) == veiled(["to db://canary@db"], document(USER="canary", URL="db://canary@db"))


def test_each_line_of_a_file_is_found() -> None:
    lines = ["-----BEGIN KEY-----", "Y2FuYXJ5", "bye"]

    found = veiled(lines, document(files={"tls.key": b"-----BEGIN KEY-----\n  Y2FuYXJ5\r\n"}))

    assert ("[secrets/tls.key]", "[secrets/tls.key]", "bye") == found


def test_short_values_are_no_secrets() -> None:
    assert ("info: on 8080",) == veiled(["info: on 8080"], document(LEVEL="info", AT="8080", EMPTY=""))
